// Limits on what one client, or all clients together, can make the broker store.
import { describe, expect, test } from "vitest";
import { forKeeping, type PublishedMessage } from "../src/messages/published-message.ts";
import { Bench, disconnect, kept, message, receive, subscribe } from "./bench.ts";

const levels = (count: number) => Array.from({ length: count }, () => "x").join("/");

describe("maximumTopicLevels", () => {
  test.each([
    [5, 0x8f],
    [4, 0x80],
  ] as const)(
    "version %i: a filter with more levels is denied with %i; the other filters of the SUBSCRIBE are not",
    async (protocolVersion, code) => {
      const bench = new Bench();
      const peer = await bench.connect("c", { protocolVersion });
      peer.send({
        type: "subscribe",
        packetIdentifier: 1,
        subscriptions: [levels(202), levels(201), "/".repeat(65_535)].map((topicFilter) => ({ topicFilter, qos: 1 })),
      });
      expect(await peer.expect("suback")).toMatchObject({ reasonCodes: [code, 1, code] });
      expect(bench.hub.statistics.subscriptions).toBe(1);
      if (protocolVersion === 5) expect(await subscribe(peer, `$share/g/${levels(201)}`, { qos: 0 })).toEqual([0]);
      if (protocolVersion === 5) expect(await subscribe(peer, `$share/g/${levels(202)}`, { qos: 0 })).toEqual([0x8f]);
    },
  );

  test("version 3.1 cannot deny a filter: the connection is closed", async () => {
    const bench = new Bench();
    const peer = await bench.connect("c", { protocolVersion: 3 });
    peer.send({ type: "subscribe", packetIdentifier: 1, subscriptions: [{ topicFilter: levels(202), qos: 0 }] });
    await peer.expectClose();
    expect(bench.hub.statistics).toMatchObject({ subscriptions: 0, sessions: 0 });
  });

  test.each([0, 1, 2] as const)(
    "a topic with more levels at QoS %i ends the connection, and the broker keeps nothing of the message",
    async (qos) => {
      const bench = new Bench({ maximumTopicLevels: 3 });
      const peer = await bench.connect("c", kept);
      await subscribe(peer, "#", { qos: 0 });
      peer.send(message("a/b/c", "x"));
      await receive(peer);
      peer.send(message("a/b/c/d", "x", { qos, retain: true, packetIdentifier: qos === 0 ? 0 : 1 }));
      expect(await peer.expect("disconnect")).toMatchObject({ reasonCode: 0x90 });
      await peer.expectClose();
      expect(bench.hub.statistics.retainedMessages).toBe(0);
      const again = await bench.connect("c", kept);
      again.send(message("a", "y", { qos, packetIdentifier: qos === 0 ? 0 : 1 }));
      expect(await receive(again)).toBe("a=y q0");
    },
  );

  test("a will topic with more levels is refused", async () => {
    const bench = new Bench({ maximumTopicLevels: 3 });
    const peer = bench.dial();
    const will = { topic: "a/b/c/d", payload: new Uint8Array(1), qos: 0, retain: false } as const;
    peer.send({ type: "connect", protocolVersion: 5, clientId: "c", cleanStart: true, keepAlive: 0, will });
    expect(await peer.expect("connack")).toMatchObject({ reasonCode: 0x90 });
    await peer.expectClose();
    expect(bench.events).toEqual([{ type: "refused", reason: "connect: will topic has more levels than 3" }]);
  });
});

test.each([
  [5, 0x97],
  [4, 0x80],
] as const)(
  "maximumSubscriptions on version %i: the next is denied with %i, a replacement is not",
  async (protocolVersion, code) => {
    const bench = new Bench({ maximumSubscriptions: 2 });
    const peer = await bench.connect("c", { protocolVersion });
    expect(await subscribe(peer, "a")).toEqual([2]);
    expect(await subscribe(peer, "b")).toEqual([2]);
    expect(await subscribe(peer, "c")).toEqual([code]);
    expect(await subscribe(peer, "a", { qos: 1 })).toEqual([1]);
    peer.send({ type: "unsubscribe", packetIdentifier: 5, topicFilters: ["a"] });
    await peer.expect("unsuback");
    expect(await subscribe(peer, "c")).toEqual([2]);
  },
);

test.each([
  [5, 0x89],
  [4, 3],
] as const)(
  "maximumSessions on version %i: a client that would start one more session is refused with %i",
  async (protocolVersion, code) => {
    const bench = new Bench({ maximumSessions: 2 });
    const first = await bench.connect("a");
    await bench.connect("b", kept);
    const { peer, connack } = await bench.introduce("c", { protocolVersion });
    expect(connack.reasonCode).toBe(code);
    await peer.expectClose();
    await bench.connect("b", kept);
    first.send(disconnect);
    await first.expectClose();
    await bench.connect("c", { protocolVersion });
  },
);

