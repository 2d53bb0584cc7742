import { describe, expect, test } from "vitest";
import { Bench, message, receive, subscribe } from "./bench.ts";

const retained = (topic: string, text: string, fields = {}) => message(topic, text, { retain: true, ...fields });

describe("a retained message", () => {
  test("is sent to later subscribers, marked as retained, after SUBACK", async () => {
    const bench = new Bench();
    const from = await bench.connect("from");
    from.send(retained("a/b", "x", { qos: 1, packetIdentifier: 1 }));
    await from.expect("puback");
    const to = await bench.connect("to", { protocolVersion: 4 });
    await subscribe(to, "a/+", { qos: 1 });
    expect(await receive(to)).toBe("a/b=x q1 retained");
    expect(bench.hub.statistics.retainedMessages).toBe(1);
  });

  test("is sent to existing subscribers without the flag, unless they asked for retain as published", async () => {
    const bench = new Bench();
    const one = await bench.connect("one");
    const two = await bench.connect("two");
    await subscribe(one, "a");
    await subscribe(two, "a", { retainAsPublished: true });
    one.send(retained("a", "x"));
    expect(await receive(one)).toBe("a=x q0");
    expect(await receive(two)).toBe("a=x q0 retained");
  });

  test("is replaced by the next one and cleared by an empty one, which is delivered too", async () => {
    const bench = new Bench();
    const peer = await bench.connect("c");
    peer.send(retained("a", "1"));
    peer.send(retained("a", "2"));
    await subscribe(peer, "a");
    expect(await receive(peer)).toBe("a=2 q0 retained");
    peer.send(retained("a", ""));
    expect(await receive(peer)).toBe("a= q0");
    await subscribe(peer, "a");
    await peer.expectNothing();
    expect(bench.hub.statistics.retainedMessages).toBe(0);
  });

  test("stays when a message without RETAIN is published", async () => {
    const bench = new Bench();
    const peer = await bench.connect("c");
    peer.send(retained("a", "kept"));
    peer.send(message("a", "passing"));
    await subscribe(peer, "a");
    expect(await receive(peer)).toBe("a=kept q0 retained");
  });

  test("matches wildcards, but not below $", async () => {
    const bench = new Bench();
    const peer = await bench.connect("c");
    for (const topic of ["a", "a/b", "a/b/c", "b", "$x/a"]) peer.send(retained(topic, "x"));
    for (const [filter, topics] of [
      ["a/#", ["a", "a/b", "a/b/c"]],
      ["+", ["a", "b"]],
      ["#", ["a", "a/b", "a/b/c", "b"]],
      ["+/+", ["a/b"]],
      ["$x/+", ["$x/a"]],
    ] as const) {
      const before = peer.received.length;
      const client = await bench.connect(`s${before}${filter.length}`);
      await subscribe(client, filter, { qos: 0 });
      await bench.clock.tick();
      const got = client.received.flatMap((each) => (each.type === "publish" ? [each.topic] : []));
      expect(got.sort()).toEqual(topics);
    }
  });

  test("expires, and carries the remaining expiry", async () => {
    const bench = new Bench();
    const peer = await bench.connect("c");
    peer.send(retained("a", "x", { properties: { messageExpiryInterval: 10 } }));
    await bench.clock.advance(4_000);
    await subscribe(peer, "a");
    expect(await peer.expect("publish")).toMatchObject({ properties: { messageExpiryInterval: 6 } });
    await bench.clock.advance(6_000);
    await subscribe(peer, "a");
    await peer.expectNothing();
    expect(bench.hub.statistics.retainedMessages).toBe(0);
  });

  test("carries the subscription identifier", async () => {
    const bench = new Bench();
    const peer = await bench.connect("c");
    peer.send(retained("a", "x"));
    await subscribe(peer, "a", { subscriptionIdentifier: 12 });
    expect((await peer.expect("publish")).properties).toEqual({ subscriptionIdentifiers: [12] });
  });
});

