// The values that the suite, its hosts and its drivers share through the global object.

/** In a browser, from in-browser.js: runs one of its parts in the page. */
declare var ask: import("./in-browser.js").Ask;
/** In a page, from in-browser.js: runs a part in its worker. */
declare var askWorker: import("./in-browser.js").Ask;
/** In a page, from in-browser.js: starts its worker and replaces an earlier one. */
declare var startWorker: () => void;
/** In a page, from browser.js: reports the page as hidden or visible. */
declare var hide: (hidden: boolean) => void;

/** In QuickJS, from quickjs.js. The result of a call is passed to `fromHost` with its number. */
declare var hostDial: (number: number, host: string, port: number) => void;
declare var hostWrite: (number: number, bytes: ArrayBufferLike) => boolean;
declare var hostClose: (number: number, politely: boolean) => void;
declare var hostSchedule: (number: number, delay: number) => void;
declare var hostCancel: (number: number) => void;
declare var hostControl: (number: number, path: string) => void;
/** In QuickJS, from in-quickjs.js. */
declare var fromHost: (number: number, event: string, bytes?: ArrayBuffer) => void;
/** In QuickJS, from in-quickjs.js: resolves with the steps as JSON. */
declare var runSmoke: (url: string, entryCount: number) => Promise<string>;
