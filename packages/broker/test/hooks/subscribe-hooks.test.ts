// authorizeSubscribe: which topic filters clients may subscribe to, and with which QoS.
import type { ProtocolVersion, SubscribePacket } from "@aiko/mqtt/codec";
import type { BrokerHooks, SubscriptionDemand } from "@aiko/mqtt-broker";
import { describe, expect, test } from "vitest";
import { Bench, kept, message, receive, subscribe } from "../bench.ts";
import { type Decision, decision } from "./decision.ts";

type Answer = Awaited<ReturnType<NonNullable<BrokerHooks["authorizeSubscribe"]>>>;

function started(authorizeSubscribe: BrokerHooks["authorizeSubscribe"], options: BrokerHooks = {}) {
  const bench = new Bench({ authorizeSubscribe, ...options });
  const errors: unknown[] = [];
  bench.hub.events.on("error", (error) => errors.push(error));
  return { bench, errors };
}

test("a refused filter has the reason code in SUBACK, and the others are granted", async () => {
  const { bench } = started((_, { topicFilter }) =>
    topicFilter === "b" ? { reasonCode: 0x97, reason: "too many" } : topicFilter !== "c",
  );
  const peer = await bench.connect("c");
  const subscriptions = ["a", "b", "c"].map((topicFilter) => ({ topicFilter, qos: 1 }) as const);
  peer.send({ type: "subscribe", packetIdentifier: 1, subscriptions });
  expect(await peer.expect("suback")).toMatchObject({
    reasonCodes: [1, 0x97, 0x87],
    properties: { reasonString: "too many" },
  });
  expect(bench.hub.statistics.subscriptions).toBe(1);
  expect(bench.events.filter(({ type }) => type === "subscribeRefused")).toEqual([
    { type: "subscribeRefused", clientId: "c", topicFilter: "b", reasonCode: 0x97, reason: "too many" },
    { type: "subscribeRefused", clientId: "c", topicFilter: "c", reasonCode: 0x87, reason: expect.any(String) },
  ]);
});

test.each<[ProtocolVersion, number]>([
  [3, 2],
  [4, 0x80],
])("on version %i, a refused filter has the code %i in SUBACK, and no effect [MQTT31-33]", async (version, code) => {
  const { bench } = started(() => false);
  const peer = await bench.connect("c", { protocolVersion: version });
  expect(await subscribe(peer, "a")).toEqual([code]);
  expect(bench.hub.statistics.subscriptions).toBe(0);
});

test("a lower QoS is granted, also for retained messages; a higher one is not", async () => {
  const { bench } = started((_, { topicFilter }) => ({ qos: topicFilter === "low" ? 0 : 2 }));
  const peer = await bench.connect("c");
  peer.send(message("low", "kept", { qos: 1, packetIdentifier: 1, retain: true }));
  await peer.expect("puback");
  expect(await subscribe(peer, "low", { qos: 1 })).toEqual([0]);
  expect(await receive(peer)).toBe("low=kept q0 retained");
  expect(await subscribe(peer, "high", { qos: 1 })).toEqual([1]);
});

test("the hook receives the whole request, and the client", async () => {
  const seen: [string, SubscriptionDemand][] = [];
  const { bench } = started(({ clientId }, demand) => seen.push([clientId, demand]) > 0);
  const peer = await bench.connect("c");
  const demand = {
    topicFilter: "$share/g/a",
    qos: 1,
    noLocal: false,
    retainAsPublished: true,
    retainHandling: 2,
  } as const;
  await subscribe(peer, demand.topicFilter, { ...demand, subscriptionIdentifier: 7 });
  expect(seen).toEqual([["c", { ...demand, subscriptionIdentifier: 7 }]]);
});

test.each<[string, unknown]>([
  ["a wrong QoS", { qos: 3 }],
  ["a reason code of success", { reasonCode: 1 }],
  ["undefined", undefined],
  ["a text", "yes"],
])("%s is not an answer: the filter is refused with an error event", async (_, answer) => {
  const { bench, errors } = started(() => answer as boolean);
  expect(await subscribe(await bench.connect("c"), "a")).toEqual([0x83]);
  expect(errors).toEqual([expect.objectContaining({ code: "OPTION_INVALID" })]);
});