test("retain handling: always, only for new subscriptions, never", async () => {
  const bench = new Bench();
  const peer = await bench.connect("c");
  peer.send(retained("a", "x"));
  await subscribe(peer, "a", { retainHandling: 2 });
  await peer.expectNothing();
  await subscribe(peer, "a", { retainHandling: 1 });
  await peer.expectNothing();
  await subscribe(peer, "a", { retainHandling: 0 });
  await receive(peer);
  await subscribe(peer, "+", { retainHandling: 1 });
  await receive(peer);
});

describe("beyond its limits the broker does not retain a message", () => {
  const all = { maximumShare: 1 };

  test.each([
    [{ retained: { maximumCount: 2 } }, "the limit retained.maximumCount 2 is reached"],
    [{ retained: { maximumBytes: 1_000 } }, "the limit retained.maximumBytes 1000 is reached"],
    [
      { retained: { maximumCount: 4 }, maximumShare: 0.5 },
      "the client has its share of retained.maximumCount: 2, maximumShare 0.5",
    ],
  ])("%o: a client that learns it gets 0x97, and nothing is delivered", async (options, reason) => {
    const bench = new Bench({ ...all, ...options });
    const peer = await bench.connect("c");
    const other = await bench.connect("other");
    await subscribe(other, "c");
    peer.send(retained("a", "1", { qos: 1, packetIdentifier: 1 }));
    peer.send(retained("b", "2", { qos: 1, packetIdentifier: 2 }));
    peer.send(retained("c", "x", { qos: 1, packetIdentifier: 3 }));
    for (const reasonCode of [0x10, 0x10, 0x97]) expect(await peer.expect("puback")).toMatchObject({ reasonCode });
    await other.expectNothing();
    peer.send(retained("a", "3", { qos: 1, packetIdentifier: 4 }));
    expect(await peer.expect("puback")).toMatchObject({ reasonCode: 0x10 });
    expect(bench.hub.statistics.retainedMessages).toBe(2);
    expect(bench.events.filter(({ type }) => type === "notRetained")).toEqual([
      { type: "notRetained", clientId: "c", topic: "c", reason },
    ]);
  });

  test("a client of version 3.1.1 cannot learn it: its message is delivered", async () => {
    const bench = new Bench({ retained: { maximumCount: 0 } });
    const peer = await bench.connect("c", { protocolVersion: 4 });
    await subscribe(peer, "a", { qos: 0 });
    peer.send(retained("a", "x", { qos: 1, packetIdentifier: 1 }));
    expect(await receive(peer)).toBe("a=x q0");
    await peer.expect("puback");
  });

  test("the share of one client leaves room for others, and for the application", async () => {
    const bench = new Bench({ retained: { maximumCount: 4 } });
    const [one, two] = [await bench.connect("one"), await bench.connect("two")];
    for (const topic of ["a", "b", "c"]) one.send(retained(topic, "1"));
    for (const topic of ["d", "a"]) two.send(retained(topic, "2"));
    await bench.clock.tick();
    expect(bench.hub.statistics.retainedMessages).toBe(3);
    one.send(retained("c", "1")); // "a" is the other's now
    await bench.clock.tick();
    expect(bench.hub.statistics.retainedMessages).toBe(4);
  });

  test("existing subscribers get the message", async () => {
    const bench = new Bench({ retained: { maximumCount: 0 } });
    const peer = await bench.connect("c");
    await subscribe(peer, "a");
    peer.send(retained("a", "x"));
    expect(await receive(peer)).toBe("a=x q0");
  });

  test("unless a stored message has expired", async () => {
    const bench = new Bench({ ...all, retained: { maximumCount: 2 } });
    const peer = await bench.connect("c");
    peer.send(retained("$a", "1", { properties: { messageExpiryInterval: 10 } }));
    peer.send(retained("b", "2"));
    peer.send(retained("c", "3"));
    await bench.clock.advance(10_000);
    peer.send(retained("d", "4"));
    await subscribe(peer, "+");
    expect([await receive(peer), await receive(peer)].sort()).toEqual(["b=2 q0 retained", "d=4 q0 retained"]);
    expect(bench.hub.statistics.retainedMessages).toBe(2);
  });

  test.each([
    { userProperties: Array.from({ length: 20 }, () => ["", ""] as const) },
    { contentType: "x".repeat(1_000) },
    { responseTopic: "x".repeat(1_000) },
    { correlationData: new Uint8Array(1_000) },
  ])("properties count too, case %#", async (properties) => {
    const bench = new Bench({ ...all, retained: { maximumBytes: 1_000 } });
    const peer = await bench.connect("c");
    peer.send(retained("a", "x"));
    peer.send(retained("b", "x", { properties }));
    await bench.clock.tick();
    expect(bench.hub.statistics.retainedMessages).toBe(1);
  });
});

