// A backlog while something else happens: writes fail, sessions end, memory is full, or the broker closes.
import { FakeClock, type ScriptedPeer } from "@aiko/mqtt/testing";
import type { BrokerOptions } from "@aiko/mqtt-broker";
import { expect, test } from "vitest";
import { BrokerJournal } from "../../src/persistence/broker-journal.ts";
import { disconnect, kept, message, receive, subscribe } from "../bench.ts";
import { StoredBench } from "./stored-bench.ts";
import { TestStore } from "./test-store.ts";

const few = { outboxInMemory: { maximumCount: 1 } };
const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);
async function numbers(peer: ScriptedPeer, count: number): Promise<number[]> {
  const found: number[] = [];
  for (let i = 0; i < count; i++) found.push(Number((await receive(peer)).match(/=(\d+) /)?.[1]));
  return found;
}
async function away(options: BrokerOptions, filters: string[] = ["a/#"]): Promise<StoredBench> {
  const bench = await StoredBench.start(options, new TestStore());
  const peer = await bench.connect("c", kept);
  for (const f of filters) await subscribe(peer, f);
  peer.send(disconnect);
  await bench.clock.tick();
  return bench;
}
async function publish(bench: StoredBench, first: number, last: number, extra: object = {}) {
  const from = await bench.connect("from");
  for (let n = first; n <= last; n++) {
    const i = n;
    from.send(message("a/0", `${i}`, { qos: 1, packetIdentifier: i, ...extra }));
    await from.expect("puback");
  }
  from.send(disconnect);
  await bench.clock.tick();
}

async function fill(bench: StoredBench) {
  const from = await bench.connect("filler");
  for (let i = 1; i <= 11; i++) {
    from.send(message(`f/${i}`, "y".repeat(100_000), { qos: 1, packetIdentifier: i, retain: true }));
    await from.expect("puback");
  }
}

test("a retained message outlives a delivery that was undone after its session had ended", async () => {
  const bench = await away(few);
  const from = await bench.connect("from");
  from.send(message("r", "kept", { qos: 1, packetIdentifier: 1, retain: true }));
  await from.expect("puback");
  await publish(bench, 1, 4); // one in memory, three in the backlog
  const peer = await bench.connect("c", { ...kept, properties: { sessionExpiryInterval: 1000, receiveMaximum: 1 } });
  await peer.expect("publish");
  await bench.clock.tick();
  bench.store.hold();
  peer.cut();
  await bench.clock.tick(); // a write is under way
  await bench.clock.tick();
  // the retained message comes to the backlog in the next batch
  const again = bench.dial();
  again.send({
    type: "connect",
    protocolVersion: 5,
    clientId: "c",
    keepAlive: 0,
    ...kept,
    properties: { sessionExpiryInterval: 1000, receiveMaximum: 1 },
  });
  await bench.clock.tick();
  again.send({
    type: "subscribe",
    packetIdentifier: 9,
    subscriptions: [{ topicFilter: "r", qos: 1 }],
    properties: undefined,
  });
  await bench.clock.tick();
  bench.store.release();
  bench.store.hold();
  await bench.clock.tick(); // now the batch with the retained delivery is being written
  const taker = bench.dial();
  taker.send({ type: "connect", protocolVersion: 5, clientId: "c", keepAlive: 0, cleanStart: true });
  await bench.clock.tick(); // the session ends while it is written
  bench.store.fail();
  bench.store.release();
  await bench.clock.tick();
  bench.store.recover();
  await bench.clock.advance(60_000);
  const next = await bench.restart();
  expect(next.hub.statistics.retainedMessages).toBe(1);
});

test("a shared message does not overtake the backlog on the same topic", async () => {
  const bench = await away(few, ["a/#", "$share/g/a/#"]);
  const other = await bench.connect("o", kept);
  await subscribe(other, "$share/g/a/#");
  other.send(disconnect);
  await bench.clock.tick();
  await publish(bench, 1, 8);
  const peer = await bench.connect("c", kept);
  expect(await numbers(peer, 8)).toEqual(range(1, 8));
});

test("shared messages keep the order with others after a restart", async () => {
  const bench = await away({}, ["a/#", "$share/g/a/#"]);
  const other = await bench.connect("o", kept);
  await subscribe(other, "$share/g/a/#");
  other.send(disconnect);
  await bench.clock.tick();
  await publish(bench, 1, 4);
  const next = await bench.restart();
  const peer = await next.connect("c", kept);
  expect(await numbers(peer, 4)).toEqual(range(1, 4));
});

