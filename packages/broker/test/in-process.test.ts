// The broker without a network: clients over pairs of transports, and messages that no client publishes.
import { type Client, connect, type Message, platform, type Transport } from "@aiko/mqtt";
import { memoryPair } from "@aiko/mqtt/testing";
import { Broker, type BrokerOptions, type BrokerPublishOptions } from "@aiko/mqtt-broker";
import { describe, expect, onTestFinished, test } from "vitest";
import { recordEvents } from "../../../test/fixtures/broker-events.ts";

async function started(options: BrokerOptions = {}): Promise<Broker> {
  const broker = await Broker.listen({ listeners: [], ...options });
  onTestFinished(() => broker.close());
  return broker;
}

/** A client that connects to the broker with `accept`. */
async function inProcess(broker: Broker, clientId: string): Promise<Client> {
  const dial = async (): Promise<Transport> => {
    const [client, server] = memoryPair(platform.clock);
    broker.accept(server);
    return client;
  };
  const client = await connect("mqtt://broker", { dial, clientId, protocolVersion: 5, reconnect: false });
  onTestFinished(() => client.disconnect());
  return client;
}

/** Topics, payloads and their flags. */
async function listening(client: Client): Promise<string[]> {
  const got: string[] = [];
  const onMessage = (message: Message): void => {
    const { topic, qos, retain, properties } = message;
    const type = properties?.contentType === undefined ? "" : ` ${properties.contentType}`;
    got.push(`${topic}=${message.text()} q${qos}${retain ? " retained" : ""}${type}`);
  };
  await client.subscribe("#", { qos: 2, onMessage });
  return got;
}

describe("accept", () => {
  test.each([undefined, {}, { start: () => undefined }])("rejects what is not a transport: %j", async (transport) => {
    const broker = await started();
    const refusal = expect.objectContaining({ name: "UsageError", option: "transport" });
    expect(() => broker.accept(transport as never)).toThrow(refusal);
    expect(broker.statistics.openConnections).toBe(0);
  });

  test("takes clients of the same process, as listeners take remote ones", async () => {
    const broker = await started();
    const events = recordEvents(broker);
    const got = await listening(await inProcess(broker, "a"));
    const b = await inProcess(broker, "b");
    await b.publish("t", "x", { qos: 2 });
    await expect.poll(() => got).toEqual(["t=x q2"]);
    expect(broker.statistics).toMatchObject({ openConnections: 2, sessions: 2 });
    await b.disconnect();
    await expect.poll(() => broker.statistics.openConnections).toBe(1);
    expect(events.map(({ type }) => type)).toEqual([
      "connected",
      "subscribed",
      "connected",
      "published",
      "disconnected",
    ]);
  });

  test("calls authenticate without an address", async () => {
    const asked: unknown[] = [];
    const broker = await started({ authenticate: (request) => asked.push(request) > 0 });
    await inProcess(broker, "a");
    expect(asked).toMatchObject([
      { clientId: "a", username: undefined, password: undefined, address: undefined, origin: undefined },
    ]);
  });

  test("destroys connections beyond maximumConnections, and those that arrive when the broker is closed", async () => {
    const broker = await started({ maximumConnections: 1 });
    const events = recordEvents(broker);
    await inProcess(broker, "a");
    await expect(inProcess(broker, "b")).rejects.toMatchObject({ code: "CONNECTION_LOST" });
    expect(events.slice(1)).toEqual([{ type: "refused", reason: "the limit maximumConnections 1 is reached" }]);
    await broker.close();
    await expect(inProcess(broker, "c")).rejects.toMatchObject({ code: "CONNECTION_LOST" });
    expect(events.filter(({ type }) => type === "refused")).toHaveLength(1);
  });

  test("is ended by close, with a reason code", async () => {
    const broker = await started();
    const client = await inProcess(broker, "a");
    const closed = new Promise((resolve) => client.on("closed", resolve));
    await broker.close();
    expect(await closed).toMatchObject({ error: { code: "DISCONNECTED_BY_SERVER", reasonCode: 0x8b } });
  });
});

describe("publish", () => {
  test("delivers a message to its subscribers at their QoS, and returns whether there are any", async () => {
    const broker = await started();
    expect(broker.publish("t", "nobody")).toBe(0x10);
    const got = await listening(await inProcess(broker, "a"));
    expect(broker.publish("t", "text")).toBe(0);
    broker.publish("t", Uint8Array.of(0x62), { qos: 1 });
    broker.publish("t", "", { qos: 2, properties: { contentType: "none" } });
    broker.publish("t", "all left out", { qos: undefined, retain: undefined, properties: undefined });
    await expect.poll(() => got).toEqual(["t=text q0", "t=b q1", "t= q2 none", "t=all left out q0"]);
  });

  test("retains a message, and clears a retained one", async () => {
    const broker = await started();
    broker.publish("kitchen", "on", { retain: true });
    broker.publish("attic", "on", { retain: true });
    broker.publish("attic", "", { retain: true });
    expect(broker.statistics.retainedMessages).toBe(1);
    const got = await listening(await inProcess(broker, "a"));
    await expect.poll(() => got).toEqual(["kitchen=on q0 retained"]);
  });

  test("takes the bytes as they are when it is called", async () => {
    const broker = await started();
    const got = await listening(await inProcess(broker, "a"));
    for (const qos of [0, 1, 2] as const) {
      const payload = new TextEncoder().encode("x".repeat(100_000));
      broker.publish("t", payload, { qos });
      payload.fill(0x79);
    }
    await expect.poll(() => got).toEqual([0, 1, 2].map((qos) => `t=${"x".repeat(100_000)} q${qos}`));
  });

  test.each<[string, [topic: unknown, payload: unknown, options?: unknown], string]>([
    ["a wildcard", ["a/#", "x"], "TOPIC_NAME_INVALID"],
    ["an empty topic", ["", "x"], "TOPIC_NAME_INVALID"],
    ["no topic", [undefined, "x"], "TOPIC_NAME_INVALID"],
    ["more levels than clients may use", ["a/b/c/d", "x"], "TOPIC_NAME_INVALID"],
    ["no payload", ["a", undefined], "PAYLOAD_INVALID"],
    ["a number", ["a", 5], "PAYLOAD_INVALID"],
    ["QoS 3", ["a", "x", { qos: 3 }], "OPTION_INVALID"],
    ["an unknown option", ["a", "x", { quality: 1 }], "OPTION_UNKNOWN"],
    ["a topic alias", ["a", "x", { properties: { topicAlias: 1 } }], "PROPERTY_INVALID"],
    ["subscription identifiers", ["a", "x", { properties: { subscriptionIdentifiers: [1] } }], "PROPERTY_INVALID"],
    ["a wrong property", ["a", "x", { properties: { contentType: 5 } }], "STRING_INVALID"],
    ["no options", ["t", "", null], "OPTION_INVALID"],
  ])("of %s is refused, and nothing is published", async (_, [topic, payload, options], code) => {
    const broker = await started({ maximumTopicLevels: 3 });
    const got = await listening(await inProcess(broker, "a"));
    expect(() =>
      broker.publish(topic as string, payload as string, options as BrokerPublishOptions | undefined),
    ).toThrow(expect.objectContaining({ name: "UsageError", code }));
    broker.publish("last", "");
    await expect.poll(() => got).toEqual(["last= q0"]);
  });
});

test("publish on a closed broker throws BROKER_CLOSED", async () => {
  const broker = await Broker.listen({ listeners: [] });
  await broker.close();
  expect(() => broker.publish("a", "x")).toThrow(expect.objectContaining({ code: "BROKER_CLOSED" }));
});
