// What a broker continues after its process was killed.
import { describe, expect, test } from "vitest";
import { disconnect, kept, message, receive, subscribe } from "../bench.ts";
import { StoredBench } from "./stored-bench.ts";

const versions = [
  ["3.1.1", { protocolVersion: 4, cleanStart: false }],
  ["5", kept],
] as const;

describe.each(versions)("after a kill, a session of version %s", (_, fields) => {
  test("continues with its subscriptions and the messages that waited", async () => {
    const bench = await StoredBench.start();
    const peer = await bench.connect("c", fields);
    await subscribe(peer, "a/#", { qos: 2 });
    peer.send(disconnect);
    const from = await bench.connect("from");
    for (const qos of [0, 1, 2] as const) from.send(message("a/b", `m${qos}`, { qos, packetIdentifier: qos }));
    await from.expect("puback");
    await from.expect("pubrec");
    const next = await bench.restart();
    const { peer: again, connack } = await next.introduce("c", fields);
    expect(connack.sessionPresent).toBe(true);
    expect([await receive(again), await receive(again)]).toEqual(["a/b=m1 q1", "a/b=m2 q2"]);
    const other = await next.connect("other");
    other.send(message("a/c", "live"));
    expect(await receive(again)).toBe("a/c=live q0");
    await again.expectNothing();
  });

  test("resends messages in flight with their packet identifiers, and PUBREL", async () => {
    const bench = await StoredBench.start();
    const peer = await bench.connect("c", fields);
    await subscribe(peer, "a");
    const from = await bench.connect("from");
    for (let i = 1; i <= 3; i++) from.send(message("a", `${i}`, { qos: i === 1 ? 1 : 2, packetIdentifier: i }));
    const identifiers: number[] = [];
    for (let i = 0; i < 3; i++) identifiers.push((await peer.expect("publish")).packetIdentifier);
    peer.send({ type: "pubrec", packetIdentifier: identifiers[2] as number, reasonCode: 0 });
    await peer.expect("pubrel");
    const next = await bench.restart();
    const again = await next.connect("c", fields);
    expect(await again.expect("publish")).toMatchObject({ dup: true, qos: 1, packetIdentifier: identifiers[0] });
    expect(await again.expect("publish")).toMatchObject({ dup: true, qos: 2, packetIdentifier: identifiers[1] });
    expect(await again.expect("pubrel")).toMatchObject({ packetIdentifier: identifiers[2] });
  });

  test("remembers the QoS 2 messages that it has received until PUBREL", async () => {
    const bench = await StoredBench.start();
    const to = await bench.connect("to", fields);
    await subscribe(to, "a", { qos: 1 });
    const peer = await bench.connect("c", fields);
    const packet = message("a", "x", { qos: 2, packetIdentifier: 9 });
    peer.send(packet);
    await peer.expect("pubrec");
    const next = await bench.restart();
    const again = await next.connect("c", fields);
    again.send({ ...packet, dup: true });
    await again.expect("pubrec");
    again.send({ type: "pubrel", packetIdentifier: 9, reasonCode: 0 });
    await again.expect("pubcomp");
    const last = await next.restart();
    const third = await last.connect("c", fields);
    third.send(message("a", "y", { qos: 2, packetIdentifier: 9 }));
    await third.expect("pubrec");
    const receiver = await last.connect("to", fields);
    expect([await receive(receiver), await receive(receiver)]).toEqual(["a=x q1", "a=y q1"]);
    await receiver.expectNothing();
  });
});

test("a clean start discards the stored session, and nothing of it stays in the store", async () => {
  const bench = await StoredBench.start();
  const peer = await bench.connect("c", kept);
  await subscribe(peer, "a");
  peer.send(message("a", "x", { qos: 2, packetIdentifier: 1 }));
  await peer.expect("publish");
  await peer.expect("pubrec");
  const next = await bench.restart();
  expect(next.store.records.size).toBeGreaterThan(2);
  const { connack } = await next.introduce("c", { cleanStart: true });
  expect(connack.sessionPresent).toBe(false);
  expect(next.store.records.size).toBe(0);
});

