// The Lua library's API, made asynchronous, on a fake clock against scripted servers.
import type { Platform } from "@aiko/mqtt";
import * as MQTT from "@aiko/mqtt/classic";
import { FakeClock, type ScriptedPeer, ScriptedServer, SeededRandom } from "@aiko/mqtt/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

// The classic client has no options, so the test replaces the platform that the library uses.
const network = vi.hoisted(() => ({ platform: {} as Partial<Platform> }));
vi.mock("../../src/transport/platform-node.ts", () => network);

let clock: FakeClock;
let server: ScriptedServer;
let dialled: { host: string; port: number }[];

beforeEach(() => {
  clock = new FakeClock();
  server = new ScriptedServer(clock);
  dialled = [];
  Object.assign(network.platform, {
    clock,
    random: new SeededRandom(1),
    dial: (address, signal) => {
      dialled.push({ host: address.host, port: address.port });
      return server.dial(address, signal);
    },
  } satisfies Platform);
});

async function connected(callback?: MQTT.ClassicCallback): Promise<{ client: MQTT.ClassicClient; peer: ScriptedPeer }> {
  const client = MQTT.client.create("localhost", undefined, callback);
  const connecting = client.connect("lua mqtt client");
  const peer = await server.next();
  await peer.expect("connect");
  peer.send({ type: "connack", sessionPresent: false, reasonCode: 0 });
  await clock.tick();
  await connecting;
  return { client, peer };
}

async function subscribe(client: MQTT.ClassicClient, peer: ScriptedPeer, topics: string[], code = 0): Promise<void> {
  const subscribing = client.subscribe(topics);
  subscribing.catch(() => undefined);
  const { packetIdentifier } = await peer.expect("subscribe");
  peer.send({ type: "suback", packetIdentifier, reasonCodes: topics.map(() => code) });
  await clock.tick();
  return subscribing;
}

const publish = (topic: string, text: string) =>
  ({
    type: "publish",
    topic,
    payload: new TextEncoder().encode(text),
    qos: 0,
    retain: false,
    dup: false,
    packetIdentifier: 0,
  }) as const;

describe("the names", () => {
  test("are those of the Lua library", () => {
    expect(MQTT.client.KEEP_ALIVE_TIME).toBe(60);
    expect(Object.keys(MQTT.client).sort()).toEqual(["KEEP_ALIVE_TIME", "create"]);
    expect(Object.keys(MQTT.Utility)).toEqual(["set_debug"]);
    const client = MQTT.client.create("localhost") as unknown as Record<string, unknown>;
    for (const name of ["connect", "publish", "subscribe", "unsubscribe", "handler", "disconnect", "destroy"])
      expect(client[name], name).toBeTypeOf("function");
  });

  test("port 1883 is the default, any other can be given", async () => {
    await connected();
    const other = MQTT.client.create("::1", 1884);
    other.connect("x").catch(() => undefined);
    await clock.tick();
    expect(dialled).toEqual([
      { host: "localhost", port: 1883 },
      { host: "::1", port: 1884 },
    ]);
  });

  test.each([0, 99_999, 1.5, -1])("port %d is refused", (port) => {
    expect(() => MQTT.client.create("localhost", port)).toThrow(
      expect.objectContaining({ code: "OPTION_INVALID", message: expect.stringContaining(String(port)) }),
    );
  });
});

