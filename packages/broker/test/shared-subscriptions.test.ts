// What happens to the messages that a member of a shared subscription holds when its session ends [MQTT5 4.8.2].
import type { ConnectPacket, PublishPacket } from "@aiko/mqtt/codec";
import type { ScriptedPeer } from "@aiko/mqtt/testing";
import { describe, expect, test } from "vitest";
import { Bench, disconnect, kept, message, receive, subscribe } from "./bench.ts";

const FILTER = "$share/g/a";

/** A publisher, and a member that received messages of this QoS, "1" to `count`, while it was the only member. */
async function held(count: number, qos: 1 | 2, member: Partial<ConnectPacket> = {}, options = {}): Promise<Held> {
  const bench = new Bench(options);
  const from = await bench.connect("from");
  const ending = await bench.connect("ending", member);
  await subscribe(ending, FILTER);
  for (let i = 1; i <= count; i++) from.send(message("a", String(i), { qos, packetIdentifier: i }));
  await bench.clock.tick();
  return { bench, from, ending };
}

interface Held {
  readonly bench: Bench;
  readonly from: ScriptedPeer;
  readonly ending: ScriptedPeer;
}

async function join(bench: Bench, clientId: string, fields: Partial<ConnectPacket> = {}, qos: 0 | 1 | 2 = 2) {
  const peer = await bench.connect(clientId, fields);
  await subscribe(peer, FILTER, { qos });
  return peer;
}

/** All received messages in a short form. */
function textsOf(peer: ScriptedPeer): string[] {
  return publishesOf(peer).map(
    ({ payload, qos, dup }) => `${new TextDecoder().decode(payload)} q${qos}${dup ? " dup" : ""}`,
  );
}

function publishesOf(peer: ScriptedPeer): PublishPacket[] {
  return peer.received.filter((packet) => packet.type === "publish");
}