test.each([0, 1] as const)(
  "a full queue drops its oldest QoS 0 messages for one at QoS %i, and reports each",
  async (qos) => {
    const bench = new Bench({ outbox: { maximumCount: 3 } });
    const slow = await bench.connect("slow");
    await subscribe(slow, "a");
    slow.pause();
    const from = await bench.connect("from");
    const large = "x".repeat(1_000_000); // more than a connection takes at once
    for (const text of [large, large, "1", "2", "3", "4"]) from.send(message("a", text));
    from.send(message("a", "5", { qos, packetIdentifier: qos }));
    await bench.clock.tick();
    const dropped = bench.events.filter(({ type }) => type === "dropped");
    expect(dropped).toEqual(
      Array.from({ length: 3 }, () => ({
        type: "dropped",
        clientId: "slow",
        topic: "a",
        reason: expect.stringContaining("was dropped"),
      })),
    );
    slow.resume();
    const got: string[] = [];
    for (let i = 0; i < 4; i++) got.push((await receive(slow)).replaceAll("x", ""));
    await slow.expectNothing();
    expect(got.slice(-3)).toEqual(["a=3 q0", "a=4 q0", `a=5 q${qos}`]);
  },
);

test("retained messages wait for a client with a short queue, and none is dropped", async () => {
  const bench = new Bench({ outbox: { maximumCount: 3 } });
  const peer = await bench.connect("from");
  for (let i = 0; i < 50; i++) peer.send(message(`a/${i}`, "x", { retain: true, qos: 1, packetIdentifier: i + 1 }));
  for (let i = 0; i < 50; i++) await peer.expect("puback");
  const to = await bench.connect("to", { properties: { receiveMaximum: 1 } });
  await subscribe(to, "a/#");
  const received = new Set<string>();
  for (let i = 0; i < 50; i++) received.add(await receive(to));
  await to.expectNothing();
  expect(received.size).toBe(50);
  expect(bench.events.filter(({ type }) => type === "dropped")).toEqual([]);
});

test("retained messages for a client that has left stop at the limit of its queue, which is reported once", async () => {
  const bench = new Bench({ outbox: { maximumCount: 3 } });
  const peer = await bench.connect("from");
  for (let i = 0; i < 50; i++) peer.send(message(`a/${i}`, "x", { retain: true, qos: 1, packetIdentifier: i + 1 }));
  for (let i = 0; i < 50; i++) await peer.expect("puback");
  const to = await bench.connect("to", { ...kept, properties: { receiveMaximum: 1, sessionExpiryInterval: 1_000 } });
  await subscribe(to, "a/#");
  await to.expect("publish");
  to.cut();
  await bench.clock.tick();
  expect(bench.events.filter(({ type }) => type === "dropped")).toEqual([
    { type: "dropped", clientId: "to", topic: expect.any(String), reason: expect.stringContaining("3 messages") },
  ]);
});

test("a message that exceeds a client's maximum packet size is reported", async () => {
  const bench = new Bench();
  const to = await bench.connect("to", { properties: { maximumPacketSize: 50 } });
  await subscribe(to, "a");
  to.send(message("a", "x".repeat(100)));
  await to.expectNothing();
  expect(bench.events.filter(({ type }) => type === "dropped")).toMatchObject([{ clientId: "to", topic: "a" }]);
});

test("the broker uses no more topic aliases than its own option allows", async () => {
  const bench = new Bench({ topicAliasMaximum: 1 });
  const peer = await bench.connect("c", { properties: { topicAliasMaximum: 65_535 } });
  await subscribe(peer, "#");
  const aliases: unknown[] = [];
  for (const topic of ["first/topic", "second/topic"]) {
    for (let i = 0; i < 3; i++) {
      peer.send(message(topic, "x"));
      aliases.push((await peer.expect("publish")).properties?.topicAlias);
    }
  }
  expect(aliases).toEqual([1, 1, 1, undefined, undefined, undefined]);
});

test("many subscriptions of one client to one topic: all identifiers are sent, and the time grows linearly", async () => {
  const bench = new Bench();
  const peer = await bench.connect("c");
  const filters = Array.from({ length: 2 ** 10 }, (_, i) =>
    Array.from({ length: 10 }, (_, bit) => ((i >> bit) & 1 ? "+" : "x")).join("/"),
  );
  for (const [i, filter] of filters.entries()) await subscribe(peer, filter, { qos: 0, subscriptionIdentifier: i + 1 });
  peer.send(message(levels(10), "x"));
  const { properties } = await peer.expect("publish");
  expect(properties?.subscriptionIdentifiers?.toSorted((a, b) => a - b)).toEqual(filters.map((_, i) => i + 1));
});

describe("a stored message", () => {
  const chunk = new Uint8Array(65_536);
  const published = (length: number): PublishedMessage => ({
    topic: "a",
    payload: chunk.subarray(10, 10 + length),
    qos: 1,
    retain: false,
    properties: { correlationData: chunk.subarray(0, 4) },
    expiresAt: Infinity,
    publisher: "c",
    publisherIdentity: undefined,
    holders: 0,
    record: undefined,
  });

  test("does not keep the whole chunk that it arrived in", () => {
    const { payload, properties } = forKeeping(published(10));
    expect([payload.length, payload.buffer.byteLength]).toEqual([10, 10]);
    expect(properties?.correlationData?.buffer.byteLength).toBe(4);
  });

  test("is copied once, unless it is most of the chunk", () => {
    const one = published(10);
    const { payload } = forKeeping(one);
    expect(forKeeping(one).payload).toBe(payload);
    expect(forKeeping(published(40_000)).payload.buffer).toBe(chunk.buffer);
  });
});
