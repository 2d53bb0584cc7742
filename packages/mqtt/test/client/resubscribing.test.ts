import { describe, expect, test } from "vitest";
import { Bench, recordEvents, subscribed, watch } from "./bench.ts";

async function lost(protocolVersion: 3 | 4 | 5, cleanStart = true) {
  const bench = new Bench();
  const { client, peer } = await bench.online({ protocolVersion, cleanStart });
  const subscription = await subscribed(bench, client, peer, ["a", "b/#"], { qos: 1, onMessage: () => undefined });
  peer.cut();
  return { bench, client, subscription };
}

describe("when the connection is back", () => {
  test.each([3, 4, 5] as const)("and the session is gone, all is asked for again on version %i", async (version) => {
    const { bench, subscription } = await lost(version);
    const again = await bench.acceptAgain();
    const { packetIdentifier, subscriptions } = await again.expect("subscribe");
    expect(subscriptions).toMatchObject([
      { topicFilter: "a", qos: 1 },
      { topicFilter: "b/#", qos: 1 },
    ]);
    again.send({ type: "suback", packetIdentifier, reasonCodes: [0, 1] });
    await again.expectNothing();
    expect(subscription.granted.map(({ qos }) => qos)).toEqual([0, 1]);
    expect(subscription.closed).toBe(false);
  });

  test.each([4, 5] as const)("and the session is present, nothing is asked on version %i", async (version) => {
    const { bench } = await lost(version, false);
    const again = await bench.acceptAgain({ sessionPresent: true });
    await again.expectNothing();
  });

  test("and 3.1 does not say whether it is, all is asked for", async () => {
    const { bench } = await lost(3, false);
    const again = await bench.acceptAgain();
    await again.expect("subscribe");
  });

  test("and one filter is denied, it shows in granted and the others stay", async () => {
    const { bench, client, subscription } = await lost(5);
    const again = await bench.acceptAgain();
    const { packetIdentifier } = await again.expect("subscribe");
    again.send({ type: "suback", packetIdentifier, reasonCodes: [0x87, 1] });
    await again.expectNothing();
    expect(subscription.granted).toMatchObject([
      { topicFilter: "a", qos: undefined, error: { code: "SUBSCRIBE_REFUSED" } },
      { topicFilter: "b/#", qos: 1 },
    ]);
    again.cut();
    const third = await bench.acceptAgain();
    expect((await third.expect("subscribe")).subscriptions.map(({ topicFilter }) => topicFilter)).toEqual(["b/#"]);
    expect(client.statistics.subscriptions).toBe(1);
  });

  test("and all filters are denied, it is an error event and the subscription ends", async () => {
    const { bench, client, subscription } = await lost(5);
    const events = recordEvents(client);
    const again = await bench.acceptAgain();
    const { packetIdentifier } = await again.expect("subscribe");
    again.send({ type: "suback", packetIdentifier, reasonCodes: [0x87, 0x87] });
    await again.expectNothing();
    expect(events.at(-1)).toMatchObject({ name: "error", value: { code: "SUBSCRIBE_REFUSED", reasonCode: 0x87 } });
    expect(subscription.closed).toBe(true);
    expect(client.statistics.subscriptions).toBe(0);
  });
});

test("a link that goes before SUBACK does not pile requests up", async () => {
  const { bench } = await lost(4);
  for (let i = 0; i < 5; i++) {
    const peer = await bench.acceptAgain();
    await peer.expect("subscribe");
    peer.cut();
  }
  const last = await bench.acceptAgain();
  const { packetIdentifier } = await last.expect("subscribe");
  await last.expectNothing();
  last.send({ type: "suback", packetIdentifier, reasonCodes: [1, 1] });
  await bench.clock.tick();
  last.cut();
  const again = await bench.acceptAgain();
  await again.expect("subscribe");
  await again.expectNothing();
});

