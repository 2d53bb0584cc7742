// The store fails, or is full: nothing that was acknowledged is lost, publishers learn it, and the broker resumes.
import { StoreError } from "@aiko/mqtt";
import { describe, expect, test } from "vitest";
import { disconnect, kept, message, receive, subscribe } from "../bench.ts";
import { StoredBench } from "./stored-bench.ts";
import { TestStore } from "./test-store.ts";

const settings = { protocolVersion: 4, cleanStart: false } as const;

/** A subscriber that is away, and a publisher; the store has failed once. */
async function failing(fields: Parameters<StoredBench["connect"]>[1] = kept): Promise<StoredBench> {
  const bench = await StoredBench.start();
  const peer = await bench.connect("c", kept);
  await subscribe(peer, "a", { qos: 2 });
  peer.send(disconnect);
  const from = await bench.connect("from", fields);
  bench.store.fail();
  from.send(message("a", "first", { qos: 1, packetIdentifier: 1 }));
  await from.expectClose();
  return bench;
}

test("connections whose packets depend on a failed write are closed, others stay", async () => {
  const bench = await StoredBench.start();
  const peer = await bench.connect("c", kept);
  await subscribe(peer, "a");
  const [from, other, reader] = [await bench.connect("f"), await bench.connect("o"), await bench.connect("r")];
  await subscribe(reader, "b", { qos: 1 });
  bench.store.fail();
  from.send(message("a", "x", { qos: 1, packetIdentifier: 1 }));
  await from.expectClose();
  await peer.expectClose();
  other.send(message("b", "y"));
  expect(await receive(reader)).toBe("b=y q0");
  expect(bench.events).toContainEqual(
    expect.objectContaining({ type: "disconnected", clientId: "f", reason: "the store failed: no room" }),
  );
});

describe("while the store fails", () => {
  test.each([1, 2] as const)("a QoS %i message of MQTT 5 is refused with 0x97", async (qos) => {
    const bench = await failing();
    const from = await bench.connect("other");
    from.send(message("a", "x", { qos, packetIdentifier: 1 }));
    const { reasonCode } = await from.expect(qos === 1 ? "puback" : "pubrec");
    expect(reasonCode).toBe(0x97);
  });

  test.each([1, 2] as const)("a QoS %i message of MQTT 3.1.1 closes the connection", async (qos) => {
    const bench = await failing();
    const from = await bench.connect("other", { protocolVersion: 4 });
    from.send(message("a", "x", { qos, packetIdentifier: 1 }));
    await from.expectClose();
  });

  test("a QoS 2 message of MQTT 3.1.1 is delivered once when it is sent again later", async () => {
    const bench = await StoredBench.start();
    const peer = await bench.connect("c", kept);
    await subscribe(peer, "a", { qos: 2 });
    peer.send(disconnect);
    const from = await bench.connect("from", settings);
    bench.store.fail();
    const packet = message("a", "x", { qos: 2, packetIdentifier: 1 });
    from.send(packet);
    await from.expectClose();
    const again = bench.dial(4);
    again.send({ type: "connect", clientId: "from", keepAlive: 0, ...settings });
    await again.expectNothing(); // its session has changed
    bench.store.recover();
    await bench.clock.advance(10_000);
    await again.expect("connack");
    again.send({ ...packet, dup: true });
    await again.expect("pubrec");
    const receiver = await bench.connect("c", kept);
    expect(await receive(receiver)).toBe("a=x q2");
    await receiver.expectNothing();
  });

  test("QoS 0 messages are delivered", async () => {
    const bench = await failing();
    const reader = await bench.connect("reader");
    await subscribe(reader, "a", { qos: 1 });
    const from = await bench.connect("other");
    from.send(message("a", "x"));
    expect(await receive(reader)).toBe("a=x q0");
  });

  test("new sessions are refused, and clients with stored ones can subscribe to known filters only", async () => {
    const bench = await StoredBench.start();
    const peer = await bench.connect("c", kept);
    await subscribe(peer, "a", { qos: 0 });
    const other = await bench.connect("other", kept);
    const from = await bench.connect("from");
    bench.store.fail();
    from.send(message("r", "x", { qos: 1, retain: true, packetIdentifier: 1 }));
    await from.expectClose();
    expect((await bench.introduce("new", kept)).connack.reasonCode).toBe(0x88);
    expect((await bench.introduce("short")).connack.reasonCode).toBe(0);
    other.send({ type: "subscribe", packetIdentifier: 1, subscriptions: [{ topicFilter: "b", qos: 1 }] });
    expect((await other.expect("disconnect")).reasonCode).toBe(0x97);
    await other.expectClose();
    peer.send({ type: "subscribe", packetIdentifier: 1, subscriptions: [{ topicFilter: "a", qos: 1 }] });
    await bench.clock.tick();
    bench.store.recover();
    await bench.clock.advance(10_000);
    expect((await peer.expect("suback")).reasonCodes).toEqual([1]);
  });

  test("it is retried with back-off, and reported once", async () => {
    const store = new TestStore();
    const bench = await StoredBench.start({}, store);
    const from = await bench.connect("from");
    store.fail(new StoreError("STORE_FAILED", "broken"));
    from.send(message("a", "x", { qos: 1, retain: true, packetIdentifier: 1 }));
    await from.expectClose();
    const attempts: number[] = [];
    for (let second = 0; second < 20; second++) {
      const before = store.failures;
      await bench.clock.advance(1_000);
      attempts.push(store.failures - before);
    }
    expect(attempts.slice(0, 6)).toEqual([3, 1, 0, 1, 0, 0]);
    expect(bench.events.filter(({ type }) => type === "storeFailed")).toMatchObject([{ error: { message: "broken" } }]);
    store.recover();
    await bench.clock.advance(5_000);
    expect(bench.events.filter(({ type }) => type === "storeRecovered")).toHaveLength(1);
    const again = await bench.connect("again");
    again.send(message("a", "x", { qos: 1, retain: true, packetIdentifier: 1 }));
    expect((await again.expect("puback")).reasonCode).toBeLessThan(0x80);
  });
});

