import { describe, expect, test } from "vitest";
import { recordEvents, SmallBench, subscribed, VERSIONS, watch } from "./bench.ts";

describe("when the connection is back", () => {
  const lost = async (protocolVersion: 4 | 5 = 5, cleanStart = true) => {
    const bench = new SmallBench();
    const { client, peer } = await bench.online({ protocolVersion, cleanStart });
    const subscription = await subscribed(bench, client, peer, ["a", "b/#"], { qos: 1, onMessage: () => undefined });
    peer.cut();
    return { bench, client, subscription };
  };

  test.each(VERSIONS)("and the session is gone, all is asked for again, once, on version %i", async (version) => {
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

  test.each(VERSIONS)("and the session is present, nothing is asked on version %i", async (version) => {
    const { bench } = await lost(version, false);
    const again = await bench.acceptAgain({ sessionPresent: true });
    await again.expectNothing();
  });

  test("and one filter is denied, it shows in granted and the others stay", async () => {
    const { bench, subscription } = await lost();
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
  });

  test("and all filters are denied, it is an error event and the subscription ends", async () => {
    const { bench, client, subscription } = await lost();
    const events = recordEvents(client);
    const again = await bench.acceptAgain();
    const { packetIdentifier } = await again.expect("subscribe");
    again.send({ type: "suback", packetIdentifier, reasonCodes: [0x87, 0x87] });
    await again.expectNothing();
    expect(events.at(-1)).toMatchObject({ name: "error", value: { code: "SUBSCRIBE_REFUSED", reasonCode: 0x87 } });
    expect(subscription.closed).toBe(true);
  });

  test("and goes before SUBACK, again and again, requests do not pile up", async () => {
    const { bench } = await lost(4);
    for (let i = 0; i < 5; i++) {
      const peer = await bench.acceptAgain();
      await peer.expect("subscribe");
      await peer.expectNothing();
      peer.cut();
    }
    const last = await bench.acceptAgain();
    await last.expect("subscribe");
    await last.expectNothing();
  });

  test("and the client is closed before SUBACK, that is no error, and loops end well", async () => {
    const bench = new SmallBench();
    const { client, peer } = await bench.online();
    const subscription = await subscribed(bench, client, peer, "a");
    const next = watch(subscription[Symbol.asyncIterator]().next());
    peer.cut();
    const events = recordEvents(client);
    const again = await bench.acceptAgain();
    await again.expect("subscribe");
    await bench.passing(client.disconnect({ drainTimeout: 0 }));
    expect(next.value).toEqual({ done: true, value: undefined });
    expect(events.filter(({ name }) => name === "error")).toEqual([]);
  });

  test("and the session is gone, what was unsubscribed meanwhile is not asked for again", async () => {
    const bench = new SmallBench();
    const { client, peer } = await bench.online();
    const subscription = await subscribed(bench, client, peer, "a");
    peer.cut();
    await bench.clock.tick();
    const ending = watch(subscription.unsubscribe());
    const again = await bench.acceptAgain();
    const { packetIdentifier } = await again.expect("unsubscribe");
    again.send({ type: "unsuback", packetIdentifier, reasonCodes: [0] });
    await again.expectNothing();
    expect([ending.settled, subscription.closed]).toEqual([1, true]);
  });

  test.each(VERSIONS)(
    "and SUBSCRIBE stays unanswered ten times, the subscription ends with an error: version %i",
    async (version) => {
      const { bench, client, subscription } = await lost(version);
      const events = recordEvents(client);
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

  test.each(VERSIONS)(
    "and the session may still have it, it lives on after ten unanswered SUBSCRIBEs: version %i",
    async (version) => {
      const { bench, client, subscription } = await lost(version, false);
      const events = recordEvents(client);
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
