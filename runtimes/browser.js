/**
 * The smoke suite in a headless Chromium, in a page and in a Web Worker, and what only a browser can do: go offline and
 * hide a page.
 */

import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { traceOf } from "./smoke.js";

/** Milliseconds. */
const PATIENCE = 120_000;
/** A machine that stops for longer than a keep-alive disturbs one attempt. */
const ATTEMPTS = 3;
const LOOK_AGAIN = 50;
/** Milliseconds: the timers of a hidden page fire at multiples of it, as Chromium's do at each minute. */
const THROTTLE = 2_500;

/**
 * @typedef {import("./in-browser.js").Ask} Ask
 * @typedef {import("./in-browser.js").Parts} Parts
 * @typedef {import("./server.js").Server} Server
 * @typedef {import("./smoke.js").Step} Step
 */

/**
 * Bundles the installed packages of the project, as a user's bundler would.
 *
 * @param {string} project
 * @param {string} directory
 */
export async function bundleForBrowser(project, directory) {
  await build({
    entryPoints: [join(project, "in-browser.js")],
    outfile: join(directory, "in-browser.js"),
    bundle: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    logLevel: "error",
  });
  for (const file of ["mqtt.js", "mqtt-small.js"]) {
    await copyFile(join(project, "node_modules/@aiko/mqtt/dist/browser", file), join(directory, file));
  }
}

/**
 * @param {{ executable: string, server: Server, entryCount: number }} given
 * @returns {Promise<Record<string, Step[]>>} by row
 */
export async function runInChromium({ executable, server, entryCount }) {
  const browser = await chromium.launch({
    executablePath: executable,
    args: ["--no-sandbox", "--ignore-certificate-errors", "--headless=new"],
  });
  try {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    await context.addInitScript(holdTimersBack, THROTTLE);
    const page = await context.newPage();
    /** @type {string[]} */
    const problems = [];
    page.on("pageerror", (error) => problems.push(`the page failed: ${error.message}`));
    const start = async () => {
      await page.goto(`${server.controlUrl}/`);
      await page.waitForFunction(() => globalThis.startWorker !== undefined);
      await page.evaluate(() => globalThis.startWorker());
    };
    await start();
    /** @type {Ask} */
    const inPage = (part, argument) =>
      page.evaluate((given) => globalThis.ask(given.part, given.argument), { part, argument });
    /** @type {Ask} */
    const inWorker = (part, argument) =>
      page.evaluate((given) => globalThis.askWorker(given.part, given.argument), { part, argument });
    const pageSteps = await suite(inPage, "page", server, start, entryCount);
    const workerSteps = await suite(inWorker, "worker", server, start, entryCount);
    workerSteps.push(await held(inPage, inWorker));
    pageSteps.push(await waking(page, context, inPage, server));
    for (const error of problems) pageSteps.push({ feature: "entries", error });
    return { Chromium: pageSteps, "Web Worker": workerSteps };
  } finally {
    await browser.close();
  }
}

/**
 * @param {Ask} ask
 * @param {string} name
 * @param {Server} server
 * @param {() => Promise<void>} restart
 * @param {number} entryCount
 */
async function suite(ask, name, server, restart, entryCount) {
  const { ws, wss } = server.urls;
  const argument = { name, urls: { ws, wss }, controlUrl: server.controlUrl };
  /** @type {Step[]} */
  const steps = [];
  const entries = await within(ask("entries"));
  steps.push({
    feature: "entries",
    error: entries.value === entryCount ? undefined : (entries.error ?? "an entry has no exports"),
  });
  steps.push({ feature: "entries", error: (await within(ask("oneFile", argument))).error });
  for (const { part, feature } of /** @type {const} */ ([
    { part: "transports", feature: "ws" },
    { part: "small", feature: "small" },
  ])) {
    const { value, error } = await within(ask(part, argument));
    if (value === undefined) steps.push({ feature, error });
    else steps.push(...value);
  }
  steps.push({ feature: "small", error: (await within(ask("smallOneFile", argument))).error });
  steps.push({ feature: "durable session", ...(await durable(ask, argument, restart)) });
  return steps;
}

/**
 * The page is reloaded in between: what it had in memory is lost.
 *
 * @param {Ask} ask
 * @param {import("./in-browser.js").Given} argument
 * @param {() => Promise<void>} restart
 */
