import { describe, expect, test } from "vitest";
import { clients, subscribed, watch } from "./clients.ts";
import { serve } from "./subscribe-server.ts";

describe.each(clients)("the $name client", ({ createBench, expectStatistics, versions }) => {
  describe("after reconnecting", () => {
    const lost = async (protocolVersion: 3 | 4 | 5 = 5, cleanStart = true) => {
      const { bench, client, peer } = await createBench().online({ protocolVersion, cleanStart });
      const subscription = await subscribed(bench, client, peer, ["a", "b/#"], { qos: 1, onMessage: () => undefined });
      peer.cut();
      return { bench, client, subscription };
    };

    test.each(versions)(
      "to a new session, all subscriptions are requested again, once, on version %i",
      async (version) => {
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
      },
    );

    test.each([4, 5] as const)("to a present session, none is requested again on version %i", async (version) => {
      const { bench } = await lost(version, false);
      const again = await bench.acceptAgain({ sessionPresent: true });
      await again.expectNothing();
    });

    test("if one filter is denied, granted shows it and the others stay", async () => {
      const { bench, client, subscription } = await lost();
      const again = await bench.acceptAgain();
      await bench.answer(again, "subscribe", 0x87, 1);
      await again.expectNothing();
      expect(subscription.granted).toMatchObject([
        { topicFilter: "a", qos: undefined, error: { code: "SUBSCRIBE_REFUSED" } },
        { topicFilter: "b/#", qos: 1 },
      ]);
      const third = await bench.reconnected(again);
      expect((await third.expect("subscribe")).subscriptions.map(({ topicFilter }) => topicFilter)).toEqual(["b/#"]);
      expectStatistics(client, { subscriptions: 1 });
    });

    test("if all filters are denied, there is an error event and the subscription ends", async () => {
      const { bench, client, subscription } = await lost();
      const events = bench.recordEvents(client);
      const again = await bench.acceptAgain();
      await bench.answer(again, "subscribe", 0x87, 0x87);
      await again.expectNothing();
      expect(events.at(-1)).toMatchObject({ name: "error", value: { code: "SUBSCRIBE_REFUSED", reasonCode: 0x87 } });
      expect(subscription.closed).toBe(true);
      expectStatistics(client, { subscriptions: 0 });
    });

    test("if the connection is lost before SUBACK again and again, requests do not accumulate", async () => {
      const { bench } = await lost(4);
      for (let i = 0; i < 5; i++) {
        const peer = await bench.acceptAgain();
        await peer.expect("subscribe");
        await peer.expectNothing();
        peer.cut();
      }
      const last = await bench.acceptAgain();
      const { packetIdentifier } = await last.expect("subscribe");
      await last.expectNothing();
      await bench.deliver(last, { type: "suback", packetIdentifier, reasonCodes: [1, 1] });
      const again = await bench.reconnected(last);
      await again.expect("subscribe");
      await again.expectNothing();
    });

    test("if the client is closed before SUBACK, that is not an error, and loops end normally", async () => {
      const { bench, client, peer } = await createBench().online();
      const subscription = await subscribed(bench, client, peer, "a");
      const next = watch(subscription[Symbol.asyncIterator]().next());
      peer.cut();
      const events = bench.recordEvents(client);
      const again = await bench.acceptAgain();
      await again.expect("subscribe");
      await bench.passing(client.disconnect({ drainTimeout: 0 }));
      expect(next.value).toEqual({ done: true, value: undefined });
      const errors = events.filter(({ name }) => name === "error");
      expect(errors).toEqual([]);
    });

    test("to a new session, filters that were unsubscribed meanwhile are not requested again", async () => {
      const { bench, client, peer } = await createBench().online();
      const subscription = await subscribed(bench, client, peer, "a");
      peer.cut();
      await bench.clock.tick();
      const ending = watch(subscription.unsubscribe());
      const again = await bench.acceptAgain();
      await bench.answer(again, "unsubscribe", 0);
      await again.expectNothing();
      expect([ending.settled, subscription.closed]).toEqual([1, true]);
    });

    test.each(versions)(
      "if SUBSCRIBE stays unanswered ten times, the subscription ends with an error: version %i",
      async (version) => {
        const { bench, client, subscription } = await lost(version);
        const events = bench.recordEvents(client);
        for (let loss = 0; loss < 10; loss++) {
          expect(subscription.closed).toBe(false);
          const peer = await bench.acceptAgain();
          await peer.expect("subscribe");
          peer.cut();
        }
        await bench.clock.tick();
        expect(subscription.closed).toBe(true);
        expect(events.filter(({ name }) => name === "error")).toMatchObject([
          { value: { code: "SUBSCRIBE_UNANSWERED" } },
        ]);
      },
    );

    test.each([4, 5] as const)(
      "if the session may still have it, it survives ten unanswered SUBSCRIBEs: version %i",
      async (version) => {
        const { bench, client, subscription } = await lost(version, false);
        const events = bench.recordEvents(client);
        const late = await bench.passing(bench.server.next());
        await late.expect("connect"); // has no answer, so it may arrive later than the next one
        late.cut();
        for (let loss = 0; loss < 12; loss++) {
          const peer = await bench.acceptAgain({ sessionPresent: true });
          await peer.expect("subscribe");
          peer.cut();
        }
        const peer = await bench.acceptAgain({ sessionPresent: true });
        await peer.expect("subscribe");
        expect(subscription.closed).toBe(false);
        expect(events.filter(({ name }) => name === "error")).toEqual([]);
      },
    );
  });

  describe("a SUBSCRIBE after which every connection is lost", () => {
    test("ends a subscription that was granted before, with an error event", async () => {
      const { bench, client, peer, events } = await createBench().online();
      const subscription = await subscribed(bench, client, peer, "poison");
      peer.cut();
      for (let lost = 0; lost < 10; lost++) {
        expect(subscription.closed).toBe(false);
        await serve(bench, "poison", 1);
      }
      expect(events.filter(({ name }) => name === "error")).toMatchObject([
        { value: { code: "SUBSCRIBE_UNANSWERED" } },
      ]);
      expect(subscription.closed).toBe(true);
      await expect(subscription[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "SUBSCRIBE_UNANSWERED" });
    });

    test("does not make the client reconnect in a tight loop", async () => {
      const { bench, client, peer } = await createBench().online({
        reconnect: { initialDelay: 1_000, maximumDelay: 60_000 },
      });
      watch(client.subscribe("poison"));
      await peer.expect("subscribe");
      peer.cut();
      const began = bench.clock.now();
      for (let lost = 1; lost < 10; lost++) await serve(bench, "poison", 1);
      expect(bench.dialled).toHaveLength(10);
      expect(bench.clock.now() - began).toBeGreaterThan(60_000);
    });

    test("also counts if its answer is invalid", async () => {
      const { bench, client, peer } = await createBench().online();
      const outcome = watch(client.subscribe("a"));
      let at = peer;
      for (let lost = 0; lost < 10; lost++) {
        expect(outcome.settled).toBe(0);
        const { packetIdentifier } = await at.expect("subscribe");
        at.send({ type: "suback", packetIdentifier, reasonCodes: [0, 0] });
        await at.expect("disconnect");
        at = await bench.acceptAgain();
      }
      expect(outcome.error).toMatchObject({
        name: "TransportError",
        code: "SUBSCRIBE_UNANSWERED",
        message: expect.stringContaining('"a"'),
      });
      await at.expectNothing();
    });

    test("does not count if it was never sent, or once it was answered", async () => {
      const { bench, client, peer } = await createBench().online({ cleanStart: false });
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

  test("an UNSUBSCRIBE after which every connection is lost rejects after ten", async () => {
    const { bench, client, peer } = await createBench().online({ cleanStart: false });
    const outcome = watch((await subscribed(bench, client, peer, "a")).unsubscribe());
    let at = peer;
    for (let lost = 0; lost < 10; lost++) {
      expect(outcome.settled).toBe(0);
      await at.expect("unsubscribe");
      at = await bench.reconnected(at, { sessionPresent: true });
    }
    expect(outcome.error).toMatchObject({
      name: "TransportError",
      code: "UNSUBSCRIBE_UNANSWERED",
      message: expect.stringMatching(/"a"/),
    });
    expectStatistics(client, { subscriptions: 0 });
    await at.expectNothing();
  });

  test("a subscription that was never answered is requested again, once", async () => {
    const { bench, client, peer } = await createBench().online();
    const outcome = watch(client.subscribe("a"));
    await peer.expect("subscribe");
    const again = await bench.reconnected(peer, { sessionPresent: false });
    const { packetIdentifier } = await again.expect("subscribe");
    await again.expectNothing();
    await bench.deliver(again, { type: "suback", packetIdentifier, reasonCodes: [0] });
    expect(outcome.value?.granted).toMatchObject([{ qos: 0 }]);
  });

  test("an unsubscribed filter is not requested again", async () => {
    const { bench, client, peer } = await createBench().online({ protocolVersion: 4 });
    const unsubscribing = (await subscribed(bench, client, peer, "a")).unsubscribe();
    await bench.answer(peer, "unsubscribe");
    await unsubscribing;
    const again = await bench.reconnected(peer);
    await again.expectNothing();
  });
});
