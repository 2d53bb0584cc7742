// The limit of the memory that all clients use together.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Bench, disconnect, kept, message, receive, subscribe } from "./bench.ts";

const MEBIBYTE = 2 ** 20;
const large = "x".repeat(100_000);

describe("maximumMemory", () => {
  /** A broker whose memory is full of QoS 1 messages for a client that has left. */
  async function full() {
    const bench = new Bench({ maximumMemory: MEBIBYTE });
    const absent = await bench.connect("absent", kept);
    await subscribe(absent, "absent");
    absent.cut();
    const from = await bench.connect("from");
    const codes: number[] = [];
    for (let i = 0; i < 12; i++) {
      from.send(message("absent", large, { qos: 1, packetIdentifier: i + 1 }));
      codes.push((await from.expect("puback")).reasonCode);
    }
    return { bench, from, codes };
  }

  test("refuses messages that would have to wait, with 0x97, and keeps those that were acknowledged", async () => {
    const { bench, codes } = await full();
    expect(codes.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 0));
    expect(codes.slice(-1)).toEqual([0x97]);
    expect(bench.hub.statistics.memory).toBeLessThan(MEBIBYTE + 200_000);
    const reason = "the limit maximumMemory 1048576 is reached";
    expect(bench.events.filter(({ type }) => type === "dropped")[0]).toEqual({
      type: "dropped",
      clientId: "absent",
      topic: "absent",
      reason,
    });
    const again = await bench.connect("absent", kept);
    for (const code of codes) if (code === 0) expect(await receive(again)).toBe(`absent=${large} q1`);
    await again.expectNothing();
  });

  test("refuses new sessions, subscriptions and retained messages, and says so", async () => {
    const { bench, from } = await full();
    const { peer, connack } = await bench.introduce("new");
    expect(connack).toMatchObject({ reasonCode: 0x89, properties: { reasonString: "out of memory" } });
    await peer.expectClose();
    expect(await subscribe(from, "a")).toEqual([0x97]);
    from.send(message("a", "x", { qos: 1, packetIdentifier: 20, retain: true }));
    expect(await from.expect("puback")).toMatchObject({ reasonCode: 0x97 });
    expect(bench.hub.statistics).toMatchObject({ sessions: 2, subscriptions: 1, retainedMessages: 0 });
  });

  test("lets clients go on that acknowledge, one message at a time", async () => {
    const bench = new Bench({ maximumMemory: MEBIBYTE });
    const honest = await bench.connect("honest");
    await subscribe(honest, "honest");
    const idle = await bench.connect("idle");
    await subscribe(idle, "idle");
    for (let i = 0; i < 12; i++) idle.send(message("idle", large, { qos: 1, packetIdentifier: i + 1 }));
    await bench.clock.tick();
    for (let i = 0; i < 3; i++) {
      honest.send(message("honest", String(i), { qos: 1, packetIdentifier: i + 1 }));
      expect(await receive(honest)).toBe(`honest=${i} q1`);
      expect(await honest.expect("puback")).toMatchObject({ reasonCode: 0 });
    }
  });

  test("drops waiting QoS 0 messages first, of the longest queue, and reports each", async () => {
    const bench = new Bench({ maximumMemory: MEBIBYTE });
    const slow = await bench.connect("slow");
    await subscribe(slow, "slow", { qos: 0 });
    const absent = await bench.connect("absent", kept);
    await subscribe(absent, "absent");
    absent.cut();
    slow.pause();
    const from = await bench.connect("from");
    from.send(message("slow", "x".repeat(1_000_000))); // it fills the connection
    for (let i = 0; i < 5; i++) from.send(message("slow", large));
    for (let i = 0; i < 9; i++) from.send(message("absent", large, { qos: 1, packetIdentifier: i + 1 }));
    for (let i = 0; i < 9; i++) expect(await from.expect("puback")).toMatchObject({ reasonCode: 0 });
    const dropped = bench.events.filter(({ type }) => type === "dropped");
    expect(dropped).toHaveLength(5);
    expect(new Set(dropped.map((event) => "clientId" in event && event.clientId))).toEqual(new Set(["slow"]));
  });

  test("has room again when a client has read its messages", async () => {
    const { bench, from } = await full();
    const again = await bench.connect("absent", kept);
    while (bench.hub.statistics.memory > MEBIBYTE / 2) await receive(again);
    from.send(message("absent", large, { qos: 1, packetIdentifier: 30 }));
    expect(await from.expect("puback")).toMatchObject({ reasonCode: 0 });
  });
});

test("whatever clients do, nothing is counted when their sessions have ended and nothing is retained", async () => {
  const step = fc.record({
    act: fc.constantFrom("publish", "subscribe", "unsubscribe", "cut", "connect", "leave", "read"),
    client: fc.nat(2),
    qos: fc.constantFrom(0, 1, 2),
    retain: fc.boolean(),
    topic: fc.constantFrom("a", "b"),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const bench = new Bench({ outbox: { maximumCount: 5 } });
      const connect = (i: number) => bench.connect(`c${i}`, kept);
      const peers = [await connect(0), await connect(1), await connect(2)];
      let packetIdentifier = 0;
      for (const { act, client, qos, retain, topic } of steps) {
        const peer = peers[client] as (typeof peers)[number];
        packetIdentifier++;
        if (act === "publish")
          peer.send(message(topic, "x", { qos, retain, packetIdentifier: qos && packetIdentifier }));
        if (act === "subscribe")
          peer.send({ type: "subscribe", packetIdentifier, subscriptions: [{ topicFilter: topic, qos }] });
        if (act === "unsubscribe") peer.send({ type: "unsubscribe", packetIdentifier, topicFilters: [topic] });
        if (act === "cut") peer.cut();
        if (act === "leave") peer.send(disconnect);
        if (act === "connect") peers[client] = await connect(client);
        await bench.clock.tick();
      }
      for (let i = 0; i < peers.length; i++) {
        const last = await bench.connect(`c${i}`, { cleanStart: true });
        for (const topic of ["a", "b"]) last.send(message(topic, "", { retain: true }));
        last.send(disconnect);
        await bench.clock.tick();
      }
      expect(bench.hub.statistics).toMatchObject({ sessions: 0, subscriptions: 0, retainedMessages: 0, memory: 0 });
    }),
    { numRuns: 60 },
  );
});
