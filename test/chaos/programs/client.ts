// A client process of the chaos run: it waits for its orders on standard input, then publishes numbered messages,
// receives them, or both. At a second line it stops publishing, at a third it disconnects. It prints each event as a
// line before the next step, so that a killed process has reported everything that it did.
//
//   ready | connected 0|1 | disconnected NEXT | settled N | rejected N CODE | received N | published | error TEXT |
//   memory HEAP RSS | done PENDING
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { type ConnectOptions, createClient, type Message, MqttError } from "@aiko/mqtt";
import { DiskStore } from "@aiko/mqtt-store";
import { say } from "../../fixtures/say.ts";
import type { Orders } from "../client-process.ts";
import { FILTER, numberIn, payloadOf, topicOf } from "../numbered-message.ts";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const orders = JSON.parse((await lines.next()).value ?? "{}") as Orders;
let stopped = false;
const left = lines.next().then(() => {
  stopped = true;
  return lines.next();
});

const { qos, directory, clientId } = orders;
let next = orders.from;
if (directory !== undefined) {
  // Messages in the store were published already; later ones never got as far.
  const store = new DiskStore(directory);
  const { records, session } = await store.open(clientId);
  for (const { value } of records) next = Math.max(next, numberIn(value) + 1);
  await session.close();
}
const options: ConnectOptions = {
  clientId,
  protocolVersion: orders.version,
  cleanStart: false,
  keepAlive: 1,
  connectTimeout: 1_000,
  reconnect: { initialDelay: 1, maximumDelay: 5 },
};
const client = createClient(
  orders.url,
  directory === undefined ? options : { ...options, store: new DiskStore(directory) },
);
client.on("connected", ({ sessionPresent }) => say(`connected ${sessionPresent ? 1 : 0}`));
client.on("disconnected", () => say(`disconnected ${next}`));
client.on("error", (error) => say(`error ${error}`));
client.on("closed", ({ error }) => error && say(`error closed: ${error}`));

/** The first connection may fail like any other. */
async function connected(): Promise<void> {
  for (;;) {
    try {
      await client.connect();
      return;
    } catch (error) {
      if (error instanceof MqttError && error.code === "ALREADY_CONNECTED") throw error;
      await pause(2);
    }
  }
}

const memory = (): void => {
  globalThis.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  say(`memory ${heapUsed} ${rss}`);
};

async function receive(): Promise<void> {
  let sometimes = 0;
  const onMessage = async (message: Message): Promise<void> => {
    if (sometimes++ % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
    say(`received ${numberIn(message.payload)}`);
  };
  for (;;) {
    try {
      await client.subscribe(FILTER, { qos, onMessage });
      return;
    } catch (error) {
      // Reported when ten connections in a row ended before SUBACK, which a chaos run causes.
      if (!(error instanceof MqttError) || error.code !== "SUBSCRIBE_UNANSWERED") throw error;
    }
  }
}

/** Promises without an outcome. */
let waiting = 0;
let wake: () => void = () => undefined;
const settled = (): void => {
  waiting--;
  wake();
};
function publishNext(): void {
  const number = next++;
  waiting++;
  client
    .publish(topicOf(number), payloadOf(number), { qos })
    .then(
      () => orders.quiet || say(`settled ${number}`),
      (error: MqttError) => say(`rejected ${number} ${error.code}`),
    )
    .then(settled);
}

const until = orders.until || Infinity;
if (orders.offline) while (next <= until) publishNext();
const subscribed = orders.receives ? receive() : undefined; // before connecting: messages may arrive at once
const connecting = connected();
await subscribed;
await connecting;
say("ready");

for (let turn = 0; !stopped; turn++) {
  if (turn === orders.warmUp) memory();
  const more = orders.publishes && next <= until;
  if (more && waiting < orders.window) publishNext();
  else if (waiting > 0) await new Promise<void>((resolve) => (wake = resolve));
  else await pause(5);
  if (orders.publishes && next > until && waiting === 0) break;
}
if (!stopped) say("published");
while (!stopped) await pause(5);
const end = Date.now() + orders.patience;
while (waiting + client.statistics.pendingPublishes > 0 && Date.now() < end) await pause(5);
memory();
say(`done ${waiting + client.statistics.pendingPublishes}`);
await left;
await client.disconnect();
process.exit(0);
