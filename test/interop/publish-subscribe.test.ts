// The client with a real mosquitto: published messages arrive, in each version of the protocol and at each QoS.
import { type Connected, connect, createClient, type Message, type Subscription } from "@aiko/mqtt";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Mosquitto } from "../fixtures/mosquitto.ts";

let mosquitto: Mosquitto;
beforeAll(async () => {
  mosquitto = await Mosquitto.start();
});
afterAll(() => mosquitto[Symbol.asyncDispose]());

const versions = [3, 4, 5, "auto"] as const;
const qualities = [0, 1, 2] as const;

test.each(versions.flatMap((version) => qualities.map((qos) => ({ version, qos }))))(
  "version $version, QoS $qos: published messages of any size are received",
  async ({ version, qos }) => {
    await using client = await connect(mosquitto.url, { protocolVersion: version });
    const topic = `interop/${version}/${qos}`;
    const subscription = await client.subscribe(`interop/${version}/+`, { qos });
    expect(subscription.granted).toMatchObject([{ qos, error: undefined }]);
    const payloads = [0, 1, 127, 128, 16_383, 16_384, 300_000].map((size) => new Uint8Array(size).fill(size % 251));
    const results = await Promise.all(payloads.map((payload) => client.publish(topic, payload, { qos })));
    expect(results.map((result) => result.qos)).toEqual(payloads.map(() => qos));
    const messages = await take(subscription, payloads.length);
    expect(messages.map((message) => [message.topic, message.qos, message.payload.length])).toEqual(
      payloads.map((payload) => [topic, qos, payload.length]),
    );
    expect(messages.every((message, i) => Buffer.compare(message.payload, payloads[i] as Uint8Array) === 0)).toBe(true);
  },
);

test.each(versions)("mosquitto sees version %s", async (version) => {
  const clientId = `version-${version}`;
  const client = createClient(mosquitto.url, { protocolVersion: version, clientId });
  const connected: Connected = await client.connect();
  expect(connected.protocolVersion).toBe(version === "auto" ? 5 : version);
  expect(connected.sessionPresent).toBe(false);
  // "New client connected from 127.0.0.1:1 as version-3 (p1, c1, k60)": p1 is 3.1, p2 3.1.1, p5 5.0, c1 a clean start
  const level = { 3: "p1, c1", 4: "p2, c1", 5: "p5, c0" }[connected.protocolVersion];
  expect(await mosquitto.logged(`as ${clientId} (`)).toContain(`(${level}, k60`);
  await client.disconnect();
  expect(await mosquitto.logged(`Client ${clientId} disconnected`)).toMatch(/disconnected\.$/);
});

test.each(versions)(
  "version %s: a retained message is sent to later subscribers until it is cleared",
  async (version) => {
    await using client = await connect(mosquitto.url, { protocolVersion: version });
    const topic = `interop/retained/${version}`;
    await client.publish(topic, "kept", { qos: 1, retain: true });
    const [message] = await take(await client.subscribe(topic, { qos: 1 }), 1);
    expect(message?.text()).toBe("kept");
    expect(message?.retain).toBe(true);

    await client.publish(topic, "", { qos: 1, retain: true });
    const again = await client.subscribe(topic, { qos: 1 });
    await client.publish(topic, "live", { qos: 1 });
    const [next] = await take(again, 1);
    expect([next?.text(), next?.retain]).toEqual(["live", false]);
  },
);

test("a stored session delivers the messages that arrived while its client was offline", async () => {
  for (const version of [4, 5] as const) {
    const options = { clientId: `away-${version}`, protocolVersion: version, cleanStart: false };
    const topic = `interop/away/${version}`;
    const first = await connect(mosquitto.url, options);
    await first.subscribe(topic, { qos: 2 });
    await first.disconnect();
    await using publisher = await connect(mosquitto.url);
    for (const qos of [1, 2] as const) await publisher.publish(topic, `QoS ${qos}`, { qos });

    await using second = createClient(mosquitto.url, options);
    expect((await second.connect()).sessionPresent).toBe(true);
    const messages = await take(await second.subscribe(topic, { qos: 2 }), 2);
    expect(messages.map((message) => message.text())).toEqual(["QoS 1", "QoS 2"]);
  }
});

test("the properties of MQTT 5 arrive unchanged", async () => {
  await using client = await connect(mosquitto.url, { protocolVersion: 5 });
  const subscription = await client.subscribe("interop/properties", { qos: 1 });
  const properties = {
    payloadFormatIndicator: 1,
    contentType: "text/plain",
    responseTopic: "interop/answers",
    correlationData: new Uint8Array([0, 1, 255]),
    userProperties: [
      ["room", "kitchen"],
      ["room", "attic"],
    ],
  } as const;
  await client.publish("interop/properties", "grüße", { qos: 1, properties });
  const [message] = await take(subscription, 1);
  expect(message?.text()).toBe("grüße");
  expect(message?.properties).toMatchObject(properties);
});

async function take(subscription: Subscription, count: number): Promise<Message[]> {
  const messages: Message[] = [];
  if (count === 0) return messages;
  for await (const message of subscription) if (messages.push(message) === count) break;
  return messages;
}