describe("an answer that comes later", () => {
  function deciding() {
    const open: Decision<Answer>[] = [];
    const started_ = started(() => {
      const next = decision<Answer>();
      open.push(next);
      return next.promise;
    });
    return { open, ...started_ };
  }

  test("is awaited for each filter in turn, and the client's next packets wait", async () => {
    const { bench, open } = deciding();
    const peer = await bench.connect("c");
    const subscriptions = ["a", "b"].map((topicFilter) => ({ topicFilter, qos: 1 }) as const);
    peer.send({ type: "subscribe", packetIdentifier: 1, subscriptions });
    peer.send(message("a", "x"));
    await bench.clock.tick();
    expect(open).toHaveLength(1);
    open[0]?.answer(true);
    await bench.clock.tick();
    expect(open).toHaveLength(2);
    await peer.expectNothing();
    open[1]?.answer(false);
    expect((await peer.expect("suback")).reasonCodes).toEqual([1, 0x87]);
    expect(await receive(peer)).toBe("a=x q0");
  });

  test("and does not come in time, refuses the rest", async () => {
    const { bench, open, errors } = deciding();
    const peer = await bench.connect("c");
    const subscriptions = ["a", "b", "c"].map((topicFilter) => ({ topicFilter, qos: 1 }) as const);
    peer.send({ type: "subscribe", packetIdentifier: 1, subscriptions });
    await bench.clock.tick();
    open[0]?.answer(true);
    await bench.clock.advance(10_001);
    expect((await peer.expect("suback")).reasonCodes).toEqual([1, 0x83, 0x83]);
    expect(errors).toMatchObject([{ code: "HANDLER_TIMEOUT" }]);
    open[1]?.answer(true);
    await bench.clock.tick();
    expect(open).toHaveLength(2);
    expect(bench.hub.statistics.subscriptions).toBe(1);
  });

  test("and comes after the client has gone, has no effect, also if the client is back", async () => {
    const { bench, open } = deciding();
    const peer = await bench.connect("c", kept);
    peer.send({ type: "subscribe", packetIdentifier: 1, subscriptions: [{ topicFilter: "a", qos: 1 }] });
    await bench.clock.tick();
    const again = await bench.connect("c", kept);
    open[0]?.answer(true);
    await again.expectNothing();
    expect(bench.hub.statistics).toMatchObject({ subscriptions: 0, openConnections: 1 });
  });

  test("and comes after the session has ended, adds no subscription", async () => {
    const { bench, open } = deciding();
    const peer = await bench.connect("c");
    peer.send({ type: "subscribe", packetIdentifier: 1, subscriptions: [{ topicFilter: "a", qos: 1 }] });
    await bench.clock.tick();
    bench.hub.clientList.get("c")?.endSession();
    open[0]?.answer(true);
    await bench.clock.tick();
    expect(bench.hub.statistics).toMatchObject({ subscriptions: 0, openConnections: 0, sessions: 0 });
  });
});

test.each(["endSession", "disconnect"] as const)("%s within the hook leaves no subscription", async (method) => {
  const bench = new Bench({
    authorizeSubscribe: (client) => {
      client[method]();
      return true;
    },
  });
  (await bench.connect("a")).send(SUBSCRIBE);
  await bench.clock.tick();
  expect(bench.hub.statistics).toMatchObject({ sessions: 0, subscriptions: 0, openConnections: 0 });
});

test("ending the session in a listener of subscribed leaves no subscription", async () => {
  const bench = new Bench();
  bench.hub.events.on("subscribed", ({ clientId }) => bench.hub.clientList.get(clientId)?.endSession());
  (await bench.connect("a")).send(SUBSCRIBE);
  await bench.clock.tick();
  expect(bench.hub.statistics).toMatchObject({ sessions: 0, subscriptions: 0, openConnections: 0 });
});

const SUBSCRIBE: SubscribePacket = {
  type: "subscribe",
  packetIdentifier: 1,
  subscriptions: [
    { topicFilter: "a", qos: 1 },
    { topicFilter: "b", qos: 1 },
  ],
};
