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
