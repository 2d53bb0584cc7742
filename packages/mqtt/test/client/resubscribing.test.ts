// Features of the full client beyond the suite of both clients: it requests a suspected subscription last.
import { describe, expect, test } from "vitest";
import { serve } from "../both/subscribe-server.ts";
import { Bench, subscribed, watch } from "./bench.ts";

test("on 3.1, which does not report a present session, all subscriptions are requested again", async () => {
  const { bench, client, peer } = await new Bench().online({ protocolVersion: 3, cleanStart: false });
  await subscribed(bench, client, peer, ["a", "b/#"], { qos: 1, onMessage: () => undefined });
  const again = await bench.reconnected(peer);
  await again.expect("subscribe");
});

describe("a SUBSCRIBE after which every connection is lost", () => {
  test("fails after ten: the promise rejects, and other pending requests are granted", async () => {
    const { bench, client, peer } = await new Bench().online();
    const poison = watch(client.subscribe("poison"));
    const fine = watch(client.subscribe("fine"));
    await peer.expect("subscribe");
    await peer.expect("subscribe");
    peer.cut();
    expect(await serve(bench, "poison", 2)).toEqual(["poison"]); // the second connection on which both were lost
    expect(await serve(bench, "poison", 2)).toEqual(["poison"]); // suspected now, so requested alone
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
      message: expect.stringMatching(/"poison".*every connection was lost/),
    });
    expect(await serve(bench, "poison", 1)).toEqual(["fine"]);
    expect(subscribed?.closed).toBe(false);
    expect(client.statistics.subscriptions).toBe(1);
    expect(client.connected).toBe(true);
  });

  test("is not overtaken by the UNSUBSCRIBE for the same filter", async () => {
    const { bench, client, peer } = await new Bench().online();
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
});
