/**
 * The smoke suite: what every runtime must do, over each transport it has. Takes all it needs as arguments and names nothing of any
 * platform, so that it runs wherever the library does.
 *
 * @typedef {{ feature: string, transport?: string | undefined, error?: string | undefined }} Step a failed step has an error
 * @typedef {import("@aiko/mqtt").Message} Message
 * @typedef {import("@aiko/mqtt").ConnectOptions} ConnectOptions
 * @typedef {Omit<ConnectOptions, "protocolVersion"> & { protocolVersion?: 4 | 5 }} Options for either client
 */

/**
 * What the suite needs from a client, full or small, and from the entry that creates it.
 *
 * @typedef {{
 *   connected: boolean,
 *   on(event: "connected" | "disconnected", listener: () => void): unknown,
 *   subscribe(filter: string, options: { qos: 0 | 1 | 2, onMessage: (message: Message) => void }): Promise<unknown>,
 *   publish(topic: string, payload: string | Uint8Array, options?: { qos: 0 | 1 | 2 }): Promise<unknown>,
 *   disconnect(): Promise<unknown>,
 * }} Client
 * @typedef {{ connect(url: string, options?: Options): Promise<Client> }} Library
 *
 * @typedef {(path: string) => Promise<void>} Control makes the gates cut, drop and pass
 * @typedef {{ name: string, transport: string, url: string, options?: Options, control: Control }} Where
 * @typedef {{ name: string, transport: string, url: string, store: import("@aiko/mqtt").Store, control: Control }} Durable
 */

const MEGABYTE = 1_000_000;

/** The messages of one subscription; the suite waits for them one by one. */
class Mailbox {
  /** @type {Message[]} */
  messages = [];
  /** @type {((message: Message) => void)[]} */
  #waiting = [];

  /** @param {Message} message */
  put = (message) => {
    const next = this.#waiting.shift();
    if (next) next(message);
    else this.messages.push(message);
  };

