import type { SubscribeOptions } from "@aiko/mqtt";
import { describe, expect, test } from "vitest";
import { Bench, recordEvents, subscribed, watch } from "./bench.ts";

test("SUBSCRIBE carries what was asked for", async () => {
  const bench = new Bench();
  const { client, peer } = await bench.online();
  const options: SubscribeOptions = {
    qos: 2,
    noLocal: true,
    retainAsPublished: true,
    retainHandling: 1,
    properties: { subscriptionIdentifier: 9 },
  };
  watch(client.subscribe(["a/+", "b"], options));
  const asked = { qos: 2, noLocal: true, retainAsPublished: true, retainHandling: 1 };
  expect(await peer.expect("subscribe")).toMatchObject({
    packetIdentifier: 1,
    subscriptions: [
      { topicFilter: "a/+", ...asked },
      { topicFilter: "b", ...asked },
    ],
    properties: { subscriptionIdentifier: 9 },
  });
});

describe("SUBACK", () => {
  const answered = async (reasonCodes: readonly number[], protocolVersion: 3 | 4 | 5 = 5) => {
    const bench = new Bench();
    const { client, peer } = await bench.online({ protocolVersion });
    const outcome = watch(
      client.subscribe(
        reasonCodes.map((_, i) => `f${i}`),
        { qos: 2 },
      ),
    );
    await peer.expect("subscribe");
    peer.send({ type: "suback", packetIdentifier: 1, reasonCodes: [...reasonCodes] });
    await bench.clock.tick();
    return { outcome, client };
  };

  test("resolves with what is granted, which may be less than was asked for", async () => {
    const { outcome } = await answered([0, 1, 2]);
    expect(outcome.value?.granted).toEqual([
      { topicFilter: "f0", reasonCode: 0, qos: 0, error: undefined },
      { topicFilter: "f1", reasonCode: 1, qos: 1, error: undefined },
      { topicFilter: "f2", reasonCode: 2, qos: 2, error: undefined },
    ]);
    expect(outcome.value?.topicFilters).toEqual(["f0", "f1", "f2"]);
  });

  test("that denies one filter shows it in granted", async () => {
    const { outcome, client } = await answered([1, 0x87]);
    expect(outcome.value?.granted[1]).toMatchObject({
      topicFilter: "f1",
      reasonCode: 0x87,
      qos: undefined,
      error: { name: "RefusedError", code: "SUBSCRIBE_REFUSED", reasonCode: 0x87, message: /"f1".*Not authorized/ },
    });
    expect(client.statistics.subscriptions).toBe(1);
  });

  test.each([3, 4, 5] as const)("that denies all rejects on version %i", async (version) => {
    const { outcome, client } = await answered([0x80, 0x80], version);
    expect(outcome.error).toMatchObject({ name: "RefusedError", code: "SUBSCRIBE_REFUSED", reasonCode: 0x80 });
    expect(client.statistics.subscriptions).toBe(0);
  });

  test("with too few reason codes breaks the protocol", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    watch(client.subscribe(["a", "b"]));
    await peer.expect("subscribe");
    peer.send({ type: "suback", packetIdentifier: 1, reasonCodes: [0] });
    expect(await peer.expect("disconnect")).toMatchObject({ reasonCode: 0x82 });
  });
});

describe("a call that is wrong is rejected and nothing is sent", () => {
  test.each([
    ["a/#/b", {}, "TOPIC_FILTER_INVALID"],
    ["a+", {}, "TOPIC_FILTER_INVALID"],
    ["", {}, "TOPIC_FILTER_INVALID"],
    ["a\0", {}, "TOPIC_FILTER_INVALID"],
    ["$share//a", {}, "TOPIC_FILTER_INVALID"],
    [[], {}, "TOPIC_FILTER_INVALID"],
    [["a", "#/b"], {}, "TOPIC_FILTER_INVALID"],
    ["a", { qos: 3 }, "OPTION_INVALID"],
    ["a", { noLocal: "false" }, "OPTION_INVALID"],
    ["a", { retainAsPublished: 1 }, "OPTION_INVALID"],
    ["a", { properties: { subscriptionIdentifier: 0 } }, "PROPERTY_INVALID"],
    ["a", { signal: AbortSignal.abort() }, "ABORTED"],
  ])("%j %o", async (filters, options, code) => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const outcome = watch(client.subscribe(filters, options as SubscribeOptions));
    await peer.expectNothing();
    expect(outcome.error).toMatchObject({ code });
    expect(client.statistics.subscriptions).toBe(0);
  });

  test("unsubscribing from no filter, or from a bad one", async () => {
    const bench = new Bench();
    const { client } = await bench.online();
    await expect(client.unsubscribe([])).rejects.toMatchObject({ code: "TOPIC_FILTER_INVALID" });
    await expect(client.unsubscribe("a/#/b")).rejects.toMatchObject({ code: "TOPIC_FILTER_INVALID" });
  });
});

test("subscribing offline waits for the connection", async () => {
  const bench = new Bench();
  const client = bench.create();
  const outcome = watch(client.subscribe("a"));
  watch(client.connect());
  const peer = await bench.accept();
  const { packetIdentifier } = await peer.expect("subscribe");
  peer.send({ type: "suback", packetIdentifier, reasonCodes: [0] });
  await bench.clock.tick();
  expect(outcome.settled).toBe(1);
});