test.each([true, false])("maximumMemory holds for a long queue; after a restart: %s", async (restarts) => {
  const options = { ...few, maximumMemory: 1_048_576 };
  let bench = await away(options);
  await publish(bench, 1, 10);
  if (restarts) bench = await bench.restart();
  const from = await bench.connect("from");
  await fill(bench);
  const before = bench.hub.clientList.get("c")?.queued.count ?? 0;
  for (let i = 1; i <= 5_000; i++) {
    from.send(message("a/0", `${i}`, { qos: 1, packetIdentifier: i }));
    await from.expect("puback");
  }
  expect((bench.hub.clientList.get("c")?.queued.count ?? 0) - before).toBeLessThan(3);
});
test("a retained message outlives a delivery that was refused while it was written", async () => {
  let decide: ((answer: boolean) => void) | undefined;
  const options: BrokerOptions = {
    authorizeDeliver: (_, { topic }) => (topic === "r" ? new Promise<boolean>((r) => (decide = r)) : true),
  };
  const bench = await StoredBench.start(options, new TestStore());
  const from = await bench.connect("from");
  from.send(message("r", "kept", { qos: 1, packetIdentifier: 1, retain: true }));
  await from.expect("puback");
  const peer = await bench.connect("c", kept);
  bench.store.hold();
  peer.send({
    type: "subscribe",
    packetIdentifier: 9,
    subscriptions: [{ topicFilter: "r", qos: 1 }],
    properties: undefined,
  });
  await bench.clock.tick();
  decide?.(false); // refused while the delivery is being written
  await bench.clock.tick();
  bench.store.fail();
  bench.store.release();
  await bench.clock.tick();
  bench.store.recover();
  await bench.clock.advance(60_000);
  const next = await bench.restart({});
  expect(next.hub.statistics.retainedMessages).toBe(1);
});
test("reading stays within maximumMemory", async () => {
  const options = { maximumMemory: 2_000_000, outboxInMemory: { maximumCount: 1000 } };
  const bench = await StoredBench.start(options, new TestStore());
  for (let n = 0; n < 20; n++) {
    const peer = await bench.connect(`c${n}`, kept);
    await subscribe(peer, "a/#");
    peer.send(disconnect);
  }
  await bench.clock.tick();
  const from = await bench.connect("from");
  for (let i = 1; i <= 400; i++) {
    from.send(message("a/0", "x".repeat(1000), { qos: 1, packetIdentifier: i }));
    await from.expect("puback");
  }
  const next = await bench.restart();
  for (let n = 0; n < 20; n++)
    await next.connect(`c${n}`, { ...kept, properties: { sessionExpiryInterval: 1000, receiveMaximum: 1 } });
  await next.clock.tick();
  expect(next.hub.statistics.memory).toBeLessThan(3_000_000);
});

test("closing while a read is under way sets no timer and reports no error", async () => {
  const bench = await away(few);
  await publish(bench, 1, 5, { properties: { messageExpiryInterval: 1000 } });
  const going = bench.store.holdReads();
  const peer = await bench.connect("c", kept);
  await receive(peer);
  await bench.clock.tick();
  expect(bench.store.reads).toBe(1);
  bench.hub.close();
  const settled = bench.hub.settled();
  going();
  await bench.clock.tick();
  await settled;
  await bench.clock.tick();
  expect(bench.clock.nextTimer).toBe(Infinity);
});

test("closing while a read waits for a write reports no error", async () => {
  const bench = await away(few);
  await publish(bench, 1, 5);
  const errors: unknown[] = [];
  bench.hub.events.on("error", (each) => errors.push(each));
  const peer = await bench.connect("c", { ...kept, properties: { sessionExpiryInterval: 1000, receiveMaximum: 100 } });
  const { packetIdentifier } = await peer.expect("publish");
  bench.store.hold();
  const from = bench.dial();
  from.send({ type: "connect", protocolVersion: 5, clientId: "f2", keepAlive: 0, cleanStart: true });
  await from.expect("connack");
  // refill so that reading needs what is unwritten
  from.send(message("a/0", "6", { qos: 1, packetIdentifier: 6 }));
  await bench.clock.tick();
  peer.send({ type: "puback", packetIdentifier, reasonCode: 0 });
  await bench.clock.tick();
  await bench.clock.tick();
  bench.hub.close();
  const settled = bench.hub.settled();
  bench.store.release();
  await bench.clock.tick();
  await settled;
  await bench.clock.tick();
  expect(errors).toEqual([]);
});

test("a read is answered although what it waits for was removed again", async () => {
  const clock = new FakeClock();
  const journal = new BrokerJournal(clock, { storeFailed() {}, storeRecovered() {} });
  const { session } = await new TestStore().open("broker");
  journal.begin(session, 10, 2 ** 52);
  const key = journal.add(new Uint8Array(1));
  let answered = false;
  void journal.read([5, key]).then(() => (answered = true));
  journal.delete(key);
  await clock.advance(3_600_000);
  expect(answered).toBe(true);
});

test("a listener of storeDamaged may end the session", async () => {
  const bench = await away({ outboxInMemory: { maximumCount: 3 } });
  await publish(bench, 1, 10);
  const [key] = [...bench.store.records].find(([, v]) => v[0] === 1 && v.at(-1) === "6".charCodeAt(0)) ?? [];
  bench.store.records.delete(key as number);
  bench.hub.events.on("storeDamaged", () => bench.hub.clientList.get("c")?.endSession());
  const peer = await bench.connect("c", kept);
  await numbers(peer, 3);
  await bench.clock.tick();
  await bench.clock.tick();
  expect(bench.store.records.size).toBe(0);
});
