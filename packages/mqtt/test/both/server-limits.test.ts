import type { ConnackProperties, PublishOptions } from "@aiko/mqtt";
import { describe, expect, test } from "vitest";
import { clients, watch } from "./clients.ts";

describe.each(clients)("the $name client", ({ createBench }) => {
  describe("a limit in CONNACK is checked before sending, and named", () => {
    const large = "x".repeat(100);
    const cases: readonly (readonly [ConnackProperties, PublishOptions, string, number])[] = [
      [{ maximumQoS: 1 }, { qos: 2 }, "MAXIMUM_QOS_EXCEEDED", 0x9b],
      [{ maximumQoS: 0 }, { qos: 1 }, "MAXIMUM_QOS_EXCEEDED", 0x9b],
      [{ retainAvailable: false }, { retain: true }, "RETAIN_NOT_AVAILABLE", 0x9a],
      [{ maximumPacketSize: 50 }, {}, "MAXIMUM_PACKET_SIZE_EXCEEDED", 0x95],
      [{ maximumPacketSize: 50 }, { qos: 1 }, "MAXIMUM_PACKET_SIZE_EXCEEDED", 0x95],
    ];
    test.each(cases)("publishing with %o: %o", async (properties, options, code, reasonCode) => {
      const bench = createBench();
      const client = bench.create();
      const queued = watch(client.publish("t", large, options));
      const peer = await bench.connected(client, { properties: { receiveMaximum: 1, ...properties } });
      const direct = watch(client.publish("t", large, options));
      await peer.expectNothing();
      for (const outcome of [queued, direct])
        expect(outcome.error).toMatchObject({ name: "RefusedError", code, reasonCode });
      watch(client.publish("t", "", { qos: properties.maximumQoS === 0 ? 0 : 1 }));
      await peer.expect("publish");
    });

    test("the same holds for a message that an earlier connection had accepted", async () => {
      const { bench, client, peer } = await createBench().online({ cleanStart: false });
      const outcome = watch(client.publish("t", large, { qos: 1 }));
      await peer.expect("publish");
      const again = await bench.reconnected(peer, { sessionPresent: true, properties: { maximumPacketSize: 50 } });
      await again.expectNothing();
      expect(outcome.error).toMatchObject({ code: "MAXIMUM_PACKET_SIZE_EXCEEDED" });
    });

    test.each([
      [{ wildcardSubscriptionAvailable: false }, "a/+", "WILDCARD_SUBSCRIPTION_NOT_AVAILABLE", 0xa2],
      [{ wildcardSubscriptionAvailable: false }, "#", "WILDCARD_SUBSCRIPTION_NOT_AVAILABLE", 0xa2],
      [{ sharedSubscriptionAvailable: false }, "$share/g/a", "SHARED_SUBSCRIPTION_NOT_AVAILABLE", 0x9e],
      [{ maximumPacketSize: 30 }, "a".repeat(40), "MAXIMUM_PACKET_SIZE_EXCEEDED", 0x95],
    ])("subscribing with %o", async (properties, topicFilter, code, reasonCode) => {
      const bench = createBench();
      const client = bench.create();
      const early = watch(client.subscribe(topicFilter));
      const peer = await bench.connected(client, { properties });
      const outcome = watch(client.subscribe(topicFilter));
      await peer.expectNothing();
      for (const { error } of [early, outcome]) expect(error).toMatchObject({ name: "RefusedError", code, reasonCode });
      watch(client.subscribe("b"));
      expect(await peer.expect("subscribe")).toMatchObject({ subscriptions: [{ topicFilter: "b" }] });
    });
  });

  test("receive maximum: never more unacknowledged messages than the server allows; the rest are sent in order", async () => {
    const { bench, client, peer } = await createBench().online({}, { properties: { receiveMaximum: 2 } });
    const outcomes = Array.from({ length: 5 }, (_, i) => watch(client.publish("t", String(i), { qos: 1 })));
    const order: string[] = [];
    for (let i = 0; i < 5; i++) {
      await bench.clock.tick();
      const sent = peer.received.filter(({ type }) => type === "publish").length;
      expect(sent - i).toBeLessThanOrEqual(2);
      const { packetIdentifier, payload } = await peer.expect("publish");
      order.push(new TextDecoder().decode(payload));
      peer.send({ type: "puback", packetIdentifier, reasonCode: 0 });
    }
    await bench.clock.tick();
    expect(order).toEqual(["0", "1", "2", "3", "4"]);
    expect(outcomes.every(({ value }) => value !== undefined)).toBe(true);
  });

  test("QoS 0 does not count, but keeps its place in the order", async () => {
    const { client, peer } = await createBench().online({}, { properties: { receiveMaximum: 1 } });
    watch(client.publish("t", "1", { qos: 1 }));
    watch(client.publish("t", "0", { qos: 0 }));
    await peer.expect("publish");
    expect(await peer.expect("publish")).toMatchObject({ qos: 0 });
  });

  test("the server's keep-alive applies", async () => {
    const { bench, peer } = await createBench().online({ keepAlive: 600 }, { properties: { serverKeepAlive: 10 } });
    await bench.clock.advance(10_000);
    await peer.expect("pingreq");
  });
});