describe("a shared subscription message that its member has not acknowledged", () => {
  const endings: readonly (readonly [string, Partial<ConnectPacket>, (held: Held) => Promise<unknown>])[] = [
    ["its connection ends, with which its session does", {}, ({ ending }) => Promise.resolve(ending.cut())],
    ["it sends DISCONNECT, which ends its session", {}, ({ ending }) => Promise.resolve(ending.send(disconnect))],
    [
      "its session expires",
      kept,
      async ({ bench, ending }) => {
        ending.cut();
        await bench.clock.advance(1_000_000);
      },
    ],
    ["a clean start replaces its session", kept, ({ bench }) => bench.connect("ending", { cleanStart: true })],
  ];

  test.each(endings)("goes to another member, in order, when %s", async (_how, fields, end) => {
    const all = await held(3, 1, fields);
    const { bench } = all;
    const other = await join(bench, "other");
    await end(all);
    await bench.clock.tick();
    expect(textsOf(other)).toEqual(["1 q1", "2 q1", "3 q1"]);
  });

  test("stays with the member while its session lasts, and is resent to it", async () => {
    const { bench, ending } = await held(2, 1, kept);
    const other = await join(bench, "other");
    ending.cut();
    await bench.clock.advance(500_000);
    expect(textsOf(other)).toEqual([]);
    const again = await bench.connect("ending", kept);
    await bench.clock.tick();
    expect(textsOf(again)).toEqual(["1 q1 dup", "2 q1 dup"]);
    await other.expectNothing();
  });

  test("stays with the member when it unsubscribes, and goes to another member when the session ends", async () => {
    const { bench, ending } = await held(2, 1);
    const other = await join(bench, "other");
    ending.send({ type: "unsubscribe", packetIdentifier: 1, topicFilters: [FILTER] });
    await bench.clock.tick();
    expect(textsOf(other)).toEqual([]);
    ending.cut();
    await bench.clock.tick();
    expect(textsOf(other)).toEqual(["1 q1", "2 q1"]);
  });

  test("is not resent after it is acknowledged, also with an error [MQTT5-4.8.2-6]", async () => {
    const { bench, ending } = await held(3, 1);
    const other = await join(bench, "other");
    const [first, second] = publishesOf(ending);
    ending.send({ type: "puback", packetIdentifier: first?.packetIdentifier as number, reasonCode: 0 });
    ending.send({ type: "puback", packetIdentifier: second?.packetIdentifier as number, reasonCode: 0x80 });
    await bench.clock.tick();
    ending.cut();
    await bench.clock.tick();
    expect(textsOf(other)).toEqual(["3 q1"]);
  });

  test("at QoS 2 goes to no other member once it was sent, but does if it never was [MQTT5-4.8.2-5]", async () => {
    const { bench, ending } = await held(4, 2, { properties: { receiveMaximum: 2 } });
    const other = await join(bench, "other");
    expect(textsOf(ending)).toEqual(["1 q2", "2 q2"]);
    const [first] = publishesOf(ending);
    ending.send({ type: "pubrec", packetIdentifier: first?.packetIdentifier as number, reasonCode: 0 });
    await ending.expect("publish");
    ending.cut();
    await bench.clock.tick();
    expect(textsOf(other)).toEqual(["3 q2", "4 q2"]);
  });

  test("that was queued while the member was offline goes to others after what was sent", async () => {
    const { bench, from, ending } = await held(2, 1, kept);
    ending.cut();
    await bench.clock.tick();
    from.send(message("a", "3", { qos: 1, packetIdentifier: 3 }));
    from.send(message("a", "4", { qos: 2, packetIdentifier: 4 }));
    await bench.clock.tick();
    const other = await join(bench, "other");
    await bench.clock.advance(1_000_000);
    expect(textsOf(other)).toEqual(["1 q1", "2 q1", "3 q1", "4 q2"]);
  });

  test("waits for an offline member if all members are offline", async () => {
    const { bench, ending } = await held(2, 1);
    const away = await join(bench, "away", kept);
    away.cut();
    await bench.clock.tick();
    ending.cut();
    await bench.clock.tick();
    const again = await bench.connect("away", kept);
    expect(await receive(again)).toBe("a=1 q1");
    expect(await receive(again)).toBe("a=2 q1");
  });

  test("is spread over the members, each with the QoS of its own subscription", async () => {
    const { bench, ending } = await held(4, 1);
    const one = await join(bench, "one");
    const two = await join(bench, "two", {}, 0);
    ending.cut();
    await bench.clock.tick();
    expect([...textsOf(one), ...textsOf(two)].sort()).toEqual(["1 q1", "2 q0", "3 q1", "4 q0"]);
  });

  test("goes only to members of the same group and filter", async () => {
    const { bench, ending } = await held(1, 1);
    const others = [await bench.connect("one"), await bench.connect("two"), await bench.connect("three")];
    for (const [i, filter] of ["$share/h/a", "$share/g/+", "a"].entries()) {
      await subscribe(others[i] as ScriptedPeer, filter);
    }
    ending.cut();
    await bench.clock.tick();
    for (const other of others) await other.expectNothing();
  });

  test("is dropped if there is no other member", async () => {
    const { bench, ending } = await held(2, 1);
    ending.cut();
    await bench.clock.tick();
    const late = await join(bench, "late");
    await late.expectNothing();
  });

  test("keeps its expiry: it is dropped when expired, otherwise sent with the remaining expiry", async () => {
    const { bench, from, ending } = await held(0, 1, kept);
    for (const [i, seconds] of [999, 1_500].entries()) {
      const properties = { messageExpiryInterval: seconds };
      from.send(message("a", String(seconds), { qos: 1, packetIdentifier: i + 1, properties }));
    }
    await bench.clock.tick();
    ending.cut();
    const other = await join(bench, "other");
    await bench.clock.advance(1_000_000);
    expect(publishesOf(other)).toMatchObject([{ properties: { messageExpiryInterval: 500 } }]);
  });

  test("that does not fit into the other member's queue is reported as dropped", async () => {
    const { bench, ending } = await held(3, 1, {}, { outbox: { maximumCount: 1 } });
    const other = await join(bench, "other", { properties: { receiveMaximum: 1 } });
    ending.cut();
    await bench.clock.tick();
    expect(textsOf(other)).toEqual(["1 q1"]);
    expect(bench.events.filter(({ type }) => type === "dropped")).toMatchObject([{ clientId: "other", topic: "a" }]);
  });

  test("of a subscription that is not shared is not passed on", async () => {
    const { bench, from, ending } = await held(0, 1);
    await subscribe(ending, "b");
    await join(bench, "other").then((other) => other.cut());
    const other = await join(bench, "third");
    from.send(message("b", "x", { qos: 1, packetIdentifier: 9 }));
    await ending.expect("publish");
    ending.cut();
    await other.expectNothing();
  });

  test("is not passed on when the broker closes", async () => {
    const { bench } = await held(2, 1);
    const other = await join(bench, "other");
    bench.hub.close();
    await other.expect("disconnect");
    expect(textsOf(other)).toEqual([]);
  });

  test("goes before the will that is published when the session ends", async () => {
    const will = { topic: "b", payload: new TextEncoder().encode("gone"), qos: 1, retain: false } as const;
    const { bench, ending } = await held(1, 1, {
      ...kept,
      will: { ...will, properties: { willDelayInterval: 5_000 } },
    });
    const other = await join(bench, "other");
    await subscribe(other, "b");
    ending.cut();
    await bench.clock.advance(1_000_000);
    expect(textsOf(other)).toEqual(["1 q1", "gone q1"]);
  });
});

test("a client is a member of at most 16 groups with the same topic filter, and may join others again after it left one", async () => {
  const bench = new Bench();
  const peer = await bench.connect("a");
  for (let i = 0; i < 16; i++) expect(await subscribe(peer, `$share/${i}/#`)).toEqual([2]);
  expect(await subscribe(peer, "$share/16/#")).toEqual([0x97]);
  expect(await subscribe(peer, "$share/0/#")).toEqual([2]);
  expect(await subscribe(peer, "$share/0/other")).toEqual([2]);
  peer.send({ type: "unsubscribe", packetIdentifier: 1, topicFilters: ["$share/3/#"] });
  await peer.expect("unsuback");
  expect(await subscribe(peer, "$share/16/#")).toEqual([2]);
});