async function durable(ask, argument, restart) {
  for (const part of /** @type {const} */ (["storeSuite", "beforeDeath", "afterDeath"])) {
    if (part === "afterDeath") await restart();
    const { error } = await within(ask(part, argument));
    if (error) return { error: `${part}: ${error}` };
  }
  return {};
}

/** The page has a session open, so opening it in its worker is refused. @param {Ask} inPage @param {Ask} inWorker */
async function held(inPage, inWorker) {
  const feature = "durable session";
  const { error } = await within(inPage("hold", "held"));
  const refused = await within(inWorker("hold", "held"));
  if (error) return { feature, error };
  if (refused.error?.includes("is open in another client, page or worker")) return { feature };
  return { feature, error: `a worker could open its page's session: ${refused.error ?? "no error"}` };
}

/**
 * In the page: a way to hide it, which headless Chromium does not have, and timers that then fire as rarely as those of
 * a hidden page.
 *
 * @param {number} step milliseconds
 */
function holdTimersBack(step) {
  let hidden = false;
  const schedule = globalThis.setTimeout;
  Object.defineProperty(document, "hidden", { get: () => hidden });
  /** @param {() => void} callback @param {number} [delay] */
  const held = (callback, delay) => {
    const now = performance.now();
    const due = now + (delay ?? 0);
    return schedule(callback, hidden ? Math.ceil(due / step) * step - now : delay);
  };
  Object.defineProperty(globalThis, "setTimeout", { value: held });
  globalThis.hide = (value) => {
    hidden = value;
    document.dispatchEvent(new Event("visibilitychange"));
  };
}

/**
 * The full and the small client of the page would wait for minutes; they must reconnect when the browser emits its
 * event.
 *
 * @param {import("playwright-core").Page} page
 * @param {import("playwright-core").BrowserContext} context
 * @param {Ask} ask
 * @param {Server} server
 * @returns {Promise<Step>}
 */
async function waking(page, context, ask, server) {
  /** @typedef {ReturnType<Parts["state"]>} State */
  const state = async () => {
    const { value, error } = await within(ask("state"));
    if (value === undefined) throw new Error(error);
    return value;
  };
  /** @param {Parameters<Parts["watch"]>[0]} given */
  const watch = async (given) => {
    const { error } = await within(ask("watch", given));
    if (error !== undefined) throw new Error(error);
  };
  /** @param {string} what @param {(state: State) => boolean} holds */
  const until = async (what, holds) => {
    for (const start = Date.now(); ; await sleep(LOOK_AGAIN)) {
      const now = await state();
      if (holds(now)) return now;
      if (Date.now() - start > PATIENCE) throw new Error(`no ${what}; the state is ${JSON.stringify(now)}`);
    }
  };
  const url = server.urls.ws;
  /** @param {State} state */
  const lost = ({ clients }) => clients.every(({ connected }) => !connected);
  /** @param {number} times @returns {(state: State) => boolean} */
  const back = (times) => (now) =>
    now.clients.every(({ connected, connections }) => connected && connections === times);
  /** @param {boolean} hidden */
  const hide = (hidden) => page.evaluate((value) => globalThis.hide(value), hidden);
  try {
    await watch({ url, name: "woken", keepAlive: 60 });
    await context.setOffline(true);
    server.gates.ws.cut();
    await until("the loss", (now) => lost(now) && !now.onLine);
    await context.setOffline(false);
    await until("the return of the network", back(2));

    server.gates.ws.cut();
    await hide(true);
    await until("the hidden page", (now) => lost(now) && now.hidden === true);
    await hide(false);
    await until("the shown page", back(3));

    await hide(true);
    for (let attempt = 1; ; attempt++) {
      await watch({ url, name: `throttled ${attempt}`, keepAlive: 3 });
      await sleep(10_000); // three times the keep-alive: the broker would have closed it
      const { clients } = await state();
      if (clients.every(({ connected, losses }) => connected && losses === 0)) break;
      if (attempt === ATTEMPTS) throw new Error("a hidden page with throttled timers loses the connection");
    }
    await hide(false);
    return { feature: "woken" };
  } catch (error) {
    return { feature: "woken", error: traceOf(error) };
  }
}

/**
 * @template Value
 * @param {Promise<Value>} promise
 * @returns {Promise<Value | { value?: undefined, error: string }>}
 */
function within(promise) {
  return Promise.race([promise, sleep(PATIENCE, { error: `not finished within ${PATIENCE} ms` }, { ref: false })]);
}
