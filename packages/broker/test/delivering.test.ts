import type { QoS } from "@aiko/mqtt";
import { describe, expect, test } from "vitest";
import { Bench, message, receive, subscribe } from "./bench.ts";

const qualities = [0, 1, 2] as const;

describe.each([3, 4, 5] as const)("from and to version %i", (protocolVersion) => {
  test.each(qualities.flatMap((sent) => qualities.map((asked) => [sent, asked] as const)))(
    "published at QoS %i, subscribed at %i",
    async (sent, asked) => {
      const bench = new Bench();
      const to = await bench.connect("to", { protocolVersion });
      const from = await bench.connect("from", { protocolVersion });
      expect(await subscribe(to, "a/+", { qos: asked })).toEqual([asked]);
      from.send(message("a/b", "x", { qos: sent, packetIdentifier: sent === 0 ? 0 : 7 }));
      if (sent === 1) expect(await from.expect("puback")).toMatchObject({ packetIdentifier: 7, reasonCode: 0 });
      if (sent === 2) {
        expect(await from.expect("pubrec")).toMatchObject({ packetIdentifier: 7, reasonCode: 0 });
        from.send({ type: "pubrel", packetIdentifier: 7, reasonCode: 0 });
        expect(await from.expect("pubcomp")).toMatchObject({ packetIdentifier: 7, reasonCode: 0 });
      }
      expect(await receive(to)).toBe(`a/b=x q${Math.min(sent, asked)}`);
      await to.expectNothing();
      await from.expectNothing();
    },
  );
});

test("a QoS 2 message that is resent before PUBREL is delivered once", async () => {
  const bench = new Bench();
  const peer = await bench.connect("c");
  await subscribe(peer, "a", { qos: 0 });
  const packet = message("a", "x", { qos: 2, packetIdentifier: 1 });
  peer.send(packet);
  await peer.expect("publish");
  await peer.expect("pubrec");
  peer.send({ ...packet, dup: true });
  await peer.expect("pubrec");
  peer.send({ type: "pubrel", packetIdentifier: 1, reasonCode: 0 });
  await peer.expect("pubcomp");
  peer.send(packet);
  await peer.expect("publish");
});

test("messages of one publisher arrive in order", async () => {
  const bench = new Bench();
  const to = await bench.connect("to");
  await subscribe(to, "a");
  const from = await bench.connect("from");
  for (let i = 1; i <= 50; i++) from.send(message("a", String(i), { qos: ((i % 2) + 1) as QoS, packetIdentifier: i }));
  const got: string[] = [];
  for (let i = 1; i <= 50; i++) got.push(new TextDecoder().decode((await to.expect("publish")).payload));
  expect(got).toEqual(Array.from({ length: 50 }, (_, i) => String(i + 1)));
});

test("no more messages are in flight to a client than its receive maximum", async () => {
  const bench = new Bench();
  const to = await bench.connect("to", { properties: { receiveMaximum: 2 } });
  await subscribe(to, "a");
  const from = await bench.connect("from");
  for (let i = 1; i <= 5; i++) from.send(message("a", String(i), { qos: 1, packetIdentifier: i }));
  await bench.clock.tick();
  expect(to.received.filter(({ type }) => type === "publish")).toHaveLength(2);
  for (let i = 1; i <= 5; i++) expect(await receive(to)).toBe(`a=${i} q1`);
});

test("a message longer than a client's maximum packet size is not sent to it", async () => {
  const bench = new Bench();
  const to = await bench.connect("to", { properties: { maximumPacketSize: 50 } });
  await subscribe(to, "a");
  const from = await bench.connect("from");
  from.send(message("a", "x".repeat(100), { qos: 1, packetIdentifier: 1 }));
  from.send(message("a", "short", { qos: 1, packetIdentifier: 2 }));
  expect(await receive(to)).toBe("a=short q1");
});