  /** @returns {Promise<Message>} */
  async next() {
    return this.messages.shift() ?? new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** @type {(holds: boolean, rule: string) => asserts holds} */
function check(holds, rule) {
  if (!holds) throw new Error(`it must be that ${rule}`);
}

/**
 * Resolves with the result of `work`, or with undefined if it rejects.
 *
 * @template Value
 * @param {Step[]} steps
 * @param {string} feature
 * @param {string} transport
 * @param {() => Promise<Value>} work
 */
async function step(steps, feature, transport, work) {
  try {
    const value = await work();
    steps.push({ feature, transport });
    return value;
  } catch (error) {
    steps.push({ feature, transport, error: `${transport} ${traceOf(error)}` });
    return undefined;
  }
}

/**
 * One transport: connecting, every QoS in both directions, reconnecting after a cut, a large payload.
 *
 * @param {Library} library what `@aiko/mqtt` exports
 * @param {Where} where
 * @returns {Promise<Step[]>}
 */
export async function overTransport(library, { name, transport, url, options, control }) {
  /** @type {Step[]} */
  const steps = [];
  const clientId = `${name}-${transport}`;
  /** @param {string | number} rest */
  const topic = (rest) => `runtimes/${clientId}/${rest}`;
  const mailbox = new Mailbox();
  const client = await step(steps, transport, transport, async () => {
    const reconnect = { initialDelay: 100, maximumDelay: 1_000 };
    const opened = await library.connect(url, { clientId, protocolVersion: 5, reconnect, ...options });
    await opened.subscribe(topic("+"), { qos: 2, onMessage: mailbox.put });
    return opened;
  });
  if (client === undefined) return steps;
  await step(steps, "QoS 0–2", transport, async () => {
    for (const qos of /** @type {const} */ ([0, 1, 2])) {
      const texts = Array.from({ length: 20 }, (_, i) => `žluť ${qos}.${i}`);
      await Promise.all(texts.map((text) => client.publish(topic(qos), text, { qos })));
      for (const text of texts) {
        const message = await mailbox.next();
        check(message.text() === text, `"${text}" comes; "${message.text()}" came`);
        check(message.qos === qos, `its QoS is ${qos}; it is ${message.qos}`);
      }
    }
    check(mailbox.messages.length === 0, "nothing comes twice");
  });
  await step(steps, "reconnect", transport, async () => {
    const back = eventOf(client, "connected");
    const lost = eventOf(client, "disconnected");
    await control(`cut/${transport}`);
    await lost;
    const published = /** @type {const} */ ([1, 2]).map((qos) => client.publish(topic("after"), `cut ${qos}`, { qos }));
    await back;
    await Promise.all(published);
    const texts = [await mailbox.next(), await mailbox.next()].map((message) => message.text());
    check(texts.sort().join() === "cut 1,cut 2", `what was published meanwhile comes; ${texts} came`);
  });
  await step(steps, "1 MB payload", transport, async () => {
    const payload = new Uint8Array(MEGABYTE);
    for (let i = 0; i < MEGABYTE; i++) payload[i] = (i * 7 + (i >> 8)) & 0xff;
    await client.publish(topic("large"), payload, { qos: 2 });
    const message = await mailbox.next();
    check(message.payload.length === MEGABYTE, `${MEGABYTE} bytes come; ${message.payload.length} came`);
    check(
      message.payload.every((byte, i) => byte === payload[i]),
      "every byte is as it was sent",
    );
  });
  await client.disconnect();
  return steps;
}

/**
 * A server that is not a WebSocket server is reported as such, and soon.
 *
 * @param {Library} small what `@aiko/mqtt/small` exports
 * @param {{ controlUrl: string, options?: Options }} where
 */
export async function refusedSmallClient(small, { controlUrl, options }) {
  /** @type {Step[]} */
  const steps = [];
  await step(steps, "small", "ws", async () => {
    const code = await small.connect(controlUrl.replace("http:", "ws:"), options).then(
      () => "no refusal",
      (error) => error.code,
    );
    check(code === "WEBSOCKET_FAILED", `a server that speaks HTTP alone is refused; ${code} came`);
  });
  return steps;
}

/**
 * The same with the small client, in both of its versions.
 *
 * @param {Library} small what `@aiko/mqtt/small` exports
 * @param {Where} where
 * @returns {Promise<Step[]>}
 */
export async function bySmallClient(small, where) {
  /** @type {Step[]} */
  const steps = [];
  for (const protocolVersion of /** @type {const} */ ([5, 4])) {
    const options = { ...where.options, protocolVersion };
    steps.push(...(await overTransport(small, { ...where, name: `${where.name}-small-${protocolVersion}`, options })));
  }
  return steps.map(({ feature, transport, error }) => ({
    feature: "small",
    transport,
    error: error && `${feature}: ${error}`,
  }));
}

/** An error for people who search its cause. @param {unknown} error */
export const traceOf = (error) => String((error instanceof Error && error.stack) || error);

/**
 * Resolves at the client's next such event.
 *
 * @param {Client} client
 * @param {"connected" | "disconnected"} event
 * @returns {Promise<void>}
 */
const eventOf = (client, event) => new Promise((resolve) => client.on(event, () => resolve()));

const COUNT = 20;

/**
 * What a process does before it dies: it publishes messages that are not acknowledged. Resolves when all of them are
 * sent, and therefore stored.
 *
 * @param {Library} library
 * @param {Durable} where
 */
export async function beforeDeath(library, { name, transport, url, store, control }) {
  const clientId = `${name}-durable`;
  const client = await library.connect(url, { clientId, protocolVersion: 5, cleanStart: false, store });
  await control(`swallow/${transport}`);
  const topic = `runtimes/${clientId}`;
  for (let i = 0; i < COUNT; i++) client.publish(topic, `durable ${i}`, { qos: i % 2 === 0 ? 1 : 2 }).catch(() => {});
  client.publish(topic, "durable and last", { qos: 2 }).catch(() => {});
  await control(`swallowed/${transport}?text=durable%20and%20last`);
}

/** What its successor finds: each of those messages is sent once. @param {Library} library @param {Durable} where */
export async function afterDeath(library, { name, transport, url, store, control }) {
  await control(`pass/${transport}`);
  const clientId = `${name}-durable`;
  const mailbox = new Mailbox();
  const listener = await library.connect(url, { clientId: `${clientId}-listener`, protocolVersion: 5 });
  await listener.subscribe(`runtimes/${clientId}`, { qos: 2, onMessage: mailbox.put });
  const client = await library.connect(url, { clientId, protocolVersion: 5, cleanStart: false, store });
  /** @type {string[]} */
  const texts = [];
  for (let i = 0; i <= COUNT; i++) texts.push((await mailbox.next()).text());
  const expected = [...Array.from({ length: COUNT }, (_, i) => `durable ${i}`), "durable and last"];
  check(texts.sort().join() === expected.sort().join(), `each message comes once; ${texts} came`);
  await client.disconnect();
  await client.publish("x", "y").then(
    () => check(false, "a closed client takes no message"),
    () => undefined,
  );
  check(mailbox.messages.length === 0, "nothing comes twice");
  await listener.disconnect();
}

/**
 * Every case of a shared suite; throws the error of the first failing one.
 *
 * @param {import("@aiko/mqtt/testing").SuiteCase[]} cases
 */
export async function runSuite(cases) {
  for (const { name, run } of cases) {
    try {
      await run();
    } catch (error) {
      throw new Error(`${name}: ${error instanceof Error ? error.message : error}`);
    }
  }
}
