// Capabilities that are switched off: CONNACK announces them on MQTT 5, and a client that uses them is told so.
import type { Packet, ProtocolVersion, Will } from "@aiko/mqtt/codec";
import type { BrokerOptions } from "@aiko/mqtt-broker";
import { describe, expect, test } from "vitest";
import { Bench, message, receive, subscribe } from "./bench.ts";

test.each<[BrokerOptions, object]>([
  [{ maximumQoS: 0 }, { maximumQoS: 0 }],
  [{ maximumQoS: 1 }, { maximumQoS: 1 }],
  [{ maximumQoS: 2, retainAvailable: true }, {}],
  [{ retainAvailable: false }, { retainAvailable: false }],
  [{ wildcardSubscriptionAvailable: false }, { wildcardSubscriptionAvailable: false }],
  [{ subscriptionIdentifiersAvailable: false }, { subscriptionIdentifiersAvailable: false }],
  [{ sharedSubscriptionAvailable: false }, { sharedSubscriptionAvailable: false }],
])("CONNACK announces %j as %j", async (options, expected) => {
  const bench = new Bench({ topicAliasMaximum: 0, maximumPacketSize: 268_435_460, ...options });
  expect((await bench.introduce("c")).connack.properties ?? {}).toEqual(expected);
  expect((await bench.introduce("d", { protocolVersion: 4 })).connack.properties).toBeUndefined();
});

const request = (topicFilter: string, subscriptionIdentifier?: number): Packet => ({
  type: "subscribe",
  packetIdentifier: 1,
  subscriptions: [
    { topicFilter: "plain", qos: 1 },
    { topicFilter, qos: 1 },
  ],
  properties: subscriptionIdentifier === undefined ? undefined : { subscriptionIdentifier },
});

describe("a client of MQTT 5 that uses what is not available is disconnected with the reason", () => {
  test.each<[BrokerOptions, Packet, number]>([
    [{ maximumQoS: 0 }, message("t", "x", { qos: 1, packetIdentifier: 1 }), 0x9b],
    [{ maximumQoS: 1 }, message("t", "x", { qos: 2, packetIdentifier: 1 }), 0x9b],
    [{ retainAvailable: false }, message("t", "x", { retain: true }), 0x9a],
    [{ wildcardSubscriptionAvailable: false }, request("a/+"), 0xa2],
    [{ wildcardSubscriptionAvailable: false }, request("$share/g/#"), 0xa2],
    [{ sharedSubscriptionAvailable: false }, request("$share/g/t"), 0x9e],
    [{ subscriptionIdentifiersAvailable: false }, request("a", 7), 0xa1],
  ])("%j", async (options, packet, reasonCode) => {
    const bench = new Bench(options);
    const peer = await bench.connect("c");
    peer.send(packet);
    expect(await peer.expect("disconnect")).toMatchObject({ reasonCode });
    await peer.expectClose();
    expect(bench.hub.statistics).toMatchObject({ subscriptions: 0, retainedMessages: 0 });
  });
});

describe.each([3, 4] as const)("a client of version %i that uses what is not available", (protocolVersion) => {
  test.each<[BrokerOptions, Packet]>([
    [{ maximumQoS: 1 }, message("t", "x", { qos: 2, packetIdentifier: 1 })],
    [{ retainAvailable: false }, message("t", "x", { retain: true })],
  ])("is disconnected if it publishes: %j", async (options, packet) => {
    const bench = new Bench(options);
    const peer = await bench.connect("c", { protocolVersion });
    peer.send(packet);
    await peer.expectClose();
    expect(bench.hub.statistics.retainedMessages).toBe(0);
  });

  test.each<[BrokerOptions, string]>([
    [{ wildcardSubscriptionAvailable: false }, "a/+"],
    [{ sharedSubscriptionAvailable: false }, "$share/g/t"],
  ])("is denied the filter if it subscribes: %j", async (options, topicFilter) => {
    const bench = new Bench(options);
    const peer = await bench.connect("c", { protocolVersion });
    peer.send(request(topicFilter));
    if (protocolVersion === 4) expect((await peer.expect("suback")).reasonCodes).toEqual([1, 0x80]);
    else await peer.expectClose(); // 3.1 cannot deny a filter
  });
});

describe("a will that exceeds the capabilities refuses the client", () => {
  const will: Will = { topic: "gone", payload: Uint8Array.of(1), qos: 2, retain: true };
  const cases: readonly [BrokerOptions, number][] = [
    [{ maximumQoS: 1 }, 0x9b],
    [{ retainAvailable: false }, 0x9a],
  ];

  test.each(cases)("on MQTT 5: %j", async (options, reasonCode) => {
    const bench = new Bench(options);
    const { peer, connack } = await bench.introduce("c", { will });
    expect(connack.reasonCode).toBe(reasonCode);
    await peer.expectClose();
    expect(bench.hub.statistics.sessions).toBe(0);
  });

  test.each(cases)("before MQTT 5, where no return code applies, without CONNACK: %j", async (options) => {
    for (const protocolVersion of [3, 4] as ProtocolVersion[]) {
      const bench = new Bench(options);
      const peer = bench.dial(protocolVersion);
      peer.send({ type: "connect", protocolVersion, clientId: "c", cleanStart: true, keepAlive: 0, will });
      await peer.expectClose();
      expect(peer.bytes).toHaveLength(0);
      expect(bench.events).toMatchObject([{ type: "refused" }]);
    }
  });
});

test("subscriptions are granted up to the maximum QoS, and messages of the application are sent with it", async () => {
  const bench = new Bench({ maximumQoS: 1 });
  for (const protocolVersion of [3, 4, 5] as const) {
    const peer = await bench.connect("c", { protocolVersion });
    for (const qos of [0, 1, 2] as const)
      expect(await subscribe(peer, `t/${qos}`, { qos })).toEqual([Math.min(qos, 1)]);
    const from = await bench.connect("from");
    from.send(message("t/2", "x", { qos: 1, packetIdentifier: 1 }));
    expect(await receive(peer)).toBe("t/2=x q1");
  }
});
