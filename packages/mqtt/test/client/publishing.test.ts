import { describe, expect, test } from "vitest";
import { Bench, watch } from "./bench.ts";

describe("a call that is wrong is rejected, not thrown, and nothing is sent", () => {
  test.each([
    ["a/+", "", {}, "TOPIC_NAME_INVALID"],
    ["a\0b", "", {}, "TOPIC_NAME_INVALID"],
    ["", "", {}, "TOPIC_NAME_INVALID"],
    ["a", "\udc00", {}, "PAYLOAD_INVALID"],
    ["a", 5, {}, "PAYLOAD_INVALID"],
    ["a", "b", { qos: 3 }, "OPTION_INVALID"],
    ["a", "b", { retain: "false" }, "OPTION_INVALID"],
    ["a", "b", { qos: 1, retain: 1 }, "OPTION_INVALID"],
    ["a", "b", { signal: AbortSignal.abort() }, "ABORTED"],
  ])("%j %j %o", async (topic, payload, options, code) => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const outcome = watch(client.publish(topic, payload as string, options as object));
    await bench.clock.tick();
    expect(outcome.error).toMatchObject({ name: "UsageError", code });
    await peer.expectNothing();
  });

  test("a property that does not belong there", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const wrong = { sessionExpiryInterval: 5 } as object;
    const outcome = watch(client.publish("a", "b", { qos: 1, properties: wrong }));
    await bench.clock.tick();
    expect(outcome.error).toMatchObject({ name: "UsageError", code: "PROPERTY_INVALID" });
    await peer.expectNothing();
    watch(client.publish("a", "b", { qos: 1 }));
    expect(await peer.expect("publish")).toMatchObject({ packetIdentifier: 1 });
  });

  test.each([{ topicAlias: 1 }, { subscriptionIdentifiers: [1] }])(
    "a property that is not the application's: %o",
    async (properties) => {
      const bench = new Bench();
      const { client, peer } = await bench.online();
      const outcome = watch(client.publish("a", "b", { qos: 1, properties }));
      await peer.expectNothing();
      expect(outcome.error).toMatchObject({ name: "UsageError", code: "PROPERTY_INVALID" });
    },
  );
});