test("what was not acknowledged is undone: messages, retained messages, subscriptions and sessions", async () => {
  const bench = await StoredBench.start();
  const away = await bench.connect("away", kept);
  await subscribe(away, "a", { qos: 1 });
  const peer = await bench.connect("c", kept);
  peer.send(message("kept", "before", { qos: 1, retain: true, packetIdentifier: 1 }));
  await peer.expect("puback");
  away.send(disconnect);
  await bench.clock.tick();
  bench.store.fail();
  peer.send(message("a", "x", { qos: 1, packetIdentifier: 1 }));
  peer.send(message("kept", "after", { qos: 1, retain: true, packetIdentifier: 2 }));
  peer.send(message("new", "x", { qos: 1, retain: true, packetIdentifier: 3 }));
  peer.send({ type: "subscribe", packetIdentifier: 4, subscriptions: [{ topicFilter: "s", qos: 1 }] });
  const newcomer = bench.dial();
  newcomer.send({ type: "connect", protocolVersion: 5, clientId: "newcomer", keepAlive: 0, ...kept });
  await peer.expectClose();
  await newcomer.expectClose();
  const { statistics, clientList } = bench.hub;
  expect([statistics.sessions, statistics.retainedMessages, statistics.subscriptions]).toEqual([2, 1, 1]);
  expect(clientList.get("away")?.queued.count).toBe(0);
  bench.store.recover();
  await bench.clock.advance(10_000);
  const next = await bench.restart();
  expect(next.hub.statistics).toMatchObject({ sessions: 2, retainedMessages: 1, subscriptions: 1 });
  const reader = await next.connect("reader");
  await subscribe(reader, "#");
  expect(await receive(reader)).toBe("kept=before q1 retained");
  await reader.expectNothing();
});

test("a store that is full serves its clients, and has room again when they have taken their messages", async () => {
  const bench = await StoredBench.start();
  const peer = await bench.connect("c", kept);
  await subscribe(peer, "a", { qos: 1 });
  peer.send(disconnect);
  bench.store.maximumBytes = 20_000;
  let from = await bench.connect("from");
  let acknowledged = 0;
  for (let refused = 0; refused < 2; ) {
    from.send(message("a", `${acknowledged} ${"x".repeat(900)}`, { qos: 1, packetIdentifier: 1 }));
    await bench.clock.tick();
    const answer = await from.expect("puback").catch(() => undefined);
    if (answer === undefined) from = await bench.connect("from");
    if (answer !== undefined && answer.reasonCode === 0) acknowledged++;
    else refused++;
  }
  expect(acknowledged).toBeGreaterThan(10);
  await bench.clock.advance(200); // what is undone is written
  expect((await bench.introduce("new", kept)).connack.reasonCode).toBe(0x88);
  const { peer: again, connack } = await bench.introduce("c", kept);
  expect(connack.sessionPresent).toBe(true);
  for (let i = 0; i < acknowledged; i++) expect(await receive(again)).toContain(`a=${i} `);
  await again.expectNothing();
  await bench.clock.advance(10_000);
  from.send(message("a", "room", { qos: 1, packetIdentifier: 1 }));
  expect((await from.expect("puback")).reasonCode).toBe(0);
  expect(await receive(again)).toBe("a=room q1");
  expect(bench.store.bytes).toBeLessThan(2_000);
});

test("a write that the store never answers counts as failed, and is not repeated before it is answered", async () => {
  const bench = await StoredBench.start();
  const from = await bench.connect("from");
  bench.store.hold();
  from.send(message("a", "x", { qos: 1, retain: true, packetIdentifier: 1 }));
  await bench.clock.advance(61_000);
  await from.expectClose();
  expect(bench.events.find(({ type }) => type === "storeFailed")).toMatchObject({ error: { code: "STORE_TIMEOUT" } });
  await bench.clock.advance(100_000);
  expect(bench.hub.statistics.retainedMessages).toBe(0);
  bench.store.release();
  await bench.clock.advance(10_000);
  expect(bench.events.some(({ type }) => type === "storeRecovered")).toBe(true);
  expect(bench.store.records.size).toBe(0);
});

test("closing reports what could not be written, and closes the store", async () => {
  const bench = await StoredBench.start();
  await bench.connect("c", kept);
  bench.store.fail();
  bench.hub.close();
  await expect(bench.hub.settled()).rejects.toMatchObject({ code: "STORE_FULL" });
  expect(bench.store.closed).toBe(1);
});

test("a message that waits for authorizeDeliver is undone, too, and does not block a full store", async () => {
  let allow = (_: boolean): void => undefined;
  const answer = new Promise<boolean>((resolve) => {
    allow = resolve;
  });
  const bench = await StoredBench.start({ authorizeDeliver: () => answer });
  const peer = await bench.connect("c", kept);
  await subscribe(peer, "a", { qos: 1 });
  peer.cut();
  const from = await bench.connect("from");
  bench.store.fail();
  from.send(message("a", "x", { qos: 1, packetIdentifier: 1 }));
  await from.expectClose();
  bench.store.recover();
  await bench.clock.advance(5_000);
  allow(true);
  await (await bench.connect("c", kept)).expectNothing();
  expect(bench.store.records.size).toBe(2);
});
