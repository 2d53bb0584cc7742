// MQTT 5.0, chapters 3.1 and 3.2: a client's CONNECT, and how it respects CONNACK.
import type { ConnectOptions } from "@aiko/mqtt";
import { expect, test } from "vitest";
import { MemoryStore } from "../../packages/mqtt/src/store/memory-store.ts";
import { Bench, errorCodes, message, watch } from "../../packages/mqtt/test/client/bench.ts";
import { fromHex, toHex } from "../../packages/mqtt/test/codec/vectors.ts";
import { connected, connectOf, field, hex, packet, started, utf8, Wire } from "./wire.ts";

/**
 * No session expiry interval, and the protocol's own maximum packet size, so that the client adds no properties to
 * CONNECT.
 */
const unlimited = { maximumPacketSize: 268_435_460 };
const bare = { reconnect: false, properties: unlimited } as const;
const head = (flags: string, keepAlive = "0000") => `0004 4d515454 05 ${flags} ${keepAlive} 00 ${field("6331")}`;
const expiry = "11 00000e10";

test("[MQTT-3.1.0-1] the first packet is CONNECT, and nothing follows it before CONNACK", async () => {
  const bench = new Bench();
  const client = bench.create({ ...bare, keepAlive: 1 });
  started(client.publish("t", "x", { qos: 1 }), client.publish("t", "x"), client.subscribe("f"), client.connect());
  const peer = await bench.server.next();
  await bench.clock.advance(5_000);
  expect(toHex(peer.bytes)).toBe(packet("10", head("02", "0001")));
});

test("[MQTT-3.1.2-1] the protocol's name is MQTT", async () => {
  expect(await connectOf(bare)).toMatch(/^10..00044d51545405/);
});

test("[MQTT-3.1.2-4] [MQTT-3.2.2-4] a clean start is sent, and a session that the server then reports is a protocol error", async () => {
  const bench = new Bench();
  const connecting = watch(bench.create({ reconnect: false }).connect());
  const peer = await bench.server.next();
  await bench.clock.tick();
  expect(toHex(peer.bytes).slice(18, 20)).toBe("02");
  peer.send(fromHex("20 03 01 00 00"));
  await bench.clock.advance(99);
  expect(connecting.error).toMatchObject({ name: "ProtocolError", reasonCode: 0x82 });
  expect(peer.isClosed).toBe(true);
});

test("[MQTT-3.2.2-4] if the server has a session and the client has none, the connection is closed and the session ended", async () => {
  const bench = new Bench();
  started(bench.create().connect());
  const peer = await bench.server.next();
  await bench.clock.tick();
  const { length } = peer.bytes;
  peer.send(fromHex("20 03 01 00 00"));
  await bench.clock.advance(1_099);
  expect(toHex(peer.bytes.subarray(length))).toBe("e0070005" + "1100000000");
  expect(peer.isClosed).toBe(true);
});

const user = (name: string, value: string) => `26 ${field(utf8(name))} ${field(utf8(value))}`;
const everything: ConnectOptions = {
  ...bare,
  keepAlive: 60,
  username: "usér",
  password: "secret",
  will: {
    topic: "gone",
    payload: Uint8Array.of(0, 255),
    qos: 1,
    retain: true,
    properties: { willDelayInterval: 5, contentType: "bin", userProperties: [["a", "1"]] },
  },
  properties: { ...unlimited, receiveMaximum: 7, userProperties: [["c", "d"]] },
};

test("[MQTT-3.1.2-9] [MQTT-3.1.2-17] [MQTT-3.1.2-19] [MQTT-3.1.3-1] [MQTT-3.1.3-3] the payload has its fields in order", async () => {
  const properties = packet("", `21 0007 ${user("c", "d")}`);
  const willProperties = packet("", `18 00000005 03 ${field(utf8("bin"))} ${user("a", "1")}`);
  const payload = `${field("6331")} ${willProperties} ${field(utf8("gone"))} ${field("00ff")} ${field(utf8("usér"))} ${field(utf8("secret"))}`;
  expect(await connectOf(everything)).toBe(packet("10", `0004 4d515454 05 ee 003c ${properties} ${payload}`));
});

test("[MQTT-3.1.2-9] a will with only a topic has properties and payload too", async () => {
  expect(await connectOf({ ...bare, will: { topic: "w" } })).toBe(packet("10", `${head("06")} 00 ${field("77")} 0000`));
});

