// Wills and expiry continue after the process, from stored times; and damaged records do not stop the broker.
import { describe, expect, test } from "vitest";
import { kept, message, receive, subscribe } from "../bench.ts";
import { StoredBench } from "./stored-bench.ts";

const payload = new TextEncoder().encode("gone");
const will = { topic: "w", payload, qos: 1, retain: false } as const;
const delayed = { ...will, properties: { willDelayInterval: 100 } };

/** A client with a stored session that receives wills. */
async function watched(): Promise<StoredBench> {
  const bench = await StoredBench.start();
  const watcher = await bench.connect("watcher", kept);
  await subscribe(watcher, "w", { qos: 1 });
  return bench;
}

describe("the will of a client that was connected when the process was killed", () => {
  test("is published when the broker starts again, once", async () => {
    const bench = await watched();
    await bench.connect("c", { ...kept, will });
    const next = await bench.restart();
    expect(await receive(await next.connect("watcher", kept))).toBe("w=gone q1");
    await bench.clock.tick();
    const last = await next.restart();
    await (await last.connect("watcher", kept)).expectNothing();
  });

  test("is published after its delay, counted from the start", async () => {
    const bench = await watched();
    await bench.connect("c", { ...kept, will: delayed });
    await bench.clock.advance(500_000);
    const next = await bench.restart();
    const watcher = await next.connect("watcher", kept);
    await bench.clock.advance(99_000);
    await watcher.expectNothing();
    await bench.clock.advance(2_000);
    expect(await receive(watcher)).toBe("w=gone q1");
  });

  test("is not published if the client reconnects within the delay", async () => {
    const bench = await watched();
    await bench.connect("c", { ...kept, will: delayed });
    const next = await bench.restart();
    await next.connect("c", kept);
    const watcher = await next.connect("watcher", kept);
    await bench.clock.advance(200_000);
    await watcher.expectNothing();
  });
});

test("a delayed will keeps its deadline over a kill", async () => {
  const bench = await watched();
  (await bench.connect("c", { ...kept, will: delayed })).cut();
  await bench.clock.advance(60_000);
  const next = await bench.restart();
  const watcher = await next.connect("watcher", kept);
  await bench.clock.advance(39_000);
  await watcher.expectNothing();
  await bench.clock.advance(2_000);
  expect(await receive(watcher)).toBe("w=gone q1");
});

test("a delayed will that was due while the broker was down is published when it starts", async () => {
  const bench = await watched();
  (await bench.connect("c", { ...kept, will: delayed })).cut();
  await bench.clock.advance(1_000);
  bench.store.kill();
  await bench.clock.advance(500_000);
  const next = await bench.restart();
  await bench.clock.advance(1);
  expect(await receive(await next.connect("watcher", kept))).toBe("w=gone q1");
});

test("a will that DISCONNECT discarded is not published after a kill", async () => {
  const bench = await watched();
  const peer = await bench.connect("c", { ...kept, will });
  peer.send({ type: "disconnect", reasonCode: 0 });
  await bench.clock.tick();
  const next = await bench.restart();
  await (await next.connect("watcher", kept)).expectNothing();
});

test("a session expires at its time, also while the broker is down", async () => {
  const bench = await StoredBench.start();
  (await bench.connect("a", kept)).cut();
  (await bench.connect("b", { ...kept, properties: { sessionExpiryInterval: 5_000 } })).cut();
  await bench.clock.advance(900_000);
  const next = await bench.restart();
  expect(next.hub.statistics.sessions).toBe(2);
  await bench.clock.advance(101_000);
  expect([...next.hub.clientList].map(({ clientId }) => clientId)).toEqual(["b"]);
  next.store.kill();
  await bench.clock.advance(5_000_000);
  const last = await next.restart();
  await bench.clock.tick();
  expect([last.hub.statistics.sessions, last.store.records.size]).toEqual([0, 0]);
});

