/** The smoke suite in a browser, as a page's or a worker's: the parts that the driver asks for, by name. */

import * as library from "@aiko/mqtt";
import { IndexedDbStore } from "@aiko/mqtt/indexed-db";
import * as small from "@aiko/mqtt/small";
import { storeSuite } from "@aiko/mqtt/testing";
import { entries } from "./entries.js";
import { afterDeath, beforeDeath, bySmallClient, overTransport, refusedSmallClient, runSuite } from "./smoke.js";

let places = 0;
let watched = [];

const controlAt = (controlUrl) => async (path) => {
  const response = await fetch(`${controlUrl}/${path}`);
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
};

const parts = {
  entries: () => entries.length,

  async transports({ name, urls, controlUrl }) {
    const control = controlAt(controlUrl);
    const steps = [];
    for (const [transport, url] of Object.entries(urls)) {
      steps.push(...(await overTransport(library, { name, transport, url, control })));
    }
    return steps;
  },

  /** The client as pages have it that use no bundler. */
  async oneFile({ name, urls }) {
    const file = "/mqtt.js"; // by name, and esbuild would look for it
    const { connect, IndexedDbStore: Store } = await import(file);
    const client = await connect(urls.ws, { clientId: `${name} of one file`, cleanStart: false, store: new Store() });
    const subscription = await client.subscribe(`${name}/file`, { qos: 2 });
    await client.publish(`${name}/file`, "all in one", { qos: 2 });
    const { value } = await subscription[Symbol.asyncIterator]().next();
    await client.disconnect();
    if (value.text() !== "all in one") throw new Error(`"${value.text()}" came from the client in one file`);
  },

  async small({ name, urls, controlUrl }) {
    const control = controlAt(controlUrl);
    const steps = await refusedSmallClient(small, { controlUrl });
    for (const [transport, url] of Object.entries(urls)) {
      steps.push(...(await bySmallClient(small, { name, transport, url, control })));
    }
    return steps;
  },

  async smallOneFile({ name, urls }) {
    const file = "/mqtt-small.js";
    const { connect } = await import(file);
    const client = await connect(urls.ws, { clientId: `${name} of one small file` });
    const came = new Promise((resolve) => client.subscribe(`${name}/small`, { qos: 2, onMessage: resolve }));
    await client.publish(`${name}/small`, "all in one", { qos: 2 });
    const message = await came;
    await client.disconnect();
    if (message.text() !== "all in one") throw new Error(`"${message.text()}" came from the small client in one file`);
  },

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

  beforeDeath: ({ name, urls, controlUrl }) =>
    beforeDeath(library, {
      name,
      transport: "ws",
      url: urls.ws,
      store: new IndexedDbStore(),
      control: controlAt(controlUrl),
    }),

  afterDeath: ({ name, urls, controlUrl }) =>
    afterDeath(library, {
      name,
      transport: "ws",
      url: urls.ws,
      store: new IndexedDbStore(),
      control: controlAt(controlUrl),
    }),

  /** Opens a session and keeps it. */
  async hold(name) {
    await new IndexedDbStore().open(name);
  },

  /** A client of each kind that stays, and would wait for ten minutes and more before it tried again by itself. */
  async watch({ url, name, keepAlive }) {
    for (const { client } of watched) await client.disconnect();
    watched = [];
    for (const [kind, { connect }] of Object.entries({ whole: library, small })) {
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

/** Never throws: what went wrong is told in words that cross the border of the page. */
async function ask(part, argument) {
  try {
    return { value: await parts[part](argument) };
  } catch (error) {
    return { error: String(error?.stack ?? error) };
  }
}

globalThis.ask = ask;

if (globalThis.document === undefined) {
  globalThis.onmessage = async ({ data: { part, argument } }) => postMessage(await ask(part, argument));
} else {
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