describe("MQTT 5", () => {
  test("a publisher is informed that nobody subscribes", async () => {
    const bench = new Bench();
    const peer = await bench.connect("c");
    peer.send(message("a", "x", { qos: 1, packetIdentifier: 1 }));
    expect(await peer.expect("puback")).toMatchObject({ reasonCode: 0x10 });
    peer.send(message("a", "x", { qos: 2, packetIdentifier: 2 }));
    expect(await peer.expect("pubrec")).toMatchObject({ reasonCode: 0x10 });
  });

  test("properties are passed on, and left out for older versions", async () => {
    const bench = new Bench();
    const properties = {
      payloadFormatIndicator: 1,
      contentType: "text/plain",
      responseTopic: "r",
      correlationData: Uint8Array.of(1, 2),
      userProperties: [
        ["a", "1"],
        ["a", "2"],
      ],
    } as const;
    const five = await bench.connect("five");
    const four = await bench.connect("four", { protocolVersion: 4 });
    await subscribe(five, "a");
    await subscribe(four, "a");
    five.send(message("a", "x", { properties }));
    expect((await five.expect("publish")).properties).toEqual(properties);
    expect((await four.expect("publish")).properties).toBeUndefined();
  });

  test("a topic alias is resolved and not passed on", async () => {
    const bench = new Bench();
    const to = await bench.connect("to");
    await subscribe(to, "#");
    const from = await bench.connect("from");
    from.send(message("a", "1", { properties: { topicAlias: 4 } }));
    from.send(message("", "2", { properties: { topicAlias: 4 } }));
    from.send(message("b", "3", { properties: { topicAlias: 4 } }));
    from.send(message("", "4", { properties: { topicAlias: 4 } }));
    for (const expected of ["a=1 q0", "a=2 q0", "b=3 q0", "b=4 q0"]) expect(await receive(to)).toBe(expected);
    expect(to.received.every((each) => each.type !== "publish" || each.properties === undefined)).toBe(true);
  });

  test("a message that expired while queued is not sent; otherwise the remaining expiry is sent", async () => {
    const bench = new Bench();
    const fields = { cleanStart: false, properties: { sessionExpiryInterval: 1_000 } };
    const to = await bench.connect("to", fields);
    await subscribe(to, "a");
    to.cut();
    const from = await bench.connect("from");
    from.send(message("a", "short", { qos: 1, packetIdentifier: 1, properties: { messageExpiryInterval: 5 } }));
    from.send(message("a", "long", { qos: 1, packetIdentifier: 2, properties: { messageExpiryInterval: 50 } }));
    await bench.clock.advance(10_000);
    const again = await bench.connect("to", fields);
    const { payload, properties } = await again.expect("publish");
    expect(new TextDecoder().decode(payload)).toBe("long");
    expect(properties).toEqual({ messageExpiryInterval: 40 });
    await again.expectNothing();
  });
});

describe("overlapping subscriptions", () => {
  test("deliver one copy, at the highest QoS, with the identifiers of all", async () => {
    const bench = new Bench();
    const peer = await bench.connect("c");
    await subscribe(peer, "a/#", { qos: 0, subscriptionIdentifier: 1 });
    await subscribe(peer, "a/+", { qos: 2, subscriptionIdentifier: 2 });
    await subscribe(peer, "+/b", { qos: 1 });
    await subscribe(peer, "c", { qos: 1, subscriptionIdentifier: 3 });
    peer.send(message("a/b", "x", { qos: 2, packetIdentifier: 1 }));
    const { qos, properties } = await peer.expect("publish");
    expect(qos).toBe(2);
    expect([...(properties?.subscriptionIdentifiers ?? [])].sort()).toEqual([1, 2]);
    await peer.expect("pubrec");
    await peer.expectNothing();
  });

  test("to the same filter replace each other", async () => {
    const bench = new Bench();
    const peer = await bench.connect("c");
    await subscribe(peer, "a", { qos: 2, subscriptionIdentifier: 1 });
    await subscribe(peer, "a", { qos: 0, subscriptionIdentifier: 2 });
    peer.send(message("a", "x", { qos: 1, packetIdentifier: 1 }));
    expect(await peer.expect("publish")).toMatchObject({ qos: 0, properties: { subscriptionIdentifiers: [2] } });
    expect(bench.hub.statistics.subscriptions).toBe(1);
  });
});

test("no local excludes a client's own messages, and only those", async () => {
  const bench = new Bench();
  const one = await bench.connect("one");
  const other = await bench.connect("other");
  await subscribe(one, "a", { noLocal: true });
  one.send(message("a", "mine"));
  other.send(message("a", "yours"));
  expect(await receive(one)).toBe("a=yours q0");
  await one.expectNothing();
});

describe("$-topics", () => {
  test("are not matched by wildcards at the first level", async () => {
    const bench = new Bench();
    const peer = await bench.connect("c");
    await subscribe(peer, "#");
    await subscribe(peer, "+/a");
    peer.send(message("$x/a", "x"));
    await peer.expectNothing();
    await subscribe(peer, "$x/#");
    peer.send(message("$x/a", "x"));
    expect(await receive(peer)).toBe("$x/a=x q0");
  });
});

