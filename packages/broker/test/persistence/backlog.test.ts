// Messages that wait in the store only: they come back in order, once, and take hardly any memory.
import { StoreError } from "@aiko/mqtt";
import type { ScriptedPeer } from "@aiko/mqtt/testing";
import type { BrokerOptions } from "@aiko/mqtt-broker";
import { describe, expect, test } from "vitest";
import { disconnect, kept, message, receive, subscribe } from "../bench.ts";
import { StoredBench } from "./stored-bench.ts";
import { TestStore } from "./test-store.ts";

const few = { outboxInMemory: { maximumCount: 3 } };

/** A subscriber "c" to "a/#" that is away. */
async function away(options: BrokerOptions = few, store = new TestStore()): Promise<StoredBench> {
  const bench = await StoredBench.start(options, store);
  const peer = await bench.connect("c", kept);
  await subscribe(peer, "a/#");
  peer.send(disconnect);
  await bench.clock.tick();
  return bench;
}

/** Publishes the numbers from `first` to `last` and waits for the acknowledgements. */
async function publish(bench: StoredBench, first: number, last: number, fields: { qos?: 1 | 2; expiry?: number } = {}) {
  const { qos = 1, expiry } = fields;
  const from = await bench.connect("from");
  for (let i = first; i <= last; i++) {
    const properties = expiry === undefined ? undefined : { messageExpiryInterval: expiry };
    from.send(message(`a/${i % 3}`, `${i}`, { qos, packetIdentifier: i, properties }));
    await from.expect(qos === 1 ? "puback" : "pubrec");
  }
  from.send(disconnect);
  await bench.clock.tick();
}

/** The next messages. */
async function numbers(peer: ScriptedPeer, count: number): Promise<number[]> {
  const found: number[] = [];
  for (let i = 0; i < count; i++) found.push(Number((await receive(peer)).match(/=(\d+) /)?.[1]));
  return found;
}

/** As `kept`. QoS 2 messages come one at a time, so that `receive` finds its PUBREL. */
const oneByOne = { cleanStart: false, properties: { sessionExpiryInterval: 1_000, receiveMaximum: 1 } } as const;

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** How many records the store has of each kind. */
function kindsIn({ store }: StoredBench): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const [key, value] of store.records)
    if (key < 2 ** 52 && key > 0) counts[value[0] as number] = (counts[value[0] as number] ?? 0) + 1;
  return counts;
}

const [MESSAGE, SESSION, SUBSCRIPTION, DELIVERY] = [1, 2, 3, 4] as const;
const nothingWaits = { [SESSION]: 1, [SUBSCRIPTION]: 1 };

describe.each([1, 2] as const)("a queue of QoS %i that is longer than what stays in memory", (qos) => {
  test("is delivered whole, once and in order, and leaves nothing in the store", async () => {
    const bench = await away();
    await publish(bench, 1, 20, { qos });
    expect(bench.hub.clientList.get("c")?.queued.count).toBe(20);
    const peer = await bench.connect("c", oneByOne);
    expect(await numbers(peer, 20)).toEqual(range(1, 20));
    await peer.expectNothing();
    await bench.clock.tick();
    expect(kindsIn(bench)).toMatchObject(nothingWaits);
    expect(kindsIn(bench)[DELIVERY]).toBeUndefined();
    expect(kindsIn(bench)[MESSAGE]).toBeUndefined();
  });

  test("continues after a kill", async () => {
    const bench = await away();
    await publish(bench, 1, 20, { qos });
    const peer = await bench.connect("c", oneByOne);
    expect(await numbers(peer, 7)).toEqual(range(1, 7));
    await bench.clock.tick();
    const next = await bench.restart();
    const again = await next.connect("c", oneByOne);
    const rest = await numbers(again, 13);
    expect(rest).toEqual(range(8, 20));
    await again.expectNothing();
    expect(next.hub.statistics.memory).toBeLessThan(5_000);
  });
});

test("a client that does not read on gets no more into memory than its share", async () => {
  const bench = await away();
  await publish(bench, 1, 50);
  const peer = await bench.connect("c", { ...kept, properties: { sessionExpiryInterval: 1_000, receiveMaximum: 2 } });
  await peer.expect("publish");
  await peer.expect("publish");
  await bench.clock.tick();
  expect(bench.store.reads).toBe(0);
  expect(bench.hub.clientList.get("c")?.queued.count).toBe(50);
});

