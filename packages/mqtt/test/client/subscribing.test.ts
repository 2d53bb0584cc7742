// Features of the full client beyond the suite of both clients.
import type { SubscribeOptions } from "@aiko/mqtt";
import { describe, expect, test } from "vitest";
import { Bench, watch } from "./bench.ts";

test("SUBSCRIBE carries the requested properties", async () => {
  const { client, peer } = await new Bench().online();
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

describe("a wrong call is rejected and nothing is sent", () => {
  test.each([
    ["a\0", {}, "TOPIC_FILTER_INVALID"],
    ["a", { properties: { subscriptionIdentifier: 0 } }, "PROPERTY_INVALID"],
    ["a", { signal: AbortSignal.abort() }, "ABORTED"],
  ])("%j %o", async (filters, options, code) => {
    const { client, peer } = await new Bench().online();
    const outcome = watch(client.subscribe(filters, options as SubscribeOptions));
    await peer.expectNothing();
    expect(outcome.error).toMatchObject({ code });
    expect(client.statistics.subscriptions).toBe(0);
  });
});

test("aborting ends only the wait for SUBACK; a late SUBACK is ignored", async () => {
  const { bench, client, peer } = await new Bench().online();
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