describe("the wire", () => {
  test("carries MQTT 3.1 with a clean session and 60 seconds of keep-alive", async () => {
    const { client, peer } = await connected();
    const text = (value: string) => [0, value.length, ...new TextEncoder().encode(value)];
    const connect = [...text("MQIsdp"), 3, 2, 0, 60, ...text("lua mqtt client")];
    expect([...peer.bytes]).toEqual([0x10, connect.length, ...connect]);
    let before = peer.bytes.length;
    await Promise.all([client.publish("test/1", "hi"), clock.tick()]);
    await peer.expect("publish");
    expect([...peer.bytes.subarray(before)]).toEqual([0x30, 10, ...text("test/1"), 0x68, 0x69]);
    before = peer.bytes.length;
    await subscribe(client, peer, ["test/2"]);
    expect([...peer.bytes.subarray(before)]).toEqual([0x82, 11, 0, 1, ...text("test/2"), 0]);
    before = peer.bytes.length;
    const unsubscribing = client.unsubscribe(["test/2"]);
    await peer.expect("unsubscribe");
    expect([...peer.bytes.subarray(before)]).toEqual([0xa2, 10, 0, 2, ...text("test/2")]);
    peer.send({ type: "unsuback", packetIdentifier: 2, reasonCodes: [] });
    await clock.tick();
    await unsubscribing;
    before = peer.bytes.length;
    const leaving = client.disconnect();
    await peer.expect("disconnect");
    expect([...peer.bytes.subarray(before)]).toEqual([0xe0, 0]);
    await clock.advance(100);
    await leaving;
  });

  test.each([
    ["a topic, a message", ["gone", undefined, undefined, "bye"], { qos: 0, retain: false }],
    ["a QoS and RETAIN as numbers", ["gone", 1, 1, "bye"], { qos: 1, retain: true }],
    ["RETAIN as a boolean", ["gone", 2, true, "bye"], { qos: 2, retain: true }],
  ] as const)("carries a will: %s", async (_what, [topic, qos, retain, text], expected) => {
    MQTT.client
      .create("localhost")
      .connect("x", topic, qos, retain, text)
      .catch(() => undefined);
    const { will } = await (await server.next()).expect("connect");
    expect(will).toMatchObject({ topic: "gone", payload: new TextEncoder().encode("bye"), ...expected });
  });

  test("carries no will if only its topic or only its message is given", async () => {
    MQTT.client
      .create("localhost")
      .connect("x", "topic")
      .catch(() => undefined);
    expect((await (await server.next()).expect("connect")).will).toBeUndefined();
  });

  test("pings after a minute without handler() being called", async () => {
    const { peer } = await connected();
    await clock.advance(60_000);
    await peer.expect("pingreq");
  });
});

describe("messages", () => {
  test("reach the callback only in handler(), in order", async () => {
    const got: string[] = [];
    const { client, peer } = await connected((topic, payload) => got.push(`${topic}=${payload}`));
    await subscribe(client, peer, ["a", "b"]);
    peer.send(publish("a", "1"));
    peer.send(publish("b", "é"));
    await clock.advance(1_000);
    expect(got).toEqual([]);
    await client.handler();
    expect(got).toEqual(["a=1", "b=é"]);
    await client.handler();
    expect(got).toHaveLength(2);
  });

  test("for overlapping filters arrive once", async () => {
    const got: string[] = [];
    const { client, peer } = await connected((topic) => got.push(topic));
    await subscribe(client, peer, ["a/#"]);
    await subscribe(client, peer, ["a/+", "#"]);
    peer.send(publish("a/b", ""));
    await clock.tick();
    await client.handler();
    expect(got).toEqual(["a/b"]);
  });

  test.each([0, 126, 127, 128, 200, 2 ** 20])("of %i bytes arrive complete, in both directions", async (length) => {
    const got: string[] = [];
    const { client, peer } = await connected((_topic, payload) => got.push(payload));
    await subscribe(client, peer, ["#"]);
    const payload = "x".repeat(length);
    await Promise.all([client.publish("a", payload), clock.tick()]);
    expect((await peer.expect("publish")).payload.length).toBe(length);
    peer.send(publish("a", payload));
    await clock.tick();
    await client.handler();
    expect(got).toEqual([payload]);
  });

  test("beyond 1,000 wait at the server, and none is lost", async () => {
    let count = 0;
    const { client, peer } = await connected(() => count++);
    await subscribe(client, peer, ["#"]);
    for (let i = 0; i < 5_000; i++) {
      peer.send(publish("a", ""));
      await clock.tick();
    }
    while (count < 5_000) {
      const before = count;
      await client.handler();
      await clock.tick();
      expect(count).toBeGreaterThan(before);
      expect(count - before).toBeLessThan(2_100);
    }
  });

  test("do not arrive any more after unsubscribe", async () => {
    const got: string[] = [];
    const { client, peer } = await connected((topic) => got.push(topic));
    await subscribe(client, peer, ["a"]);
    const unsubscribing = client.unsubscribe(["a"]);
    const { packetIdentifier } = await peer.expect("unsubscribe");
    peer.send({ type: "unsuback", packetIdentifier, reasonCodes: [] });
    await clock.tick();
    await unsubscribing;
    peer.send(publish("a", ""));
    await clock.tick();
    await client.handler();
    expect(got).toEqual([]);
  });
});

