/** The smoke suite in a browser, in a page or a worker: the parts that the driver calls by name. */

import * as library from "@aiko/mqtt";
import { IndexedDbStore } from "@aiko/mqtt/indexed-db";
import * as small from "@aiko/mqtt/small";
import { storeSuite } from "@aiko/mqtt/testing";
import { entries } from "./entries.js";
import {
  afterDeath,
  beforeDeath,
  bySmallClient,
  overTransport,
  refusedSmallClient,
  runSuite,
  traceOf,
} from "./smoke.js";

/**
 * @typedef {typeof parts} Parts
 * @typedef {{ name: string, urls: { ws: string, wss: string }, controlUrl: string }} Given
 * @typedef {{ client: import("./smoke.js").Client, connections: number, losses: number }} Watched
 */

/**
 * The result of a part: its value, or the reason for its failure.
 *
 * @template {keyof Parts} Part
 * @typedef {{ value: Awaited<ReturnType<Parts[Part]>>, error?: undefined } | { value?: undefined, error: string }} Answer
 */

/** @typedef {<Part extends keyof Parts>(part: Part, argument?: Parameters<Parts[Part]>[0]) => Promise<Answer<Part>>} Ask */

let places = 0;
/** @type {Watched[]} */
let watched = [];

/** @param {string} controlUrl @returns {import("./smoke.js").Control} */
const controlAt = (controlUrl) => async (path) => {
  const response = await fetch(`${controlUrl}/${path}`);
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
};

const parts = {
  entries: () => entries.length,

  /** @param {Given} given */
  async transports({ name, urls, controlUrl }) {
    const control = controlAt(controlUrl);
    /** @type {import("./smoke.js").Step[]} */
    const steps = [];
    for (const [transport, url] of Object.entries(urls)) {
      steps.push(...(await overTransport(library, { name, transport, url, control })));
    }
    return steps;
  },

  /** The client for pages without a bundler. @param {Given} given */
  async oneFile({ name, urls }) {
    const file = "/mqtt.js"; // with a variable name, because esbuild would resolve a literal
    /** @type {{ connect: typeof library.connect, IndexedDbStore: typeof IndexedDbStore }} */
    const { connect, IndexedDbStore: Store } = await import(file);
    const client = await connect(urls.ws, { clientId: `${name} of one file`, cleanStart: false, store: new Store() });
    const subscription = await client.subscribe(`${name}/file`, { qos: 2 });
    await client.publish(`${name}/file`, "all in one", { qos: 2 });
    const { value } = await subscription[Symbol.asyncIterator]().next();
    await client.disconnect();
    if (value?.text() !== "all in one") throw new Error(`"${value?.text()}" came from the client in one file`);
  },

  /** @param {Given} given */
  async small({ name, urls, controlUrl }) {
    const control = controlAt(controlUrl);
    const steps = await refusedSmallClient(small, { controlUrl });
    for (const [transport, url] of Object.entries(urls)) {
      steps.push(...(await bySmallClient(small, { name, transport, url, control })));
    }
    return steps;
  },

  /** @param {Given} given */
  async smallOneFile({ name, urls }) {
    const file = "/mqtt-small.js";
    /** @type {{ connect: typeof small.connect }} */
    const { connect } = await import(file);
    const client = await connect(urls.ws, { clientId: `${name} of one small file` });
    /** @type {Promise<import("./smoke.js").Message>} */
    const came = new Promise((resolve, reject) => {
      client.subscribe(`${name}/small`, { qos: 2, onMessage: resolve }).catch(reject);
    });
    await client.publish(`${name}/small`, "all in one", { qos: 2 });
    const message = await came;
    await client.disconnect();
    if (message.text() !== "all in one") throw new Error(`"${message.text()}" came from the small client in one file`);
  },

  /** @param {Given} given */
  async storeSuite({ name }) {
    const place = async () => {
      const database = `${name} ${places++}`;
      return {
        store: () => new IndexedDbStore({ database }),
        dispose: async () => void indexedDB.deleteDatabase(database),
      };
    };
    await runSuite(storeSuite({ place }));
  },

  /** @param {Given} given */
  beforeDeath: ({ name, urls, controlUrl }) =>
    beforeDeath(library, {
      name,
      transport: "ws",
      url: urls.ws,
      store: new IndexedDbStore(),
      control: controlAt(controlUrl),
    }),

  /** @param {Given} given */
  afterDeath: ({ name, urls, controlUrl }) =>
    afterDeath(library, {
      name,
      transport: "ws",
      url: urls.ws,
      store: new IndexedDbStore(),
      control: controlAt(controlUrl),
    }),

  /** Opens a session and does not close it. @param {string} name */
  async hold(name) {
    await new IndexedDbStore().open(name);
  },

  /**
   * A client of each kind that stays, and would wait for ten minutes or longer before its next attempt.
   *
   * @param {{ url: string, name: string, keepAlive: number }} given
   */
  async watch({ url, name, keepAlive }) {
    for (const { client } of watched) await client.disconnect();
    watched = [];
    /** @type {Record<string, import("./smoke.js").Library>} */
    const kinds = { whole: library, small };
    for (const [kind, { connect }] of Object.entries(kinds)) {
      const reconnect = { initialDelay: 6_000_000, maximumDelay: 6_000_000 };
      const client = await connect(url, { clientId: `${name} ${kind}`, protocolVersion: 5, keepAlive, reconnect });
      const each = { client, connections: 1, losses: 0 };
      client.on("connected", () => each.connections++);
      client.on("disconnected", () => each.losses++);
      watched.push(each);
    }
  },

  state: () => ({
    clients: watched.map(({ client, ...counts }) => ({ connected: client.connected, ...counts })),
    hidden: globalThis.document?.hidden,
    onLine: navigator.onLine,
  }),
};

/**
 * Never throws: errors are returned as text, which can leave the page.
 *
 * @type {Ask}
 */
const ask = async (part, argument) => {
  try {
    const run = /** @type {(argument: unknown) => unknown} */ (parts[part]);
    return { value: /** @type {Awaited<ReturnType<Parts[typeof part]>>} */ (await run(argument)) };
  } catch (error) {
    return { error: traceOf(error) };
  }
};

globalThis.ask = ask;

if (globalThis.document === undefined) {
  globalThis.onmessage = async ({ data: { part, argument } }) => postMessage(await ask(part, argument));
} else {
  /** @type {Worker} */
  let worker;
  globalThis.startWorker = () => {
    worker?.terminate();
    worker = new Worker("/in-browser.js", { type: "module" });
  };
  globalThis.askWorker = (part, argument) =>
    new Promise((resolve) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => resolve({ error: `the worker failed: ${event.message}` });
      worker.postMessage({ part, argument });
    });
}
