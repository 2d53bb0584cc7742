// The client library against the broker, over TCP.
import { type Client, connect, type Message, type ProtocolVersion } from "@aiko/mqtt";
import * as MQTT from "@aiko/mqtt/classic";
import { Broker } from "@aiko/mqtt-broker";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

let broker: Broker;
beforeAll(async () => {
  broker = await Broker.listen({ port: 0 });
});
afterAll(() => broker.close());

const versions = [3, 4, 5] as const;
const qualities = [0, 1, 2] as const;
let clients = 0;

function join(protocolVersion: ProtocolVersion, options = {}): Promise<Client> {
  return connect(broker.url, { protocolVersion, clientId: `e2e${clients++}`, ...options });
}

async function take(messages: AsyncIterable<Message>, count: number): Promise<string[]> {
  const got: string[] = [];
  for await (const message of messages) {
    got.push(message.text());
    if (got.length === count) break;
  }
  return got;
}

describe.each(versions.flatMap((from) => versions.map((to) => [from, to] as const)))(
  "from version %i to version %i",
  (from, to) => {
    test.each(qualities)("a hundred messages at QoS %i arrive once and in order", async (qos) => {
      await using sender = await join(from);
      await using receiver = await join(to);
      const topic = `${from}/${to}/${qos}`;
      const subscription = await receiver.subscribe(`${from}/+/${qos}`, { qos });
      expect(subscription.granted).toMatchObject([{ qos }]);
      const sent = Array.from({ length: 100 }, (_, i) => String(i));
      const outcomes = sent.map((text) => sender.publish(topic, text, { qos }));
      const got = await take(subscription, 100);
      expect(got).toEqual(sent);
      for (const { reasonCode } of await Promise.all(outcomes)) expect(reasonCode).toBe(0);
    });
  },
);

test.each(versions)("version %i: a retained message, a will, ten megabytes", async (version) => {
  await using receiver = await join(version);
  const sender = await join(version, { reconnect: false, will: { topic: `will/${version}`, payload: "gone", qos: 1 } });
  await sender.publish(`kept/${version}`, "old", { retain: true, qos: 1 });
  const messages = (await receiver.subscribe([`kept/${version}`, `will/${version}`, `big/${version}`], { qos: 1 }))[
    Symbol.asyncIterator
  ]();
  const first = (await messages.next()).value as Message;
  expect([first.text(), first.retain]).toEqual(["old", true]);
  const big = new Uint8Array(10 * 2 ** 20).fill(7);
  const publishing = sender.publish(`big/${version}`, big, { qos: 1 });
  const second = (await messages.next()).value as Message;
  expect(Buffer.compare(second.payload, big)).toBe(0);
  await publishing;
  await using usurper = await join(version, { clientId: sender.clientId });
  expect(((await messages.next()).value as Message).text()).toBe("gone");
  await messages.return?.(); // otherwise the receiver waits for the outcome of the last message
  await sender.disconnect();
  expect(usurper.connected).toBe(true);
});

test("a client that is taken over emits an event with its identifier", async () => {
  const first = await join(5, { clientId: "twin" });
  const taken = new Promise<{ clientId: string; certain: boolean }>((resolve) => first.on("takenOver", resolve));
  await using second = await join(5, { clientId: "twin" });
  expect(await taken).toMatchObject({ clientId: "twin", certain: false }); // in the first minute
  await first.disconnect();
  expect(second.connected).toBe(true);
});

test("auto connects with MQTT 5", async () => {
  await using client = await connect(broker.url);
  expect(client.connected).toBe(true);
  const counted = client.statistics.connections;
  expect(counted).toBe(1);
});

test("the classic client", async () => {
  const got: string[] = [];
  const client = MQTT.client.create("127.0.0.1", broker.port, (topic, payload) => got.push(`${topic}=${payload}`));
  await client.connect("lua mqtt client");
  await client.subscribe(["test/#"]);
  await client.publish("test/1", "x".repeat(200));
  await using watcher = await join(4);
  const echo = await watcher.subscribe("test/+");
  await client.publish("test/2", "second");
  await echo[Symbol.asyncIterator]().next(); // the broker has sent to both by now
  while (got.length < 2) {
    await client.handler();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(got).toEqual([`test/1=${"x".repeat(200)}`, "test/2=second"]);
  await client.unsubscribe(["test/#"]);
  await client.destroy();
});