test("a filter repeated within one SUBSCRIBE brings retained messages once, with the last options", async () => {
  const bench = new Bench();
  const peer = await bench.connect("c");
  peer.send(retained("a", "x", { qos: 1, packetIdentifier: 1 }));
  await peer.expect("puback");
  peer.send({
    type: "subscribe",
    packetIdentifier: 2,
    subscriptions: [
      { topicFilter: "a", qos: 1 },
      { topicFilter: "a", qos: 0, retainHandling: 1 },
    ],
  });
  expect(await peer.expect("suback")).toMatchObject({ reasonCodes: [1, 0] });
  expect(await receive(peer)).toBe("a=x q0 retained");
  await peer.expectNothing();
});

describe("an expired retained message", () => {
  const expiring = (topic: string, seconds: number) =>
    retained(topic, "x", { properties: { messageExpiryInterval: seconds } });

  test("leaves memory although nothing else happens", async () => {
    const bench = new Bench();
    const peer = await bench.connect("c");
    for (const seconds of [5, 10, 10, 20]) peer.send(expiring(`a/${seconds}`, seconds));
    peer.send(retained("b", "x"));
    await bench.clock.tick();
    const sizes: number[] = [];
    for (let i = 0; i < 5; i++) {
      sizes.push(bench.hub.statistics.retainedMessages);
      await bench.clock.advance(5_001);
    }
    expect(sizes).toEqual([4, 3, 2, 2, 1]);
    expect(bench.clock.nextTimer).toBe(Infinity);
  });

  test("is found with one timer, at most once a second", async () => {
    const bench = new Bench();
    const peer = await bench.connect("c");
    const start = bench.clock.now();
    for (const seconds of [30, 20, 10, 40]) peer.send(expiring(`a/${seconds}`, seconds));
    await bench.clock.tick();
    expect(bench.clock.nextTimer - start).toBe(10_000);
    await bench.clock.advance(10_000);
    expect(bench.clock.nextTimer - start).toBe(20_000);
    peer.send(expiring("b", 0));
    await bench.clock.tick();
    expect(bench.clock.nextTimer - start).toBe(11_000);
    await bench.clock.advance(1_000);
    expect(bench.hub.statistics.retainedMessages).toBe(3);
  });

  test("with the longest interval uses one timer, which is cancelled when the broker closes", async () => {
    const bench = new Bench();
    const peer = await bench.connect("c");
    peer.send(expiring("a", 4_294_967_295));
    await bench.clock.tick();
    expect(bench.clock.nextTimer).toBeGreaterThan(4_294_967_295_000);
    bench.hub.close();
    await bench.clock.advance(100);
    expect(bench.clock.nextTimer).toBe(Infinity);
  });

  test("that was cleared or replaced earlier leaves no timer when its time is over", async () => {
    const bench = new Bench();
    const peer = await bench.connect("c");
    peer.send(expiring("a", 5));
    peer.send(retained("a", "y"));
    await bench.clock.advance(6_000);
    expect(bench.hub.statistics.retainedMessages).toBe(1);
    expect(bench.clock.nextTimer).toBe(Infinity);
  });
});