test("a message expires at its time, in queues and retained", async () => {
  const bench = await StoredBench.start();
  const peer = await bench.connect("c", kept);
  await subscribe(peer, "a", { qos: 1 });
  peer.cut();
  const from = await bench.connect("from");
  const properties = { messageExpiryInterval: 50 };
  from.send(message("a", "x", { qos: 1, packetIdentifier: 1, properties }));
  from.send(message("r", "x", { qos: 1, packetIdentifier: 2, retain: true, properties }));
  await from.expect("puback");
  await from.expect("puback");
  await bench.clock.advance(20_000);
  const next = await bench.restart();
  const reader = await next.connect("reader");
  await subscribe(reader, "r");
  expect((await reader.expect("publish")).properties?.messageExpiryInterval).toBeLessThanOrEqual(30);
  await bench.clock.advance(40_000);
  await (await next.connect("c", kept)).expectNothing();
  expect(next.hub.statistics.retainedMessages).toBe(0);
  expect(next.store.records.size).toBe(2);
});

test("a clock that was set back does not keep sessions and messages longer than their intervals", async () => {
  const bench = await StoredBench.start();
  await bench.clock.advance(10_000_000);
  const peer = await bench.connect("c", kept);
  await subscribe(peer, "a", { qos: 1 });
  peer.send(message("a", "x", { qos: 1, packetIdentifier: 1, properties: { messageExpiryInterval: 10 } }));
  await peer.expect("publish");
  peer.cut();
  await bench.clock.tick();
  bench.store.kill();
  const earlier = await StoredBench.start({}, bench.store); // on another clock
  await earlier.clock.advance(1_001_000);
  expect(earlier.hub.statistics.sessions).toBe(0);
});

describe("a damaged record", () => {
  test("is set aside and reported, and all others are used", async () => {
    const bench = await StoredBench.start();
    const peer = await bench.connect("c", kept);
    await subscribe(peer, "a", { qos: 1 });
    await subscribe(peer, "b", { qos: 1 });
    const from = await bench.connect("from");
    for (const i of [1, 2, 3]) {
      from.send(message("b", `${i}`, { qos: 1, packetIdentifier: i }));
      await from.expect("puback");
      await peer.expect("publish");
    }
    const records = [...bench.store.records];
    const [second] = records.find(([, value]) => value[0] === 1 && value.at(-1) === "2".charCodeAt(0)) ?? [];
    bench.store.records.set(second ?? 0, Uint8Array.of(99));
    const next = await bench.restart();
    await bench.clock.tick();
    // The message, and what is left without it.
    expect(next.events.filter(({ type }) => type === "storeDamaged")).toEqual([
      { type: "storeDamaged", records: 2, reason: `record ${second}: kind 99 is not known` },
    ]);
    const again = await next.connect("c", kept);
    expect([await receive(again), await receive(again)]).toEqual(["b=1 q1", "b=3 q1"]);
    const aside = [...next.store.records].filter(([key]) => key >= 2 ** 52);
    expect(aside.map(([, value]) => value[0])).toEqual([99, 4]);
    const last = await next.restart();
    await bench.clock.tick();
    expect(last.events).toEqual([]);
  });

  test("of a session takes everything that belongs to it along, and the broker starts", async () => {
    const bench = await StoredBench.start();
    const peer = await bench.connect("c", kept);
    await subscribe(peer, "a", { qos: 1 });
    peer.send(message("a", "x", { qos: 2, packetIdentifier: 1 }));
    await peer.expect("publish");
    const [session] = [...bench.store.records].find(([, value]) => value[0] === 2) ?? [];
    bench.store.records.set(session ?? 0, new Uint8Array());
    const next = await bench.restart();
    const { connack } = await next.introduce("c", kept);
    expect(connack.sessionPresent).toBe(false);
    expect(next.events.find(({ type }) => type === "storeDamaged")).toMatchObject({ records: 4 });
    expect(next.hub.statistics.sessions).toBe(1);
  });
});