test("[MQTT-3.1.2-11] [MQTT-3.1.2-13] [MQTT-3.1.2-16] [MQTT-3.1.2-18] without will and credentials the flags are 0, and the payload ends with the client identifier", async () => {
  expect(await connectOf(bare)).toBe(packet("10", head("02")));
  expect(await connectOf({ ...bare, cleanStart: false, properties: { ...unlimited, sessionExpiryInterval: 0 } })).toBe(
    packet("10", `0004 4d515454 05 00 0000 05 11 00000000 ${field("6331")}`),
  );
});

test.each([
  [0, "06"],
  [1, "0e"],
  [2, "16"],
] as const)("[MQTT-3.1.2-12] a will of QoS %i has the flags %s", async (qos, flags) => {
  const bytes = await connectOf({ ...bare, will: { topic: "w", qos } });
  expect(bytes).toBe(packet("10", `${head(flags)} 00 ${field("77")} 0000`));
});

test.each([3, -1, 1.5, "1"])("[MQTT-3.1.2-12] a will of QoS %j is not a valid option", (qos) => {
  const will = { topic: "w", qos: qos as 0 };
  expect(() => new Bench().create({ will })).toThrow(expect.objectContaining({ name: "UsageError" }));
});

test.each([
  [{ username: "u" }, "82", field("75")],
  [{ username: "u", password: "p" }, "c2", field("75") + field("70")],
  [{ password: "p" }, "42", field("70")],
  [{ username: "", password: new Uint8Array(0) }, "c2", "0000 0000"],
] as const)(
  "[MQTT-3.1.2-16] [MQTT-3.1.2-17] [MQTT-3.1.2-18] [MQTT-3.1.2-19] %o: flags and fields agree",
  async (credentials, flags, fields) => {
    expect(await connectOf({ ...bare, ...credentials })).toBe(packet("10", `${head(flags)} ${fields}`));
  },
);

test("[MQTT-3.1.2-20] an idle client pings within its keep-alive, again and again, whatever comes in", async () => {
  const wire = await connected({ keepAlive: 10 });
  for (let i = 0; i < 4; i++) {
    await wire.bench.clock.advance(5_000);
    wire.peer.send(message("t", "x"));
    await wire.bench.clock.advance(5_000);
    expect(await wire.sent()).toBe("c000");
    wire.say("d000");
  }
});

test.each([
  [10, 600, 600],
  [600, 10, 10],
  [0, 10, 10],
])(
  "[MQTT-3.1.2-21] [MQTT-3.2.2-21] keep-alive %i is replaced by the server's %i",
  async (own, serverKeepAlive, seconds) => {
    const wire = await connected({ keepAlive: own }, { properties: { serverKeepAlive } });
    await wire.bench.clock.advance(seconds * 900);
    expect(await wire.sent()).toBe("");
    await wire.bench.clock.advance(seconds * 100);
    expect(await wire.sent()).toBe("c000");
  },
);

test("[MQTT-3.1.2-21] [MQTT-3.2.2-21] a server's keep-alive of 0 disables it", async () => {
  const wire = await connected({ keepAlive: 10 }, { properties: { serverKeepAlive: 0 } });
  await wire.bench.clock.advance(1_000_000);
  expect(await wire.sent()).toBe("");
  expect(wire.client.connected).toBe(true);
});

/** A client with one message of every state in flight: 1 QoS 1, 2 QoS 2, 3 released; and 77 received at QoS 2. */
async function busy(options: ConnectOptions = {}): Promise<Wire> {
  const wire = await connected(options);
  started(wire.client.publish("t", "1", { qos: 1 }), wire.client.publish("t", "2", { qos: 2 }));
  started(wire.client.publish("t", "3", { qos: 2 }));
  await wire.sent();
  expect(await wire.answerTo("50 02 0003")).toBe("62020003");
  expect(await wire.answerTo("34 07 0001 74 004d 00 78")).toBe("5002004d");
  return wire;
}

test("[MQTT-3.1.2-23] a session with an expiry interval is stored when the connection closes", async () => {
  for (const options of [{}, { cleanStart: false }, { properties: { sessionExpiryInterval: 60 } }]) {
    const wire = await busy(options);
    expect(await wire.reconnect()).toBe(hex("3a 07 0001 74 0001 00 31   3c 07 0001 74 0002 00 32   62 02 0003"));
    expect(wire.peer.received[0]).toMatchObject({ cleanStart: false });
    expect(await wire.answerTo("3c 07 0001 74 004d 00 78", "62 02 004d")).toBe(hex("50 02 004d 70 02 004d"));
    expect(wire.client.statistics.messagesReceived).toBe(1);
  }
});

