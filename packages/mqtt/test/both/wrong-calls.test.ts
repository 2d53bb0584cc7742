// Wrong calls without a compiler: each causes a typed error that names the field, and affects nothing else.
import type { PublishOptions, SmallOptions, SmallSubscribeOptions } from "@aiko/mqtt/small";
import { describe, expect, test } from "vitest";
import { clients, subscribed, watch } from "./clients.ts";

const wrong = (value: unknown): never => value as never;

describe.each(clients)("the $name client", ({ connect, createBench, createClient, expectStatistics, nulInTopic }) => {
  describe("createClient throws for a wrong option, and connect rejects with the same error", () => {
    test.each([
      ["no options", wrong(null), "OPTION_INVALID", "options"],
      ["one misspelt", { clientID: "c" }, "OPTION_UNKNOWN", "clientID"],
      ["a keep-alive that is too long", { keepAlive: 65_536 }, "OPTION_INVALID", "keepAlive"],
      ["a timeout that is not valid", { connectTimeout: 0 }, "OPTION_INVALID", "connectTimeout"],
      ["a delay that is not valid", { reconnect: { initialDelay: -1 } }, "OPTION_INVALID", "initialDelay"],
      ["a misspelt delay", { reconnect: { initial: 1 } }, "OPTION_UNKNOWN", "reconnect.initial"],
      ["an outbox without room", { outbox: { maximumCount: 0 } }, "OPTION_INVALID", "maximumCount"],
      ["text instead of a boolean", { cleanStart: "false" }, "OPTION_INVALID", "cleanStart"],
      ["a will without a topic", { will: { payload: "x" } }, "TOPIC_NAME_INVALID", "will.topic"],
      ["a will to a topic filter", { will: { topic: "a/#" } }, "TOPIC_NAME_INVALID", "will.topic"],
      ["a will at QoS 3", { will: { topic: "a", qos: 3 } }, "OPTION_INVALID", "will.qos"],
      ["a property that a will cannot have", { properties: { topicAlias: 1 } }, "PROPERTY_INVALID", "topicAlias"],
    ] as const)("%s", async (_name, options, code, field) => {
      const { platform } = createBench();
      const given = options === null ? options : ({ platform, ...(options as object) } as SmallOptions);
      const error = expect.objectContaining({ name: "UsageError", code, message: expect.stringContaining(field) });
      expect(() => createClient("mqtt://server", given)).toThrow(error);
      await expect(connect("mqtt://server", given)).rejects.toEqual(error);
    });

    test.each([
      ["nothing", undefined],
      ["no text", 5],
      ["no URL", "server"],
      ["no host", "mqtt://"],
      ["an unsupported scheme", "http://server"],
      ["an invalid port", "mqtt://server:99999"],
      ["no server at all", []],
      ["one bad URL among several", ["mqtt://a", "b"]],
    ])("a URL: %s", (_name, url) => {
      const { platform } = createBench();
      expect(() => createClient(wrong(url), { platform })).toThrow(
        expect.objectContaining({ name: "UsageError", code: "URL_INVALID" }),
      );
    });
  });

  describe("a wrong publish is rejected, not thrown, and nothing is sent", () => {
    test.each([
      ["a/+", "", {}, "TOPIC_NAME_INVALID"],
      ["", "", {}, "TOPIC_NAME_INVALID"],
      ["a\0b", "", {}, nulInTopic],
      [undefined, "", {}, "TOPIC_NAME_INVALID"],
      ["a", "\udc00", {}, "PAYLOAD_INVALID"],
      ["a", 5, {}, "PAYLOAD_INVALID"],
      ["a", undefined, {}, "PAYLOAD_INVALID"],
      ["a", "b", null, "OPTION_INVALID"],
      ["a", "b", { QoS: 1 }, "OPTION_UNKNOWN"],
      ["a", "b", { qos: 3 }, "OPTION_INVALID"],
      ["a", "b", { retain: "false" }, "OPTION_INVALID"],
      ["a", "b", { qos: 1, retain: 1 }, "OPTION_INVALID"],
      ["a", "b", { signal: AbortSignal.abort() }, "ABORTED"],
      ["a", "b", { qos: 1, properties: { sessionExpiryInterval: 5 } }, "PROPERTY_INVALID"],
      ["a", "b", { qos: 1, properties: { topicAlias: 1 } }, "PROPERTY_INVALID"],
      ["a", "b", { qos: 1, properties: { subscriptionIdentifiers: [1] } }, "PROPERTY_INVALID"],
    ] as const)("%j %j %o", async (topic, payload, options, code) => {
      const { bench, client, peer } = await createBench().online();
      const outcome = watch(client.publish(wrong(topic), wrong(payload), options as unknown as PublishOptions));
      await bench.clock.tick();
      expect(outcome.error).toMatchObject({ name: code === "ABORTED" ? "AbortError" : "UsageError", code });
      await peer.expectNothing();
      watch(client.publish("a", "b", { qos: 1 }));
      expect(await peer.expect("publish")).toMatchObject({ packetIdentifier: 1 });
    });
  });

  test.each([
    [null, "OPTION_INVALID"],
    [{ reason: 4 }, "OPTION_UNKNOWN"],
  ])("a wrong disconnect is rejected, and the client stays connected: %j", async (options, code) => {
    const { client } = await createBench().online();
    await expect(client.disconnect(wrong(options))).rejects.toMatchObject({ name: "UsageError", code });
    expect(client.connected).toBe(true);
  });

  describe("a wrong subscription is rejected, and nothing is sent", () => {
    test.each([
      ["a/#/b", {}, "TOPIC_FILTER_INVALID"],
      ["a+", {}, "TOPIC_FILTER_INVALID"],
      [[], {}, "TOPIC_FILTER_INVALID"],
      ["", {}, "TOPIC_FILTER_INVALID"],
      ["$share//a", {}, "TOPIC_FILTER_INVALID"],
      [["a", "#/b"], {}, "TOPIC_FILTER_INVALID"],
      ["a", null, "OPTION_INVALID"],
      ["a", { onmessage: () => undefined }, "OPTION_UNKNOWN"],
      ["a", { onMessage: "handler" }, "OPTION_INVALID"],
      ["a", { qos: 3 }, "OPTION_INVALID"],
      ["a", { noLocal: "false" }, "OPTION_INVALID"],
      ["a", { retainAsPublished: 1 }, "OPTION_INVALID"],
      ["a", { retainHandling: 3 }, "OPTION_INVALID"],
      ["$share/g/a", { noLocal: true }, "PACKET_INVALID"],
    ])("%j %o", async (filters, options, code) => {
      const { bench, client, peer } = await createBench().online();
      const outcome = watch(client.subscribe(filters, options as unknown as SmallSubscribeOptions));
      await peer.expectNothing();
      expect(outcome.error).toMatchObject({ name: "UsageError", code });
      expectStatistics(client, { subscriptions: 0 });
      await subscribed(bench, client, peer, "fine");
    });

    test.each([[[]], [undefined], [5], ["a/#/b"]])(
      "no filter, or an invalid one, in subscribe and unsubscribe: %j",
      async (filters) => {
        const { bench, client, peer } = await createBench().online();
        for (const outcome of [watch(client.subscribe(wrong(filters))), watch(client.unsubscribe(wrong(filters)))]) {
          await bench.clock.tick();
          expect(outcome.error).toMatchObject({ name: "UsageError", code: "TOPIC_FILTER_INVALID" });
        }
        await peer.expectNothing();
      },
    );
  });
});
