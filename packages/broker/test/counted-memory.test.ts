// What a client can make the broker keep counts for the limit on total memory, and is given back.
import { expect, test } from "vitest";
import { Bench, disconnect, kept, message, subscribe } from "./bench.ts";

const MEBIBYTE = 2 ** 20;
const pairs = (count: number) => Array.from({ length: count }, () => ["", ""] as const);
const will = { topic: "will", payload: new Uint8Array(0), qos: 0, retain: false } as const;

test("the texts of a session count: its client identifier and its user name", async () => {
  const bench = new Bench();
  const peer = await bench.connect("c".repeat(60_000), { ...kept, username: "u".repeat(60_000) });
  expect(bench.hub.statistics.memory).toBeGreaterThan(120_000);
  peer.send(disconnect);
  await bench.clock.settle();
  expect(bench.hub.statistics.memory).toBeGreaterThan(120_000);
  await bench.clock.advance(1_001_000);
  expect(bench.hub.statistics.memory).toBe(0);
});

test.each([
  { how: "is discarded", willDelayInterval: 0, leave: true },
  { how: "is published at once", willDelayInterval: 0, leave: false },
  { how: "is published after its delay", willDelayInterval: 100, leave: false },
])("a will counts with its properties until it $how", async ({ willDelayInterval, leave }) => {
  const bench = new Bench();
  const properties = { willDelayInterval, userProperties: pairs(10_000) };
  const peer = await bench.connect("a", { ...kept, will: { ...will, properties } });
  expect(bench.hub.statistics.memory).toBeGreaterThan(MEBIBYTE / 2);
  if (leave) peer.send(disconnect);
  else peer.close();
  await bench.clock.settle();
  expect(bench.hub.statistics.memory > MEBIBYTE / 2).toBe(willDelayInterval > 0);
  await bench.clock.advance(100_000);
  expect(bench.hub.statistics.memory).toBeLessThan(10_000);
  await bench.clock.advance(1_001_000);
  expect(bench.hub.statistics.memory).toBe(0);
});

test("the levels of a topic filter count", async () => {
  const bench = new Bench();
  const peer = await bench.connect("a");
  const before = bench.hub.statistics.memory;
  await subscribe(peer, "/".repeat(200));
  expect(bench.hub.statistics.memory - before).toBeGreaterThan(40_000);
  peer.close();
  await bench.clock.settle();
  expect(bench.hub.statistics.memory).toBe(0);
});

test("the properties of a waiting message count", async () => {
  const bench = new Bench();
  const away = await bench.connect("away", kept);
  await subscribe(away, "t");
  away.close();
  const publisher = await bench.connect("publisher");
  publisher.send(message("t", "", { qos: 1, packetIdentifier: 1, properties: { userProperties: pairs(10_000) } }));
  await publisher.expect("puback");
  publisher.close();
  await bench.clock.settle();
  expect(bench.hub.statistics.memory).toBeGreaterThan(MEBIBYTE / 2);
  await bench.clock.advance(1_001_000);
  expect(bench.hub.statistics.memory).toBe(0);
});

test("the topics of topic aliases count while the connection lasts, and a client that exceeds the limit learns it", async () => {
  const bench = new Bench({ maximumMemory: MEBIBYTE, topicAliasMaximum: 100 });
  const peer = await bench.connect("a", kept);
  for (let i = 1; i <= 10; i++) peer.send(message(`${i}`.padEnd(60_000, "x"), "", { properties: { topicAlias: i } }));
  await bench.clock.settle();
  expect(bench.hub.statistics.memory).toBeGreaterThan(600_000);
  for (let i = 1; i <= 10; i++) peer.send(message(`${i}`.padEnd(60_000, "y"), "", { properties: { topicAlias: i } }));
  await bench.clock.settle();
  expect(bench.hub.statistics.memory).toBeLessThan(700_000);
  for (let i = 11; i <= 30; i++) peer.send(message(`${i}`.padEnd(60_000, "x"), "", { properties: { topicAlias: i } }));
  expect((await peer.expect("disconnect")).reasonCode).toBe(0x97);
  await bench.clock.settle();
  expect(bench.hub.statistics.memory).toBeLessThan(10_000);
});

test("messages that wait for authorizeDeliver count", async () => {
  const bench = new Bench({ authorizeDeliver: () => new Promise<boolean>(() => undefined) });
  const peer = await bench.connect("a", kept);
  await subscribe(peer, "t");
  const publisher = await bench.connect("publisher");
  for (let i = 1; i <= 10; i++) publisher.send(message("t", "x".repeat(100_000)));
  await bench.clock.settle();
  expect(bench.hub.statistics.memory).toBeGreaterThan(MEBIBYTE / 2);
  publisher.send(disconnect);
  bench.hub.clientList.get("a")?.endSession();
  await bench.clock.settle();
  expect(bench.hub.statistics.memory).toBe(0);
});

test("while the memory is full, a client that is known cannot come back with a large will", async () => {
  const bench = new Bench({ maximumMemory: MEBIBYTE });
  const peer = await bench.connect("a", kept);
  peer.send(disconnect);
  const large = { ...will, properties: { userProperties: pairs(12_000) } };
  await bench.connect("b", { will: large });
  const { connack } = await bench.introduce("a", { ...kept, will: large });
  expect(connack.reasonCode).toBe(0x89);
  expect((await bench.introduce("a", { ...kept, will })).connack.reasonCode).toBe(0);
});