test("[MQTT-3.1.2-30] between CONNECT with a method and CONNACK nothing but AUTH is sent", async () => {
  const bench = new Bench();
  const client = bench.create({ ...bare, keepAlive: 1, authentication: { method: "m", respond: (data) => data } });
  started(client.publish("t", "x"), client.subscribe("f"), client.connect());
  const peer = await bench.server.next();
  await peer.expect("connect");
  const before = peer.bytes.length;
  started(client.publish("t", "x", { qos: 1 }), client.unsubscribe("g"));
  await bench.clock.advance(3_000);
  peer.send(fromHex("f0 0a 18 08 15 0001 6d 16 0001 41"));
  await bench.clock.advance(3_000);
  expect(toHex(peer.bytes.subarray(before))).toBe(hex("f0 0a 18 08 15 0001 6d 16 0001 41"));
  peer.send({ type: "connack", sessionPresent: false, reasonCode: 0, properties: { authenticationMethod: "m" } });
  await bench.clock.tick();
  expect(peer.received.map(({ type }) => type).sort()).toEqual(
    ["auth", "connect", "publish", "publish", "subscribe", "unsubscribe"].sort(),
  );
});

test("[MQTT-3.1.3-2] the client identifier identifies the session", async () => {
  const store = new MemoryStore();
  const left = await connected({ store, clientId: "one" });
  started(left.client.publish("t", "x", { qos: 1 }));
  expect(await left.sent()).toBe(hex("32 07 0001 74 0001 00 78"));
  left.peer.cut();
  await left.bench.clock.tick();
  await left.bench.passing(left.client.disconnect({ drainTimeout: 0 }));
  for (const [clientId, resent] of [
    ["two", ""],
    ["one", hex("3a 07 0001 74 0001 00 78")],
  ] as const) {
    const bench = new Bench();
    const client = bench.create({ store, clientId });
    const errors = errorCodes(client);
    started(client.connect());
    const peer = await bench.accept({ sessionPresent: true });
    expect(peer.received[0]).toMatchObject({ clientId, cleanStart: false });
    expect(toHex(peer.bytes.subarray(2 + (peer.bytes[1] ?? 0)))).toBe(resent);
    await bench.passing(client.disconnect({ drainTimeout: 0 }));
    expect(errors).toEqual([]);
  }
});

test("[MQTT-3.1.3-3] an empty client identifier is present too", async () => {
  const bytes = await connectOf({ ...bare, clientId: "", username: "u" });
  expect(bytes).toBe(packet("10", `0004 4d515454 05 82 0000 00 0000 ${field("75")}`));
});

test.each([
  [
    "[MQTT-3.1.3-4] the client identifier",
    (text: string) => ({ clientId: text }),
    `02 0000 00 ${field("c3a9f09d849e")}`,
  ],
  [
    "[MQTT-3.1.3-11] the will topic",
    (text: string) => ({ will: { topic: text } }),
    `06 0000 00 ${field("6331")} 00 ${field("c3a9f09d849e")} 0000`,
  ],
  [
    "[MQTT-3.1.3-12] the user name",
    (text: string) => ({ username: text }),
    `82 0000 00 ${field("6331")} ${field("c3a9f09d849e")}`,
  ],
])("%s is sent in UTF-8, or not at all", async (_, options, rest) => {
  expect(await connectOf({ ...bare, ...options("é\u{1d11e}") })).toBe(packet("10", `0004 4d515454 05 ${rest}`));
  for (const text of ["\ud800", "a\udc00", "\0", "x".repeat(65_536)]) {
    expect(() => new Bench().create(options(text))).toThrow(expect.objectContaining({ name: "UsageError" }));
  }
});

test("[MQTT-3.2.2-5] [MQTT-4.4.0-1] nothing of an old session is sent to a server without it: no old identifier, no DUP, no PUBREL", async () => {
  const wire = await busy();
  expect(await wire.reconnect({ sessionPresent: false })).toBe(hex("32 07 0001 74 0004 00 31"));
  expect(await wire.answerTo("3c 07 0001 74 004d 00 78")).toBe("5002004d");
  expect(wire.client.statistics.messagesReceived).toBe(2); // 77 is a new message
});

const large = "x".repeat(100);

test.each([
  [{ maximumQoS: 0 }, 1],
  [{ maximumQoS: 0 }, 2],
  [{ maximumQoS: 1 }, 2],
] as const)("[MQTT-3.2.2-11] with %o no message of QoS %i is sent", async (properties, qos) => {
  const wire = await connected({}, { properties });
  const outcome = watch(wire.client.publish("t", "x", { qos }));
  expect(await wire.sent()).toBe("");
  expect(outcome.error).toMatchObject({ code: "MAXIMUM_QOS_EXCEEDED", reasonCode: 0x9b });
});

