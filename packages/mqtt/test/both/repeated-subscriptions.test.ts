// Programs that make the same subscription again, as in a listener of "connected".
import type { SmallHandledSubscription } from "@aiko/mqtt/small";
import { describe, expect, test } from "vitest";
import { clients, message, subscribed, watch } from "./clients.ts";

describe.each(clients)("the $name client", ({ createBench, expectStatistics }) => {
  test("has one subscription for the same filters and the same handler, however many calls are made", async () => {
    const { bench, client, peer } = await createBench().online();
    const got: string[] = [];
    const onMessage = (each: { text(): string }) => void got.push(each.text());
    const first = await subscribed(bench, client, peer, ["a", "b"], { onMessage });
    const again = await client.subscribe(["a", "b"], { qos: 2, onMessage });
    expect(again).toBe(first);
    await peer.expectNothing();
    await bench.deliver(peer, message("a", "1"));
    expect(got).toEqual(["1"]);
    expectStatistics(client, { subscriptions: 1 });
  });

  test("waits for the answer to the first call", async () => {
    const { bench, client, peer } = await createBench().online();
    const onMessage = () => undefined;
    const calls = [1, 2].map(() => watch<SmallHandledSubscription>(client.subscribe("a", { onMessage })));
    await bench.clock.tick();
    expect(calls.map(({ settled }) => settled)).toEqual([0, 0]);
    await bench.answer(peer, "subscribe", 0);
    expect(calls[0]?.value).toBeDefined();
    expect(calls[1]?.value).toBe(calls[0]?.value);
    await peer.expectNothing();
  });

  test("rejects both calls if the server denies it, and the next call asks again", async () => {
    const { bench, client, peer } = await createBench().online();
    const onMessage = () => undefined;
    const calls = [1, 2].map(() => watch<SmallHandledSubscription>(client.subscribe("a", { onMessage })));
    await bench.answer(peer, "subscribe", 0x87);
    for (const { error } of calls) expect(error).toMatchObject({ code: "SUBSCRIBE_REFUSED" });
    watch(client.subscribe("a", { onMessage }));
    await peer.expect("subscribe");
  });

  test("handles a message once after three lost connections if a listener of connected subscribes", async () => {
    const bench = createBench();
    const client = bench.create();
    const got: string[] = [];
    const onMessage = (each: { text(): string }) => void got.push(each.text());
    client.on("connected", () => client.subscribe("a", { qos: 1, onMessage }));
    const errors: unknown[] = [];
    client.on("error", (error) => errors.push(error));
    let peer = await bench.connected(client);
    await bench.answer(peer, "subscribe", 1);
    for (let cut = 0; cut < 3; cut++) {
      peer = await bench.reconnected(peer);
      await bench.answer(peer, "subscribe", 1);
      await peer.expectNothing();
    }
    await bench.deliver(peer, message("a", "once"));
    expect(got).toEqual(["once"]);
    expect(errors).toEqual([]);
    expectStatistics(client, { subscriptions: 1 });
  });

  test("creates a new subscription when the first has ended", async () => {
    const { bench, client, peer } = await createBench().online();
    const onMessage = () => undefined;
    const first = await subscribed(bench, client, peer, "a", { onMessage });
    const ending = watch(first.unsubscribe());
    const second = watch<SmallHandledSubscription>(client.subscribe("a", { onMessage }));
    await bench.answer(peer, "unsubscribe");
    await bench.answer(peer, "subscribe", 0);
    expect(ending.settled).toBe(1);
    expect(second.value?.closed).toBe(false);
    expect(second.value).not.toBe(first);
  });

  test.each([
    { what: "filters", filters: ["a", "c"] },
    { what: "the order of filters", filters: ["b", "a"] },
    { what: "fewer filters", filters: ["a"] },
    { what: "a filter that looks like both together", filters: ["a,b"] },
  ])("creates another one for the same handler with other filters: $what", async ({ filters }) => {
    const { bench, client, peer } = await createBench().online();
    const onMessage = () => undefined;
    const first = await subscribed(bench, client, peer, ["a", "b"], { onMessage });
    expect(await subscribed(bench, client, peer, filters, { onMessage })).not.toBe(first);
    expectStatistics(client, { subscriptions: 2 });
  });

  test("creates one for each iterator, since each gets all messages", async () => {
    const { bench, client, peer } = await createBench().online();
    const first = await subscribed(bench, client, peer, "a");
    expect(await subscribed(bench, client, peer, "a")).not.toBe(first);
  });

  describe("with another handler for the same filter", () => {
    const twice = async (options: { retainAsPublished?: boolean } = {}, connack = {}) => {
      const { bench, client, peer } = await createBench().online({}, connack);
      const got: string[] = [];
      const record = (name: string) => ({ onMessage: (each: { text(): string }) => void got.push(name + each.text()) });
      const first = await subscribed(bench, client, peer, "a/+", { ...options, ...record("first ") });
      const second = await subscribed(bench, client, peer, "a/+", { ...options, ...record("second ") });
      const send = (text: string, retain: boolean, ...subscriptionIdentifiers: number[]) =>
        bench.deliver(peer, { ...message("a/b", text), retain, properties: { subscriptionIdentifiers } });
      return { bench, client, peer, got, first, second, send };
    };

    test("gives the retained messages that the server sends for it to the new subscription alone", async () => {
      const { got, send } = await twice();
      await send("kept", true, 2);
      expect(got).toEqual(["second kept"]);
      await send("new", false, 2);
      expect(got).toEqual(["second kept", "first new", "second new"]);
    });

    test("gives retained messages to both if they carry their publisher's RETAIN flag", async () => {
      const { got, send } = await twice({ retainAsPublished: true });
      await send("kept", true, 2);
      expect(got).toEqual(["first kept", "second kept"]);
    });

    test("gives retained messages to the other one if it has ended", async () => {
      const { bench, got, peer, second, send } = await twice();
      watch(second.unsubscribe());
      await bench.clock.tick();
      await peer.expectNothing();
      await send("kept", true, 2);
      expect(got).toEqual(["first kept"]);
    });

    test("gives retained messages to both if the server sends no identifier", async () => {
      const { bench, got, peer } = await twice();
      await bench.deliver(peer, { ...message("a/b", "kept"), retain: true });
      expect(got).toEqual(["first kept", "second kept"]);
    });
  });
});
