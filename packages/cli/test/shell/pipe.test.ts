// `sub --json | pub --lines json` between two brokers: messages arrive as they were published.
import { join } from "node:path";
import { type Client, connect, type Message, type PublishOptions } from "@aiko/mqtt";
import { SeededRandom } from "@aiko/mqtt/testing";
import { Broker } from "@aiko/mqtt-broker";
import { expect, test } from "vitest";
import { Child, root } from "../../../../test/fixtures/child.ts";

const COUNT = 10_000;
const random = new SeededRandom(20_261_201);
const upTo = (most: number): number => Math.floor(random.next() * (most + 1));
const chosen = <Value>(...values: readonly Value[]): Value => values[upTo(values.length - 1)] as Value;
const characters = [..."abc/ _-äß☃😀\"\\\n\t'$%{}"];
const text = (most: number): string => Array.from({ length: upTo(most) }, () => chosen(...characters)).join("");
const bytes = (most: number): Uint8Array => Uint8Array.from({ length: upTo(most) }, () => upTo(255));

function message(number: number): { topic: string; payload: Uint8Array; options: PublishOptions } {
  const payload = chosen(bytes(200), new TextEncoder().encode(text(100)), new Uint8Array(0));
  const properties = {
    ...chosen({}, { contentType: text(20) }),
    ...chosen({}, { responseTopic: `answers/${upTo(99)}` }),
    ...chosen({}, { correlationData: bytes(20) }),
    ...chosen({}, { messageExpiryInterval: 100_000 + upTo(1_000_000) }),
    ...chosen({}, { userProperties: Array.from({ length: 1 + upTo(3) }, () => [text(10), text(10)] as const) }),
    ...chosen({}, { payloadFormatIndicator: 0 as const }),
  };
  const topic = `in/${number}/${text(10).replaceAll(/[\n\t]/g, "")}`;
  return { topic, payload, options: { qos: chosen(0, 1, 2), retain: chosen(true, false), properties } };
}

/** A message in a form that can be compared. The expiry interval shrinks while a message waits. */
function comparable({ topic, payload, qos, retain, properties }: Omit<Message, "text" | "json" | "dup">): string {
  const { contentType, responseTopic, correlationData, messageExpiryInterval, userProperties } = properties;
  const { payloadFormatIndicator } = properties;
  const hex = (value: Uint8Array | undefined) => value && Buffer.from(value).toString("hex");
  return JSON.stringify([
    ...[topic, hex(payload), qos, retain, contentType, responseTopic, hex(correlationData)],
    ...[messageExpiryInterval !== undefined, userProperties ?? [], payloadFormatIndicator],
  ]);
}

async function collector(url: string): Promise<{ client: Client; found: string[] }> {
  const client = await connect(url, { protocolVersion: 5 });
  const found: string[] = [];
  await client.subscribe("in/#", {
    qos: 2,
    retainAsPublished: true,
    onMessage: (received) => void found.push(comparable(received)),
  });
  return { client, found };
}

test(`${COUNT} random messages`, async () => {
  await using from = await Broker.listen({ host: "127.0.0.1", port: 0 });
  await using to = await Broker.listen({ host: "127.0.0.1", port: 0 });
  const { client: listener, found } = await collector(to.url);
  const program = `"${process.execPath}" "${join(root, "packages/cli/dist/bin/aiko-mqtt.cjs")}"`;
  const sub = `${program} sub -p ${from.port} -d -t 'in/#' -q 2 --retain-as-published -V 5 -C ${COUNT} --json`;
  const pub = `${program} pub -p ${to.port} -V 5 --lines json`;
  await using pipe = new Child("pipe", "sh", ["-c", `${sub} | ${pub}`]);
  await pipe.noted("debug: subscribed");
  const publisher = await connect(from.url, { protocolVersion: 5 });
  const published: string[] = [];
  for (let i = 0; i < COUNT; i++) {
    const { topic, payload, options } = message(i);
    published.push(comparable({ topic, payload, ...options } as Message));
    void publisher.publish(topic, payload, options);
    // Few are on their way, so that no queue for QoS 0 messages is full.
    if (i % 100 === 0) await expect.poll(() => found.length, { interval: 1 }).toBeGreaterThan(i - 200);
  }
  expect(await pipe.code()).toBe(0);
  await expect.poll(() => found.length).toBe(COUNT);
  await publisher.disconnect();
  // Messages of different QoS may overtake each other.
  expect(found.sort()).toEqual(published.sort());
  await listener.disconnect();
});