test("aborting gives up the waiting for SUBACK; a late one is ignored", async () => {
  const bench = new Bench();
  const { client, peer } = await bench.online();
  const abort = new AbortController();
  const outcome = watch(client.subscribe("a", { signal: abort.signal }));
  await peer.expect("subscribe");
  abort.abort();
  await bench.clock.tick();
  expect(outcome.error).toMatchObject({ code: "ABORTED" });
  peer.send({ type: "suback", packetIdentifier: 1, reasonCodes: [0] });
  await peer.expectNothing();
  expect(client.connected).toBe(true);
  expect(client.statistics.subscriptions).toBe(0);
});

describe("unsubscribing", () => {
  const two = async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const open = (filters: string | string[]) => subscribed(bench, client, peer, filters);
    return { bench, client, peer, open };
  };

  test("leaves a filter that another subscription shares with the server", async () => {
    const { bench, client, peer, open } = await two();
    const one = await open(["a", "b"]);
    const other = await open("b");
    const ending = watch(one.unsubscribe());
    const { packetIdentifier, topicFilters } = await peer.expect("unsubscribe");
    expect(topicFilters).toEqual(["a"]);
    peer.send({ type: "unsuback", packetIdentifier, reasonCodes: [0] });
    await bench.clock.tick();
    expect([ending.settled, one.closed, other.closed, client.statistics.subscriptions]).toEqual([1, true, false, 1]);
  });

  test("by filter ends it in all subscriptions", async () => {
    const { bench, client, peer, open } = await two();
    const one = await open(["a", "b"]);
    const other = await open("b");
    const ending = watch(client.unsubscribe("b"));
    const { packetIdentifier } = await peer.expect("unsubscribe");
    peer.send({ type: "unsuback", packetIdentifier, reasonCodes: [0x11] });
    await bench.clock.tick();
    expect([ending.settled, one.closed, other.closed]).toEqual([1, false, true]);
  });

  test("that the server refuses says so, and the subscription is over all the same", async () => {
    const { bench, peer, open } = await two();
    const one = await open("a");
    const ending = watch(one.unsubscribe());
    await peer.expect("unsubscribe");
    peer.send({ type: "unsuback", packetIdentifier: 2, reasonCodes: [0x87] });
    await bench.clock.tick();
    expect(ending.error).toMatchObject({ code: "UNSUBSCRIBE_REFUSED", reasonCode: 0x87 });
    expect(one.closed).toBe(true);
  });

  test("twice asks once", async () => {
    const { bench, peer, open } = await two();
    const one = await open("a");
    const first = watch(one.unsubscribe());
    await peer.expect("unsubscribe");
    peer.send({ type: "unsuback", packetIdentifier: 2, reasonCodes: [0] });
    await bench.clock.tick();
    await one.unsubscribe();
    await peer.expectNothing();
    expect(first.settled).toBe(1);
  });
});

describe("a server that keeps the connection alive and does not answer SUBSCRIBE", () => {
  async function unanswered() {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const events = recordEvents(client);
    const subscribing = watch(client.subscribe("a"));
    await peer.expect("subscribe");
    return { bench, client, peer, events, subscribing };
  }

  test("is left after a minute, and asked again over another connection", async () => {
    const { bench, events, subscribing } = await unanswered();
    await bench.clock.advance(60_000);
    expect(events[0]).toMatchObject({ name: "disconnected", value: { error: { code: "ANSWER_TIMEOUT" } } });
    const again = await bench.acceptAgain();
    const { packetIdentifier } = await again.expect("subscribe");
    again.send({ type: "suback", packetIdentifier, reasonCodes: [0] });
    await bench.clock.tick();
    expect([subscribing.settled, subscribing.error]).toEqual([1, undefined]);
    expect(bench.clock.nextTimer).toBe(Infinity);
  });

  test("over ten connections ends the subscription", async () => {
    const { bench, subscribing } = await unanswered();
    for (let i = 0; i < 9; i++) {
      await bench.clock.advance(60_000);
      const again = await bench.acceptAgain();
      await again.expect("subscribe");
    }
    expect(subscribing.settled).toBe(0);
    await bench.clock.advance(60_000);
    expect(subscribing.error).toMatchObject({ code: "SUBSCRIBE_UNANSWERED" });
  });

  test("and is slow, is waited for while it answers others", async () => {
    const { bench, client, peer, events } = await unanswered();
    await bench.clock.advance(59_000);
    peer.send({ type: "suback", packetIdentifier: 1, reasonCodes: [0] });
    watch(client.subscribe("b"));
    await peer.expect("subscribe");
    await bench.clock.advance(59_000);
    expect(events).toEqual([]);
  });
});

test("a message published at `connected` does not overtake the subscription that waited for the connection", async () => {
  const bench = new Bench();
  const client = bench.create();
  client.on("connected", () => watch(client.publish("question", "?", { qos: 1 })));
  watch(client.subscribe("answer"));
  watch(client.connect());
  const peer = await bench.accept();
  await peer.expect("subscribe");
  await peer.expect("publish");
});