test("[MQTT-3.2.2-14] if retained messages are not available, none is sent, queued or new", async () => {
  const bench = new Bench();
  const client = bench.create();
  const outcomes = [watch(client.publish("t", "x", { retain: true, qos: 1 }))];
  started(client.connect());
  const wire = new Wire(bench, client, await bench.accept({ properties: { retainAvailable: false } }));
  outcomes.push(watch(client.publish("t", "x", { retain: true })));
  started(client.publish("t", "x"));
  expect(await wire.sent()).toBe(hex("30 05 0001 74 00 78"));
  for (const { error } of outcomes) expect(error).toMatchObject({ code: "RETAIN_NOT_AVAILABLE", reasonCode: 0x9a });
});

test("[MQTT-3.2.2-15] no packet of any type is longer than the server's maximum; a packet of exactly that length is sent", async () => {
  const authentication = { method: "m", respond: () => undefined, begin: () => new Uint8Array(50) };
  const properties = { maximumPacketSize: 20, authenticationMethod: "m", subscriptionIdentifiersAvailable: false };
  const wire = await connected({ authentication }, { properties });
  const { client } = wire;
  const outcomes = [
    ...([0, 1, 2] as const).map((qos) => watch(client.publish("t", large, { qos }))),
    watch(client.publish(large, "")),
    watch(client.publish("t", "", { properties: { contentType: large } })),
    watch(client.subscribe(large)),
    watch(client.unsubscribe(large)),
    watch(client.reauthenticate()),
    watch(client.publish("t", "x".repeat(15))), // 21 bytes
  ];
  expect(await wire.sent()).toBe("");
  for (const { error } of outcomes) {
    expect(error).toMatchObject({ code: "MAXIMUM_PACKET_SIZE_EXCEEDED", reasonCode: 0x95 });
  }
  started(client.publish("t", "x".repeat(14)));
  expect(await wire.sent()).toBe(packet("30", `0001 74 00 ${"78".repeat(14)}`));
  started(client.disconnect({ reasonCode: 4, properties: { reasonString: large } }));
  expect(await wire.sent()).toBe(hex("e0 07 04 05 11 00000000"));
});

test("[MQTT-3.2.2-15] a resent message that has become too long for the server is not sent", async () => {
  const wire = await connected();
  const outcome = watch(wire.client.publish("t", large, { qos: 1 }));
  await wire.sent();
  expect(await wire.reconnect({ sessionPresent: true, properties: { maximumPacketSize: 50 } })).toBe("");
  expect(outcome.error).toMatchObject({ code: "MAXIMUM_PACKET_SIZE_EXCEEDED" });
});

/** The topic aliases in a client's PUBLISH packets. */
async function aliasesSent(topicAliasMaximum: number | undefined): Promise<(number | undefined)[]> {
  const properties = topicAliasMaximum === undefined ? {} : { topicAliasMaximum };
  const wire = await connected({}, { properties });
  for (let round = 0; round < 4; round++) {
    for (let topic = 0; topic < 5; topic++) started(wire.client.publish(`some/topic/${topic}`, ""));
    await wire.sent();
  }
  return wire.peer.received.flatMap((sent) => (sent.type === "publish" ? [sent.properties?.topicAlias] : []));
}

test("[MQTT-3.2.2-17] [MQTT-3.3.2-9] topic aliases stay within the server's maximum", async () => {
  const aliases = (await aliasesSent(2)).filter((alias) => alias !== undefined);
  expect([...new Set(aliases)].sort()).toEqual([1, 2]);
  expect(Math.max(...(await aliasesSent(3)).map((alias) => alias ?? 0))).toBe(3);
});

test("[MQTT-3.2.2-18] without a maximum, or with one of 0, there are no topic aliases", async () => {
  for (const maximum of [undefined, 0]) {
    const aliases = await aliasesSent(maximum);
    expect(aliases).toHaveLength(20);
    expect(aliases.every((alias) => alias === undefined)).toBe(true);
  }
});

test("[MQTT-3.2.2-17] [MQTT-3.2.2-18] [MQTT-3.3.2-9] the application cannot set one", async () => {
  const wire = await connected({}, { properties: { topicAliasMaximum: 2 } });
  for (const topicAlias of [1, 3]) {
    await wire.expectUsageError((client) => client.publish("t", "", { properties: { topicAlias } as never }));
  }
});

test("the session expiry interval has the value that these tests expect", async () => {
  expect(await connectOf({ properties: unlimited })).toBe(
    packet("10", `0004 4d515454 05 00 0000 05 ${expiry} ${field("6331")}`),
  );
});