test("another identity does not continue the session", async () => {
  let identity = "ann";
  const options = { authenticate: () => ({ identity }) };
  const bench = await StoredBench.start(options);
  await bench.connect("c", kept);
  const next = await bench.restart();
  identity = "bob";
  expect((await next.introduce("c", kept)).connack.sessionPresent).toBe(false);
});

test("unsubscribed filters stay unsubscribed, and changed options stay changed", async () => {
  const bench = await StoredBench.start();
  const peer = await bench.connect("c", kept);
  await subscribe(peer, "a");
  await subscribe(peer, "b", { qos: 2 });
  await subscribe(peer, "b", { qos: 1, retainAsPublished: true, subscriptionIdentifier: 7 });
  peer.send({ type: "unsubscribe", packetIdentifier: 1, topicFilters: ["a"] });
  await peer.expect("unsuback");
  const next = await bench.restart();
  const again = await next.connect("c", kept);
  again.send(message("a", "1"));
  again.send(message("b", "2", { qos: 2, retain: true, packetIdentifier: 3 }));
  expect(await again.expect("publish")).toMatchObject({
    topic: "b",
    qos: 1,
    retain: true,
    properties: { subscriptionIdentifiers: [7] },
  });
  await again.expect("pubrec");
});

test("retained messages continue, changed and removed ones too", async () => {
  const bench = await StoredBench.start();
  const peer = await bench.connect("c");
  for (const [topic, text] of [
    ["a", "1"],
    ["b", "2"],
    ["c", "3"],
    ["a", "4"],
    ["b", ""],
  ] as const)
    peer.send(message(topic, text, { retain: true, qos: 1, packetIdentifier: 1 }));
  for (let i = 0; i < 5; i++) await peer.expect("puback");
  expect(bench.store.records.size).toBe(4);
  const next = await bench.restart();
  const again = await next.connect("d");
  await subscribe(again, "#", { qos: 1 });
  const got = [await receive(again), await receive(again)].sort();
  expect(got).toEqual(["a=4 q1 retained", "c=3 q1 retained"]);
  await again.expectNothing();
});

test("a message for several clients is stored once, and removed with the last of them", async () => {
  const bench = await StoredBench.start();
  const peers = [];
  for (const clientId of ["a", "b", "c"]) {
    const peer = await bench.connect(clientId, kept);
    await subscribe(peer, "t", { qos: 1 });
    peers.push(peer);
  }
  const before = bench.store.records.size;
  const from = await bench.connect("from");
  from.send(message("t", "x".repeat(1_000), { qos: 1, packetIdentifier: 1 }));
  await from.expect("puback");
  expect(bench.store.records.size).toBe(before + 4);
  expect([...bench.store.records.values()].filter(({ length }) => length > 1_000)).toHaveLength(1);
  for (const peer of peers) await receive(peer);
  await bench.clock.tick();
  expect(bench.store.records.size).toBe(before);
});

test("sessions that end with their connection are not stored", async () => {
  const bench = await StoredBench.start();
  const peer = await bench.connect("c");
  await subscribe(peer, "a", { qos: 1 });
  peer.send(message("a", "x", { qos: 2, packetIdentifier: 1 }));
  await receive(peer);
  await peer.expect("pubrec");
  expect([bench.store.records.size, bench.store.writes]).toEqual([0, 0]);
});

test("a broker that closes keeps its sessions, and closes the store when everything is written", async () => {
  const bench = await StoredBench.start();
  const peer = await bench.connect("c", kept);
  await subscribe(peer, "a");
  await bench.connect("w", { will: { topic: "a", payload: new Uint8Array(1), qos: 1, retain: false } });
  const next = await bench.close();
  expect(bench.store.closed).toBe(1);
  const { peer: again, connack } = await next.introduce("c", kept);
  expect(connack.sessionPresent).toBe(true);
  expect(await again.expect("publish")).toMatchObject({ topic: "a", qos: 1 });
});