describe("unsubscribing", () => {
  test.each([3, 4, 5] as const)("stops the messages on version %i", async (protocolVersion) => {
    const bench = new Bench();
    const peer = await bench.connect("c", { protocolVersion });
    await subscribe(peer, "a");
    peer.send({ type: "unsubscribe", packetIdentifier: 5, topicFilters: ["a", "never"] });
    const { packetIdentifier, reasonCodes } = await peer.expect("unsuback");
    expect(packetIdentifier).toBe(5);
    expect(reasonCodes).toEqual(protocolVersion === 5 ? [0, 0x11] : []);
    expect(bench.events.at(-1)).toEqual({ type: "unsubscribed", clientId: "c", topicFilter: "a" });
    expect(bench.events.filter(({ type }) => type === "unsubscribed")).toHaveLength(1);
    peer.send(message("a", "x"));
    await peer.expectNothing();
  });
});

describe("shared subscriptions", () => {
  test("spread messages over their members and do not affect other subscribers", async () => {
    const bench = new Bench();
    const members = [await bench.connect("m1"), await bench.connect("m2"), await bench.connect("m3")];
    for (const member of members) await subscribe(member, "$share/g/a/+");
    const other = await bench.connect("other");
    await subscribe(other, "a/+");
    for (let i = 0; i < 9; i++) other.send(message("a/b", String(i)));
    await bench.clock.tick();
    const counts = members.map(({ received }) => received.filter(({ type }) => type === "publish").length);
    expect(counts).toEqual([3, 3, 3]);
    expect(other.received.filter(({ type }) => type === "publish")).toHaveLength(9);
  });

  test("with different names each get the message", async () => {
    const bench = new Bench();
    const one = await bench.connect("one");
    const two = await bench.connect("two");
    await subscribe(one, "$share/g/a");
    await subscribe(two, "$share/h/a");
    one.send(message("a", "x"));
    for (const peer of [one, two]) {
      expect(await receive(peer)).toBe("a=x q0");
      await peer.expectNothing();
    }
  });

  test("skip members that are offline", async () => {
    const bench = new Bench();
    const away = await bench.connect("away", { cleanStart: false, properties: { sessionExpiryInterval: 100 } });
    const here = await bench.connect("here");
    await subscribe(away, "$share/g/a");
    await subscribe(here, "$share/g/a");
    away.cut();
    await bench.clock.tick();
    for (let i = 1; i <= 4; i++) here.send(message("a", String(i), { qos: 1, packetIdentifier: i }));
    await bench.clock.tick();
    expect(here.received.filter(({ type }) => type === "publish")).toHaveLength(4);
  });

  test("remove a member that unsubscribes or whose session ends", async () => {
    const bench = new Bench();
    const one = await bench.connect("one");
    const two = await bench.connect("two");
    await subscribe(one, "$share/g/a");
    await subscribe(two, "$share/g/a");
    one.send({ type: "unsubscribe", packetIdentifier: 1, topicFilters: ["$share/g/a"] });
    expect((await one.expect("unsuback")).reasonCodes).toEqual([0]);
    for (let i = 0; i < 3; i++) one.send(message("a", ""));
    await one.expectNothing();
    two.cut();
    await bench.clock.tick();
    expect(bench.hub.statistics.subscriptions).toBe(0);
    one.send(message("a", "", { qos: 1, packetIdentifier: 2 }));
    expect(await one.expect("puback")).toMatchObject({ reasonCode: 0x10 });
  });

  test("get no retained messages", async () => {
    const bench = new Bench();
    const peer = await bench.connect("c");
    peer.send(message("a", "x", { retain: true }));
    await subscribe(peer, "$share/g/a");
    await peer.expectNothing();
  });
});

test("a slow client's queue is limited, and the other clients get their messages", async () => {
  const bench = new Bench({ outbox: { maximumCount: 3 } });
  const away = await bench.connect("away", { cleanStart: false, properties: { sessionExpiryInterval: 100 } });
  await subscribe(away, "a");
  away.cut();
  const from = await bench.connect("from");
  await subscribe(from, "a", { qos: 0 });
  for (let i = 1; i <= 6; i++) from.send(message("a", String(i), { qos: 1, packetIdentifier: i }));
  await bench.clock.tick();
  expect(from.received.filter(({ type }) => type === "publish")).toHaveLength(6);
  const again = await bench.connect("away", { cleanStart: false, properties: { sessionExpiryInterval: 100 } });
  for (let i = 1; i <= 3; i++) expect(await receive(again)).toBe(`a=${i} q1`);
  await again.expectNothing();
});
