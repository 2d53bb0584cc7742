import { describe, expect, test } from "vitest";
import { clients, message, subscribed, watch } from "./clients.ts";

describe.each(clients)("the $name client", ({ createBench, expectStatistics, acknowledgedAhead, reportsUnread }) => {
  async function iterator(filter = "#") {
    const { bench, client, peer } = await createBench().online();
    const subscription = await subscribed(bench, client, peer, filter);
    return { bench, client, peer, subscription, messages: subscription[Symbol.asyncIterator]() };
  }

  test("messages arrive in order, including those that arrived before next() was called", async () => {
    const { bench, peer, messages } = await iterator();
    await bench.deliver(peer, message("a", "1"), message("a", "2"));
    expect((await messages.next()).value?.text()).toBe("1");
    expect((await messages.next()).value?.text()).toBe("2");
    const third = watch(messages.next());
    await bench.clock.tick();
    expect(third.settled).toBe(0);
    await bench.deliver(peer, message("a", "3"));
    expect(third.value?.value?.text()).toBe("3");
  });

  test("asking for the next message acknowledges the one before", async () => {
    const { peer, messages } = await iterator();
    peer.send(message("a", "1", 1, 1));
    peer.send(message("a", "2", 2, 2));
    await peer.expectNothing();
    await messages.next();
    await peer.expectNothing();
    await messages.next();
    expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: 1 });
    await peer.expectNothing();
    watch(messages.next());
    expect(await peer.expect("pubrec")).toMatchObject({ packetIdentifier: 2 });
  });

  test("several calls of next() at once each get one message, and all messages are acknowledged", async () => {
    const { peer, messages } = await iterator();
    const asked = [watch(messages.next()), watch(messages.next())];
    peer.send(message("a", "1", 1, 1));
    peer.send(message("a", "2", 1, 2));
    for (let i = 0; i < acknowledgedAhead; i++) await peer.expect("puback");
    await peer.expectNothing();
    expect(asked.map(({ value }) => value?.value?.text())).toEqual(["1", "2"]);
    watch(messages.next());
    for (let i = acknowledgedAhead; i < 2; i++) await peer.expect("puback");
    await peer.expectNothing();
  });

  test("breaking out of the loop ends it at once and unsubscribes; further messages are acknowledged a second later, as unclaimed", async () => {
    const { bench, client, peer, subscription } = await iterator("a");
    const loop = watch(
      (async () => {
        for await (const each of subscription) if (each.text() === "2") break;
      })(),
    );
    for (let i = 1; i <= 4; i++) peer.send(message("a", String(i), 1, i));
    for (let i = 1; i <= 2; i++) expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: i });
    expect(loop).toMatchObject({ settled: 1 });
    const { packetIdentifier, topicFilters } = await peer.expect("unsubscribe");
    expect(topicFilters).toEqual(["a"]);
    peer.send(message("a", "5", 1, 5));
    await peer.expectNothing();
    const events = bench.recordEvents(client);
    peer.send({ type: "unsuback", packetIdentifier, reasonCodes: [0] });
    await bench.clock.advance(999);
    await peer.expectNothing();
    await bench.clock.advance(1);
    for (let i = 3; i <= 5; i++) expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: i });
    await bench.deliver(peer, message("a", "6"));
    expect(events.map(({ name }) => name)).toEqual(["unclaimed", "unclaimed", "unclaimed", "unclaimed"]);
    expectStatistics(client, { pendingMessages: 0, subscriptions: 0 });
  });

  test("breaking out while the client is offline does not wait for a connection", async () => {
    const { bench, client, peer, messages } = await iterator("a");
    const events = bench.recordEvents(client);
    peer.cut();
    await bench.clock.tick();
    const left = watch(Promise.resolve(messages.return?.()));
    await bench.clock.tick();
    expect(left).toMatchObject({ settled: 1, value: { done: true } });
    await client.disconnect();
    expect(events.filter(({ name }) => name === "error")).toEqual([]);
  });

  test("if the server refuses to unsubscribe after a break, there is an error event", async () => {
    const { bench, client, peer, messages } = await iterator("a");
    const events = bench.recordEvents(client);
    await messages.return?.();
    await bench.answer(peer, "unsubscribe", 0x87);
    expect(events).toMatchObject([{ name: "error", value: { code: "UNSUBSCRIBE_REFUSED" } }]);
  });

  describe("the loop ends", () => {
    test("when the subscription is ended, without the messages that had arrived", async () => {
      const { bench, client, peer, subscription } = await iterator("a");
      const events = bench.recordEvents(client);
      const got: string[] = [];
      await bench.deliver(peer, message("a", "1"), message("a", "2"));
      const ending = watch(subscription.unsubscribe());
      await bench.answer(peer, "unsubscribe", 0);
      for await (const each of subscription) got.push(each.text());
      expect(got).toEqual([]);
      await bench.clock.advance(1_000); // when the full client reports the same for QoS 1
      expect(events.map(({ name }) => name)).toEqual(reportsUnread ? ["unclaimed", "unclaimed"] : []);
      expect(ending.settled).toBe(1);
    });

    test("when the client is closed, for all pending calls", async () => {
      const { bench, client, messages } = await iterator();
      const asked = [watch(messages.next()), watch(messages.next())];
      await bench.passing(client.disconnect());
      for (const next of asked) expect(next.value).toEqual({ done: true, value: undefined });
    });

    test("with an error when the client stops reconnecting", async () => {
      const { bench, peer, messages } = await iterator();
      await bench.clock.advance(60_000);
      const next = watch(messages.next());
      await bench.deliver(peer, { type: "disconnect", reasonCode: 0x8e });
      expect(next.error).toMatchObject({ code: "TAKEN_OVER" });
      await expect(messages.next()).rejects.toMatchObject({ code: "TAKEN_OVER" });
    });
  });

  test("a loop that has ended keeps its outcome, whatever happens to the client", async () => {
    const { bench, peer, messages } = await iterator("a");
    await messages.return?.();
    await bench.deliver(peer, { type: "disconnect", reasonCode: 0x8e });
    expect(await messages.next()).toEqual({ done: true, value: undefined });
  });

  test("a subscription that the server denies does not keep the messages that arrived for it", async () => {
    const { client, peer } = await createBench().online();
    const outcome = watch(client.subscribe("a", { qos: 1 }));
    const { packetIdentifier } = await peer.expect("subscribe");
    peer.send(message("a", "of the session", 1, 1));
    peer.send({ type: "suback", packetIdentifier, reasonCodes: [0x87] });
    await peer.expect("puback");
    expect(outcome.error).toMatchObject({ code: "SUBSCRIBE_REFUSED" });
    expectStatistics(client, { pendingMessages: 0 });
  });

  test("a subscription with a handler has no iterator", async () => {
    const { bench, client, peer } = await createBench().online();
    const subscription = await subscribed(bench, client, peer, "a", { onMessage: () => undefined });
    expect(() => subscription[Symbol.asyncIterator]()).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
  });
});
