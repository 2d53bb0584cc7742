// MQTT 5.0, statements for servers that the broker fulfils and that its own tests do not check byte by byte.
import { expect, test } from "vitest";
import { Bench, message, receive, subscribe } from "../../packages/broker/test/bench.ts";
import { fromHex, toHex } from "../../packages/mqtt/test/codec/vectors.ts";
import { hex, utf8 } from "./wire.ts";

test("[MQTT-2.2.1-6] [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-5] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-1] [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.11.3-1] SUBACK and UNSUBACK: the request's identifier, and a code for each filter in order", async () => {
  const bench = new Bench();
  const peer = await bench.connect("c");
  const before = peer.bytes.length;
  peer.send(fromHex("82 0f beef 00 0001 61 02 0001 62 00 0001 63 01"));
  peer.send(fromHex("a2 0c cafe 00 0001 78 0001 62 0001 79"));
  await bench.clock.tick();
  expect(toHex(peer.bytes.subarray(before))).toBe(hex("90 06 beef 00 02 00 01   b0 06 cafe 00 11 00 11"));
});

test("[MQTT-3.1.2-14] a will without RETAIN is not retained", async () => {
  const bench = new Bench();
  const will = { topic: "gone", payload: Uint8Array.of(1), qos: 0, retain: false } as const;
  const peer = await bench.connect("c", { will });
  const watcher = await bench.connect("watcher");
  await subscribe(watcher, "gone", { retainAsPublished: true });
  peer.cut();
  expect(await watcher.expect("publish")).toMatchObject({ topic: "gone", retain: false });
  expect(bench.hub.statistics.retainedMessages).toBe(0);
});

test.each(["0123456789abcdefghijklm", "nopqrstuvwxyzABCDEFGHIJ", "KLMNOPQRSTUVWXYZ", "a"])(
  "[MQTT-3.1.3-5] the client identifier %s is accepted",
  async (clientId) => {
    expect((await new Bench().introduce(clientId)).connack.reasonCode).toBe(0);
  },
);

test.each(["40", "80", "c0"])(
  "[MQTT-3.8.3-5] the reserved bits %s of subscription options are malformed",
  async (bits) => {
    const bench = new Bench();
    const peer = await bench.connect("c");
    peer.send(fromHex(`82 07 0001 00 0001 61 ${bits}`));
    expect(await peer.expect("disconnect")).toMatchObject({ reasonCode: 0x81 });
    await peer.expectClose();
  },
);

test.each([undefined, 0, 1, 2])(
  "[MQTT-3.1.2-26] [MQTT-3.1.2-27] [MQTT-3.3.2-11] aliases to a client stay within its maximum of %s",
  async (topicAliasMaximum) => {
    const bench = new Bench();
    const to = await bench.connect("to", { properties: topicAliasMaximum === undefined ? {} : { topicAliasMaximum } });
    await subscribe(to, "#", { qos: 0 });
    const from = await bench.connect("from");
    for (let i = 0; i < 12; i++) from.send(message(`some/topic/${i % 3}`, "x"));
    const aliases = new Set<number>();
    for (let i = 0; i < 12; i++) aliases.add((await to.expect("publish")).properties?.topicAlias ?? 0);
    expect([...aliases].sort()).toEqual(Array.from({ length: (topicAliasMaximum ?? 0) + 1 }, (_, i) => i));
  },
);

test("[MQTT-3.3.2-12] every topic alias up to the broker's maximum is accepted", async () => {
  const bench = new Bench({ topicAliasMaximum: 7 });
  const peer = await bench.connect("c");
  await subscribe(peer, "#", { qos: 0 });
  for (let topicAlias = 1; topicAlias <= 7; topicAlias++) {
    peer.send(message(`t${topicAlias}`, "x", { properties: { topicAlias } }));
    peer.send(message("", "y", { properties: { topicAlias } }));
    expect(await receive(peer)).toBe(`t${topicAlias}=x q0`);
    expect(await receive(peer)).toBe(`t${topicAlias}=y q0`);
  }
});

test.each([
  ["e\u0301", "\u00e9"],
  ["a", "A"],
  ["a/", "a"],
  ["/a", "a"],
  ["a//b", "a/b"],
  ["a", "a "],
])("[MQTT-4.7.3-4] [MQTT-3.3.2-3] the filter %j does not match the name %j", async (filter, name) => {
  const bench = new Bench();
  const peer = await bench.connect("c");
  await subscribe(peer, filter, { qos: 0 });
  peer.send(message(name, "x"));
  await peer.expectNothing();
  peer.send(message(filter, "x"));
  expect(utf8((await peer.expect("publish")).topic)).toBe(utf8(filter));
});

test("[MQTT-4.8.2-3] a shared subscription has the QoS that it was granted", async () => {
  const bench = new Bench();
  const member = await bench.connect("member");
  expect(await subscribe(member, "$share/g/t", { qos: 1 })).toEqual([1]);
  const from = await bench.connect("from");
  for (const qos of [0, 1, 2] as const) {
    from.send(message("t", "x", { qos, packetIdentifier: qos }));
    expect(await receive(member)).toBe(`t=x q${Math.min(qos, 1)}`);
  }
});

test("[MQTT-4.12.0-1] [MQTT-3.1.4-2] [MQTT-3.2.2-7] an authentication method, which the broker does not support, is refused", async () => {
  const bench = new Bench();
  const { peer, connack } = await bench.introduce("c", { properties: { authenticationMethod: "SCRAM-SHA-256" } });
  expect(connack.reasonCode).toBe(0x8c);
  await bench.clock.advance(99);
  expect(peer.isClosed).toBe(true);
  expect(bench.hub.statistics).toMatchObject({ openConnections: 0, sessions: 0 });
});