test("what is published meanwhile follows what waits", async () => {
  const bench = await away();
  await publish(bench, 1, 10);
  const peer = await bench.connect("c", kept);
  const from = await bench.connect("from");
  const found: number[] = [];
  for (let i = 11; i <= 30; i++) {
    from.send(message("a/0", `${i}`, { qos: 1, packetIdentifier: i }));
    found.push(...(await numbers(peer, 1)));
  }
  found.push(...(await numbers(peer, 10)));
  expect(found).toEqual(range(1, 30));
  await peer.expectNothing();
});

test("10,000 small messages take less than 200 bytes each", async () => {
  const bench = await away();
  const before = bench.hub.statistics.memory;
  const from = await bench.connect("from");
  for (let i = 1; i <= 10_000; i++) from.send(message("a/b", "x".repeat(1_000), { qos: 1, packetIdentifier: i }));
  await bench.clock.tick();
  expect(bench.hub.clientList.get("c")?.queued.count).toBe(10_000);
  expect(bench.hub.statistics.memory - before).toBeLessThan(10_000 * 200);
});

test("a restart reads none of it", async () => {
  const bench = await away();
  await publish(bench, 1, 20);
  bench.store.reads = 0;
  const next = await bench.restart();
  expect(bench.store.reads).toBe(0);
  expect(next.hub.clientList.get("c")?.queued.count).toBe(20);
});

test("messages of one publication for several clients are stored once, until the last client has it", async () => {
  const bench = await away();
  for (const name of ["d", "e"]) {
    const peer = await bench.connect(name, kept);
    await subscribe(peer, "a/#");
    peer.send(disconnect);
  }
  await publish(bench, 1, 10);
  expect(kindsIn(bench)).toMatchObject({ [MESSAGE]: 10, [DELIVERY]: 30 });
  const next = await bench.restart();
  for (const name of ["c", "d", "e"]) {
    const peer = await next.connect(name, kept);
    expect(await numbers(peer, 10)).toEqual(range(1, 10));
    await next.clock.tick();
    expect(kindsIn(next)[MESSAGE]).toBe(name === "e" ? undefined : 10);
  }
});

test("expired messages are removed while the client is away, also after a restart", async () => {
  const bench = await away();
  await publish(bench, 1, 5);
  await publish(bench, 6, 15, { expiry: 10 });
  await publish(bench, 16, 20);
  await bench.clock.advance(5_000);
  const next = await bench.restart();
  await next.clock.advance(7_000);
  expect(next.hub.clientList.get("c")?.queued.count).toBe(10);
  expect(kindsIn(next)).toMatchObject({ [MESSAGE]: 10, [DELIVERY]: 10 });
  const peer = await next.connect("c", kept);
  expect(await numbers(peer, 10)).toEqual([...range(1, 5), ...range(16, 20)]);
  await peer.expectNothing();
});

test("the end of the session removes all of it", async () => {
  const bench = await away();
  await publish(bench, 1, 20);
  await bench.connect("c", { cleanStart: true });
  await bench.clock.tick();
  expect(bench.store.records.size).toBe(0);
});

test("the limits of the outbox hold for both parts together", async () => {
  const bench = await away({ ...few, outbox: { maximumCount: 8 } });
  await publish(bench, 1, 10);
  const dropped = bench.events.filter(({ type }) => type === "dropped");
  expect(dropped).toHaveLength(2);
  expect(dropped[0]).toMatchObject({
    clientId: "c",
    topic: "a/0",
    reason: expect.stringContaining("holds 8 messages"),
  });
  const peer = await bench.connect("c", kept);
  expect(await numbers(peer, 8)).toEqual(range(1, 8));
  await peer.expectNothing();
});

test("what could not be written is undone, and its publisher sends it again", async () => {
  const bench = await away();
  await publish(bench, 1, 5);
  const from = await bench.connect("from");
  bench.store.fail();
  from.send(message("a/0", "6", { qos: 1, packetIdentifier: 6 }));
  await from.expectClose();
  expect(bench.hub.clientList.get("c")?.queued.count).toBe(5);
  bench.store.recover();
  await bench.clock.advance(60_000);
  await publish(bench, 6, 7);
  const peer = await bench.connect("c", kept);
  expect(await numbers(peer, 7)).toEqual(range(1, 7));
  await peer.expectNothing();
});

test("what was not written yet is written before it is delivered", async () => {
  const bench = await away();
  await publish(bench, 1, 5);
  bench.store.hold();
  const from = await bench.connect("from");
  for (let i = 6; i <= 9; i++) from.send(message("a/0", `${i}`, { qos: 1, packetIdentifier: i }));
  await bench.clock.tick();
  const peer = bench.dial();
  peer.send({ type: "connect", protocolVersion: 5, clientId: "c", keepAlive: 0, ...kept });
  await bench.clock.tick();
  bench.store.release();
  await peer.expect("connack");
  expect(await numbers(peer, 9)).toEqual(range(1, 9));
});

