// A client process that runs many clients in a row on one DiskStore, and shuts each one down at a random moment, except
// the last one of the run. It receives numbered messages at QoS 1 and 2 with handlers of random length, some of which
// reply, and publishes numbered messages. It prints each event as a line before the next step:
//
//   given QOS N | handled QOS N | unhandled QOS N TEXT | late QOS N | replied N
//   published N | settled N | rejected N CODE | pending N CODE (rejected because of the shutdown)
//   down RUNNING | error TEXT | noise TEXT (an error event for a message that an earlier life left, because of the
//   shutdown)
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { type ConnectOptions, createClient, type Message, MqttError } from "@aiko/mqtt";
import { SeededRandom } from "@aiko/mqtt/testing";
import { DiskStore } from "@aiko/mqtt-store";
import { say } from "../../fixtures/say.ts";
import { numberIn, payloadOf } from "../numbered-message.ts";
import { type LifeOrders, OWN_TOPIC, REPLY_TOPIC, WORK_TOPIC } from "../shutdown-orders.ts";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const orders = JSON.parse((await lines.next()).value ?? "{}") as LifeOrders;
let left = false;
void lines.next().then(() => {
  left = true;
});

const random = new SeededRandom(orders.seed);
/** Milliseconds. */
const LONGEST_HANDLER = 50;
const LONGEST_LIFE = 150;
const CONCURRENCY = { 1: 4, 2: 2 } as const;
/** The maximum of unsettled publishes at a time. */
const WINDOW = 5;

let next = orders.from;
for (let life = 0; life < orders.lives; life++) await live(1 + random.integer(LONGEST_LIFE));
if (orders.last) await live(undefined);
process.exit(0);

/** One client, from its creation to its shutdown: after this many milliseconds, or when the process is told to stop. */
async function live(duration: number | undefined): Promise<void> {
  let closing = false;
  let running = 0;
  const options: ConnectOptions = {
    clientId: orders.clientId,
    protocolVersion: orders.version,
    cleanStart: false,
    store: new DiskStore(orders.directory),
    reconnect: { initialDelay: 1, maximumDelay: 20 },
  };
  const client = createClient(orders.url, options);
  client.on("error", (error) =>
    say(`${closing && error instanceof MqttError && error.code === "CLIENT_CLOSED" ? "noise" : "error"} ${error}`),
  );
  client.on("closed", ({ error }) => error && say(`error closed: ${error}`));

  const handler = (qos: 1 | 2) => async (message: Message) => {
    const number = numberIn(message.payload);
    say(`${closing ? "late" : "given"} ${qos} ${number}`);
    running++;
    try {
      if (random.next() < 0.7) await pause(random.integer(LONGEST_HANDLER + 1));
      if (number % 3 === 0) {
        await client.publish(REPLY_TOPIC, payloadOf(number), { qos: 1 });
        say(`replied ${number}`);
      }
      say(`handled ${qos} ${number}`);
    } catch (error) {
      say(`unhandled ${qos} ${number} ${error}`);
      throw error;
    } finally {
      running--;
    }
  };

  async function publish(): Promise<void> {
    let waiting = 0;
    let wake: () => void = () => undefined;
    while (!closing && !left) {
      if (waiting >= WINDOW) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      const number = next++;
      waiting++;
      say(`published ${number}`);
      client
        .publish(OWN_TOPIC, payloadOf(number), { qos: 2 })
        .then(
          () => say(`settled ${number}`),
          (error: MqttError) => say(`${closing ? "pending" : "rejected"} ${number} ${error.code}`),
        )
        .then(() => {
          waiting--;
          wake();
        });
      await pause(random.integer(6));
    }
  }

  /** An operation that disconnect interrupts has the disconnect as its cause. */
  const unlessClosing = (error: unknown): void => {
    if (!closing || !(error instanceof MqttError)) say(`error ${error}`);
  };
  for (const qos of [1, 2] as const) {
    const onMessage = handler(qos);
    client.subscribe(`${WORK_TOPIC}/${qos}`, { qos, onMessage, concurrency: CONCURRENCY[qos] }).catch(unlessClosing);
  }
  client.connect().catch(unlessClosing);
  publish().catch(unlessClosing);
  if (duration === undefined) while (!left) await pause(5);
  else await pause(duration);
  closing = true;
  await client.disconnect();
  say(`down ${running}`);
}
