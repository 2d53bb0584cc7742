// One stream that the server distributes over several clients: each message goes to one of them.
import { type Client, connect } from "@aiko/mqtt";
import { expect, test } from "vitest";
import { Mosquitto } from "../fixtures/mosquitto.ts";

const WORKERS = 4;
const MESSAGES = 2_000;

/** Resolves when the workers together have got this many messages. */
class Counter {
  readonly texts: string[] = [];
  private readonly waiting: { count: number; resolve: () => void }[] = [];

  add(text: string): void {
    this.texts.push(text);
    for (const { count, resolve } of this.waiting) if (this.texts.length >= count) resolve();
  }

  reached(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push({ count, resolve });
      if (this.texts.length >= count) resolve();
    });
  }
}

async function workers(url: string, counter: Counter, shares: number[]): Promise<Client[]> {
  return Promise.all(
    Array.from({ length: WORKERS }, async (_, i) => {
      shares[i] = 0;
      const client = await connect(url, { protocolVersion: 5 });
      await client.subscribe("$share/workers/jobs/#", {
        qos: 1,
        onMessage(message) {
          shares[i] = (shares[i] ?? 0) + 1;
          counter.add(message.text());
        },
      });
      return client;
    }),
  );
}

const numbers = Array.from({ length: MESSAGES }, (_, i) => `${i}`);
const inOrder = (texts: readonly string[]) => texts.toSorted((a, b) => Number(a) - Number(b));

test("each message of a shared subscription goes to exactly one client, and each client gets some", async () => {
  await using mosquitto = await Mosquitto.start();
  await using publisher = await connect(mosquitto.url);
  const counter = new Counter();
  const shares: number[] = [];
  const clients = await workers(mosquitto.url, counter, shares);
  await Promise.all(numbers.map((text) => publisher.publish("jobs/x", text, { qos: 1 })));
  await counter.reached(MESSAGES);
  await Promise.all(clients.map((client) => client.disconnect())); // duplicates would have arrived by now
  console.log(`${MESSAGES} messages over ${WORKERS} clients: ${shares.join(", ")}`);
  expect(inOrder(counter.texts)).toEqual(numbers);
  expect(Math.min(...shares)).toBeGreaterThan(0);
});

test("an ordinary subscription gets every message in addition to the group", async () => {
  await using mosquitto = await Mosquitto.start();
  await using publisher = await connect(mosquitto.url);
  await using watcher = await connect(mosquitto.url);
  const [shared, whole] = [new Counter(), new Counter()];
  await watcher.subscribe("jobs/#", { qos: 1, onMessage: (message) => whole.add(message.text()) });
  const clients = await workers(mosquitto.url, shared, []);
  await Promise.all(numbers.map((text) => publisher.publish("jobs/x", text, { qos: 1 })));
  await Promise.all([shared.reached(MESSAGES), whole.reached(MESSAGES)]);
  await Promise.all(clients.map((client) => client.disconnect()));
  expect(inOrder(shared.texts)).toEqual(numbers);
  expect(inOrder(whole.texts)).toEqual(numbers);
});