describe("errors", () => {
  test.each(["", "x".repeat(24)])("identifier %j, which 3.1 does not allow", async (identifier) => {
    await expect(MQTT.client.create("localhost").connect(identifier)).rejects.toMatchObject({
      code: "CLIENT_ID_INVALID",
      message: expect.stringContaining(`${identifier.length} characters`),
    });
    expect(dialled).toEqual([]);
  });

  test("a server that refuses, after which connect may be called again", async () => {
    const client = MQTT.client.create("localhost");
    const refused = client.connect("x");
    refused.catch(() => undefined);
    const peer = await server.next();
    await peer.expect("connect");
    peer.send({ type: "connack", sessionPresent: false, reasonCode: 2 });
    await clock.advance(100);
    await expect(refused).rejects.toMatchObject({ code: "CONNECT_REFUSED", reasonCode: 2 });
    const second = client.connect("x");
    const again = await server.next();
    await again.expect("connect");
    again.send({ type: "connack", sessionPresent: false, reasonCode: 0 });
    await clock.tick();
    await second;
    await client.handler();
  });

  test("a SUBACK that denies", async () => {
    const { client, peer } = await connected();
    await expect(subscribe(client, peer, ["secret"], 0x80)).rejects.toMatchObject({ code: "SUBSCRIBE_REFUSED" });
  });

  test("a lost connection, from handler() and all other functions, after the received messages were delivered", async () => {
    const got: string[] = [];
    const { client, peer } = await connected((topic) => got.push(topic));
    await subscribe(client, peer, ["a"]);
    peer.send(publish("a", ""));
    await clock.tick();
    peer.cut();
    await clock.advance(100_000);
    await expect(client.handler()).rejects.toMatchObject({ code: "CONNECTION_LOST" });
    expect(got).toEqual(["a"]);
    await expect(client.handler()).rejects.toMatchObject({ code: "CONNECTION_LOST" });
    await expect(client.publish("a", "b")).rejects.toMatchObject({ code: "CONNECTION_LOST" });
    await expect(client.subscribe(["a"])).rejects.toMatchObject({ code: "CONNECTION_LOST" });
    expect(dialled).toHaveLength(1);
  });

  test("a call before connect, after disconnect, after destroy", async () => {
    const fresh = MQTT.client.create("localhost");
    await expect(fresh.handler()).rejects.toMatchObject({
      code: "NOT_CONNECTED",
      message: expect.stringMatching(/handler/),
    });
    await expect(fresh.publish("a", "b")).rejects.toMatchObject({ code: "NOT_CONNECTED" });
    await fresh.disconnect();
    const { client } = await connected();
    await expect(client.connect("y")).rejects.toMatchObject({ code: "ALREADY_CONNECTED" });
    const leaving = client.disconnect();
    await clock.advance(100);
    await leaving;
    await expect(client.handler()).rejects.toMatchObject({ code: "NOT_CONNECTED" });
    await client.destroy();
    await client.destroy();
    await expect(client.connect("y")).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
  });

  test("a bad topic", async () => {
    const { client } = await connected();
    await expect(client.publish("a/+", "b")).rejects.toMatchObject({ code: "TOPIC_NAME_INVALID" });
    await expect(client.subscribe(["a/#/b"])).rejects.toMatchObject({ code: "TOPIC_FILTER_INVALID" });
  });
});

describe("set_debug", () => {
  afterEach(() => MQTT.Utility.set_debug(false));

  test("logs each step to standard error, and nothing when it is off", async () => {
    const lines: string[] = [];
    const error = vi.spyOn(console, "error").mockImplementation((line: string) => void lines.push(line));
    await connected();
    expect(lines).toEqual([]);
    MQTT.Utility.set_debug(true);
    await connected();
    error.mockRestore();
    expect(lines).toEqual(["MQTT.client:connect(): lua mqtt client", "MQTT.client: received CONNACK"]);
  });
});