test("a connection that ends while messages are read loses none", async () => {
  const bench = await away();
  await publish(bench, 1, 12);
  const found: number[] = [];
  for (let round = 0; round < 12; round++) {
    const peer = await bench.connect("c", kept);
    found.push(...(await numbers(peer, 1)));
    await bench.clock.tick();
    peer.cut();
    await bench.clock.tick();
  }
  expect(found).toEqual(range(1, 12));
});

test("a damaged message is reported and left out, all others arrive", async () => {
  const bench = await away();
  await publish(bench, 1, 10);
  const [key] =
    [...bench.store.records].find(([, value]) => value[0] === 1 && value.at(-1) === "7".charCodeAt(0)) ?? [];
  bench.store.records.delete(key as number);
  const peer = await bench.connect("c", kept);
  expect(await numbers(peer, 9)).toEqual([1, 2, 3, 4, 5, 6, 8, 9, 10]);
  expect(bench.events.filter(({ type }) => type === "storeDamaged")).toEqual([
    { type: "storeDamaged", records: 1, reason: expect.stringContaining(`the record ${key} is damaged`) },
  ]);
  await bench.clock.tick();
  expect(kindsIn(bench)[DELIVERY]).toBeUndefined();
});

test("if the store cannot be read, the client is disconnected and nothing is lost", async () => {
  const bench = await away();
  await publish(bench, 1, 10);
  const error = new StoreError("STORE_FAILED", "input/output error");
  const errors: unknown[] = [];
  bench.hub.events.on("error", (each) => errors.push(each));
  bench.store.unreadable = error;
  const peer = await bench.connect("c", kept);
  expect(await numbers(peer, 3)).toEqual([1, 2, 3]);
  expect((await peer.expect("disconnect")).reasonCode).toBe(0x80);
  expect(errors).toEqual([error]);
  bench.store.unreadable = undefined;
  const again = await bench.connect("c", kept);
  expect(await numbers(again, 10)).toEqual(range(1, 10)); // the acknowledgements of the first three came too late
});

test("messages of shared subscriptions stay in memory, so that another member can receive them", async () => {
  const bench = await away();
  const member = await bench.connect("m", kept);
  await subscribe(member, "$share/g/s");
  member.send(disconnect);
  const from = await bench.connect("from");
  for (let i = 1; i <= 8; i++) {
    from.send(message("s", `${i}`, { qos: 1, packetIdentifier: i }));
    await from.expect("puback");
  }
  const other = await bench.connect("o");
  await subscribe(other, "$share/g/s");
  await bench.connect("m", { cleanStart: true });
  expect(await numbers(other, 8)).toEqual(range(1, 8));
});

test("rights hold for what waited in the store", async () => {
  const revoked = new Set<string>();
  const authorizeDeliver: BrokerOptions["authorizeDeliver"] = (_, { topic }) => !revoked.has(topic);
  const bench = await away({ ...few, authorizeDeliver });
  await publish(bench, 1, 12);
  revoked.add("a/1");
  const peer = await bench.connect("c", kept);
  expect(await numbers(peer, 8)).toEqual([2, 3, 5, 6, 8, 9, 11, 12]);
  await peer.expectNothing();
  await bench.clock.tick();
  expect(kindsIn(bench)[DELIVERY]).toBeUndefined();
});

test("with a store that cannot be read, everything stays in memory", async () => {
  const store = new TestStore();
  store.canRead = false;
  const bench = await away(few, store);
  await publish(bench, 1, 10);
  const next = await bench.restart();
  const peer = await next.connect("c", kept);
  expect(await numbers(peer, 10)).toEqual(range(1, 10));
});

test("a store that hands over its records one by one is restored like others", async () => {
  const bench = await away();
  await publish(bench, 1, 10);
  bench.store.isHandingOver = true;
  const next = await bench.restart();
  const peer = await next.connect("c", kept);
  expect(await numbers(peer, 10)).toEqual(range(1, 10));
});

test("a store that hands over its records must be readable", async () => {
  const bench = await away();
  bench.store.isHandingOver = true;
  bench.store.canRead = false;
  const why = expect.stringMatching(/must have `read`$/);
  await expect(bench.restart()).rejects.toMatchObject({ code: "STORE_FAILED", message: why });
});