describe("a SUBSCRIBE after which each connection is lost", () => {
  /** A server that answers what it is asked for, and closes the connection at a SUBSCRIBE for this filter. */
  async function serve(bench: Bench, poison: string, subscribe: number): Promise<string[]> {
    const peer = await bench.acceptAgain();
    const asked: string[] = [];
    for (let i = 0; i < subscribe; i++) {
      const { packetIdentifier, subscriptions } = await peer.expect("subscribe");
      const filters = subscriptions.map(({ topicFilter }) => topicFilter);
      asked.push(...filters);
      if (filters.includes(poison)) {
        peer.cut();
        break;
      }
      peer.send({ type: "suback", packetIdentifier, reasonCodes: filters.map(() => 0) });
    }
    await bench.clock.tick();
    return asked;
  }

  test("is given up after ten: the promise rejects, and what was asked beside it is granted", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const poison = watch(client.subscribe("poison"));
    const fine = watch(client.subscribe("fine"));
    await peer.expect("subscribe");
    await peer.expect("subscribe");
    peer.cut();
    expect(await serve(bench, "poison", 2)).toEqual(["poison"]); // the second connection that both were lost with
    expect(await serve(bench, "poison", 2)).toEqual(["poison"]); // suspected now, so asked alone
    expect(await serve(bench, "poison", 2)).toEqual(["fine", "poison"]);
    expect(fine.value?.granted).toMatchObject([{ qos: 0 }]);
    const subscribed = fine.value;
    for (let lost = 4; lost < 10; lost++) {
      expect(poison.settled).toBe(0);
      expect(await serve(bench, "poison", 2)).toEqual(["fine", "poison"]);
    }
    expect(poison.error).toMatchObject({
      name: "TransportError",
      code: "SUBSCRIBE_UNANSWERED",
      message: /"poison".*10 connections in a row/,
    });
    expect(await serve(bench, "poison", 1)).toEqual(["fine"]);
    expect(subscribed?.closed).toBe(false);
    expect(client.statistics.subscriptions).toBe(1);
    expect(client.connected).toBe(true);
  });

  test("ends a subscription that was granted once with an error event", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const events = recordEvents(client);
    const subscription = await subscribed(bench, client, peer, "poison");
    peer.cut();
    for (let lost = 0; lost < 10; lost++) {
      expect(subscription.closed).toBe(false);
      await serve(bench, "poison", 1);
    }
    expect(events.filter(({ name }) => name === "error")).toMatchObject([{ value: { code: "SUBSCRIBE_UNANSWERED" } }]);
    expect(subscription.closed).toBe(true);
    await expect(subscription[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "SUBSCRIBE_UNANSWERED" });
  });

  test("does not make the client dial hot meanwhile", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online({ reconnect: { initialDelay: 1_000, maximumDelay: 60_000 } });
    watch(client.subscribe("poison"));
    await peer.expect("subscribe");
    peer.cut();
    const began = bench.clock.now();
    for (let lost = 1; lost < 10; lost++) await serve(bench, "poison", 1);
    expect(bench.dialled).toHaveLength(10);
    expect(bench.clock.now() - began).toBeGreaterThan(60_000);
  });

  test("that is answered wrongly counts as well", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const outcome = watch(client.subscribe("a"));
    let at = peer;
    for (let lost = 0; lost < 10; lost++) {
      expect(outcome.settled).toBe(0);
      const { packetIdentifier } = await at.expect("subscribe");
      at.send({ type: "suback", packetIdentifier, reasonCodes: [0, 0] });
      await at.expect("disconnect");
      at = await bench.acceptAgain();
    }
    expect(outcome.error).toMatchObject({ code: "SUBSCRIBE_UNANSWERED" });
    await at.expectNothing();
  });

  test("is not overtaken by the UNSUBSCRIBE for the same filter", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    watch(client.subscribe("poison"));
    await peer.expect("subscribe");
    peer.cut();
    for (let lost = 1; lost < 4; lost++) await serve(bench, "poison", 1);
    watch(client.unsubscribe("poison"));
    watch(client.subscribe("fine"));
    const again = await bench.acceptAgain();
    const granted = async (topicFilter: string) => {
      const { packetIdentifier, subscriptions } = await again.expect("subscribe");
      expect(subscriptions).toMatchObject([{ topicFilter }]);
      again.send({ type: "suback", packetIdentifier, reasonCodes: [0] });
    };
    await granted("fine");
    await granted("poison");
    expect((await again.expect("unsubscribe")).topicFilters).toEqual(["poison"]);
  });

  test("is not counted against one that was never sent, nor once it was answered", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online({ cleanStart: false });
    peer.cut();
    await bench.clock.tick();
    const outcome = watch(client.subscribe("a"));
    for (let i = 0; i < 12; i++) {
      const failed = await bench.passing(bench.server.next());
      await failed.expect("connect");
      failed.cut();
    }
    for (let round = 0; round < 4; round++) {
      for (let lost = 0; lost < 5; lost++) await serve(bench, "a", 1);
      expect(await serve(bench, "", 1)).toEqual(["a"]);
      expect(outcome.value?.closed).toBe(false);
      bench.server.link.cut();
    }
  });
});

test("an UNSUBSCRIBE after which each connection is lost rejects after ten", async () => {
  const bench = new Bench();
  const { client, peer } = await bench.online({ cleanStart: false });
  const outcome = watch((await subscribed(bench, client, peer, "a")).unsubscribe());
  let at = peer;
  for (let lost = 0; lost < 10; lost++) {
    expect(outcome.settled).toBe(0);
    await at.expect("unsubscribe");
    at.cut();
    at = await bench.acceptAgain({ sessionPresent: true });
  }
  expect(outcome.error).toMatchObject({ name: "TransportError", code: "UNSUBSCRIBE_UNANSWERED", message: /"a"/ });
  expect(client.statistics.subscriptions).toBe(0);
  await at.expectNothing();
});

test("a subscription that was never answered is asked for again, once", async () => {
  const bench = new Bench();
  const { client, peer } = await bench.online();
  const outcome = watch(client.subscribe("a"));
  await peer.expect("subscribe");
  peer.cut();
  const again = await bench.acceptAgain({ sessionPresent: false });
  const { packetIdentifier } = await again.expect("subscribe");
  await again.expectNothing();
  again.send({ type: "suback", packetIdentifier, reasonCodes: [0] });
  await bench.clock.tick();
  expect(outcome.value?.granted).toMatchObject([{ qos: 0 }]);
});

test("what was unsubscribed is not asked for again", async () => {
  const bench = new Bench();
  const { client, peer } = await bench.online({ protocolVersion: 4 });
  const unsubscribing = (await subscribed(bench, client, peer, "a")).unsubscribe();
  const { packetIdentifier } = await peer.expect("unsubscribe");
  peer.send({ type: "unsuback", packetIdentifier, reasonCodes: [] });
  await bench.clock.tick();
  await unsubscribing;
  peer.cut();
  const again = await bench.acceptAgain();
  await again.expectNothing();
});
