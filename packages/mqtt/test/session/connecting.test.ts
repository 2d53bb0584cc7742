import type { Packet, PacketType } from "@aiko/mqtt/codec";
import { describe, expect, test } from "vitest";
import {
  ack,
  Client,
  connack,
  KeptMessage,
  KeptSubscribe,
  KeptUnsubscribe,
  protocolFault,
  publishPacket,
  Server,
  wire,
} from "./sessions.ts";

const everyPacket: Record<PacketType, Packet> = {
  connect: { type: "connect", protocolVersion: 5, clientId: "c", cleanStart: true, keepAlive: 0 },
  connack: connack(),
  publish: publishPacket("a", 0, 0),
  puback: ack("puback", 1),
  pubrec: ack("pubrec", 1),
  pubrel: ack("pubrel", 1),
  pubcomp: ack("pubcomp", 1),
  subscribe: { type: "subscribe", packetIdentifier: 1, subscriptions: [{ topicFilter: "a", qos: 0 }] },
  suback: { type: "suback", packetIdentifier: 1, reasonCodes: [0] },
  unsubscribe: { type: "unsubscribe", packetIdentifier: 1, topicFilters: ["a"] },
  unsuback: { type: "unsuback", packetIdentifier: 1, reasonCodes: [0] },
  pingreq: { type: "pingreq" },
  pingresp: { type: "pingresp" },
  disconnect: { type: "disconnect", reasonCode: 0 },
  auth: { type: "auth", reasonCode: 0x18, properties: { authenticationMethod: "m" } },
};
/** A session that outlives its connection. */
const lasting = { sessionExpiryInterval: 3_600 };
const packetTypes = Object.keys(everyPacket) as PacketType[];

describe("the client's CONNECT", () => {
  test("3.1.1, byte by byte", () => {
    const client = new Client({ version: 4, cleanStart: true, properties: { receiveMaximum: 7 } });
    client.open();
    expect(client.outlet.taken()).toBe("100d00044d51545404" + "02003c" + "000163");
  });

  test("3.1, byte by byte, with a will", () => {
    const will = { topic: "w", payload: Uint8Array.of(1), qos: 1, retain: true } as const;
    const client = new Client({ version: 3, keepAlive: 10, will });
    client.open();
    expect(client.outlet.taken()).toBe(
      "1015" + "00064d5149736470" + "03" + "2c" + "000a" + "000163" + "000177" + "000101",
    );
  });

  test("5.0 carries its properties", () => {
    const client = new Client({ receiveMaximum: 7, properties: { sessionExpiryInterval: 9 } });
    client.open();
    const properties = { receiveMaximum: 7, sessionExpiryInterval: 9 };
    expect(client.outlet.packets(5)).toMatchObject([{ type: "connect", cleanStart: false, properties }]);
  });

  test("never requests a clean start on 5.0 if the session outlives connections: the CONNECT could arrive late", () => {
    const client = new Client({ cleanStart: true, properties: lasting });
    const starts: unknown[] = [];
    for (let i = 0; i < 3; i++) {
      client.open();
      starts.push(client.outlet.packets(5).map((packet) => packet.type === "connect" && packet.cleanStart));
      if (i > 0) client.receive(connack(i > 1));
      client.lose();
    }
    expect(starts).toEqual([[false], [false], [false]]);
  });

  test("requests a clean start each time on 5.0 if the session ends with its connection", () => {
    const client = new Client({ cleanStart: true });
    client.connect();
    client.lose();
    client.open();
    expect(client.outlet.packets(5)).toMatchObject([{ cleanStart: true }]);
  });

  test("before 5.0 a clean session is requested each time", () => {
    const client = new Client({ version: 4, cleanStart: true });
    client.connect();
    client.lose();
    client.open();
    expect(client.outlet.packets(4)).toMatchObject([{ cleanStart: true }]);
  });

  test("a session from a store is not ended by a clean start", () => {
    const client = new Client({ cleanStart: true });
    client.session.restore([], [5]);
    client.open();
    expect(client.outlet.packets(5)).toMatchObject([{ cleanStart: false }]);
  });
});

describe("CONNACK", () => {
  test("accepts: the session is online and knows the server's limits", () => {
    const client = new Client();
    expect(client.session.isOnline).toBe(false);
    expect(client.session.limits).toBeUndefined();
    client.connect(false, 5);
    expect(client.events).toEqual(["accepted 0 new"]);
    expect(client.session.isOnline).toBe(true);
    expect(client.session.limits).toEqual({
      receiveMaximum: 5,
      qos2Maximum: 5,
      maximumPacketSize: 268_435_460,
      maximumQoS: 2,
      retainAvailable: true,
      wildcardSubscriptionAvailable: true,
      sharedSubscriptionAvailable: true,
      subscriptionIdentifiersAvailable: true,
      topicAliasMaximum: 0,
    });
    client.lose();
    expect(client.session.isOnline).toBe(false);
  });

  test("without properties, or on 3.1.1, sets no limits, except that there are no subscription identifiers", () => {
    const client = new Client({ version: 4 });
    client.connect();
    expect(client.session.limits).toMatchObject({ receiveMaximum: 65_535, subscriptionIdentifiersAvailable: false });
  });

  test("refuses: the application is informed, and nothing is sent", () => {
    const client = new Client();
    client.publish(new KeptMessage("a"));
    client.open();
    client.outlet.taken();
    client.receive({ type: "connack", sessionPresent: false, reasonCode: 0x87 });
    expect(client.events).toEqual(["refused 135"]);
    expect(client.session.isOnline).toBe(false);
    expect(client.outlet.taken()).toBe("");
  });

  test("with a session after a clean start is a protocol error", () => {
    for (const version of [4, 5] as const) {
      const client = new Client({ version, cleanStart: true });
      client.open();
      expect(protocolFault(() => client.receive(connack(true)))).toBe(0x82);
    }
  });

  test.each([
    [5, false, "resumed"],
    [4, false, "resumed"],
    [3, false, "resumed"], // 3.1 cannot report it: assumed
    [3, true, "new"],
  ] as const)(
    "on version %i with clean start %s, the next one reports that the session is %s",
    (version, cleanStart, how) => {
      const client = new Client({ version, cleanStart });
      client.connect();
      client.lose();
      client.connect(!cleanStart);
      expect(client.events[1]).toBe(`accepted 0 ${how}`);
    },
  );

  test("earlier requests are sent first, then the messages", () => {
    const client = new Client();
    client.publish(new KeptMessage("a"));
    client.request(new KeptSubscribe("f"));
    client.connect();
    expect(client.outlet.packets(5).map(({ type }) => type)).toEqual(["subscribe", "publish"]);
  });

  test("if the application drops the connection at once, nothing is sent", () => {
    const client = new Client({}, { accepted: ({ session, now }) => session.connectionLost(now) });
    client.publish(new KeptMessage("a"));
    client.connect();
    expect(client.outlet.taken()).toBe("");
    expect(client.session.isOnline).toBe(false);
  });

  test("messages that the application publishes in the callback follow the queued ones", () => {
    const client = new Client({}, { accepted: (self) => self.publish(new KeptMessage("late")) });
    client.publish(new KeptMessage("early"));
    client.connect();
    expect(client.outlet.taken()).toBe(wire(5, publishPacket("early", 1, 1), publishPacket("late", 1, 2)));
  });
});

describe("data that the server announced as unsupported is rejected before sending", () => {
  test.each([
    [{ maximumQoS: 1 }, new KeptMessage("a", 2), "MAXIMUM_QOS_EXCEEDED", 0x9b],
    [{ maximumQoS: 0 }, new KeptMessage("a", 1), "MAXIMUM_QOS_EXCEEDED", 0x9b],
    [{ retainAvailable: false }, new KeptMessage("a", 0, { retain: true }), "RETAIN_NOT_AVAILABLE", 0x9a],
  ] as const)("%o", (properties, message, code, reasonCode) => {
    const client = new Client();
    client.publish(message);
    client.open();
    client.outlet.taken();
    client.receive(connack(false, properties));
    expect(message.outcome).toBe(code);
    expect(message.outcomes[0]).toMatchObject({ reasonCode, message: expect.stringContaining('"a"') });
    expect(client.outlet.taken()).toBe("");
    const fine = new KeptMessage("b", 0);
    client.publish(fine);
    expect(client.outlet.taken()).toBe(wire(5, publishPacket("b", 0, 0)));
  });

  test.each([
    [{ wildcardSubscriptionAvailable: false }, "a/#", "WILDCARD_SUBSCRIPTION_NOT_AVAILABLE", 0xa2],
    [{ wildcardSubscriptionAvailable: false }, "a/+/b", "WILDCARD_SUBSCRIPTION_NOT_AVAILABLE", 0xa2],
    [{ sharedSubscriptionAvailable: false }, "$share/g/a", "SHARED_SUBSCRIPTION_NOT_AVAILABLE", 0x9e],
    [{ maximumPacketSize: 20 }, "a-filter-of-some-length", "MAXIMUM_PACKET_SIZE_EXCEEDED", 0x95],
  ] as const)("%o: a subscription to %s", (properties, topicFilter, code, reasonCode) => {
    const client = new Client();
    client.open();
    client.outlet.taken();
    client.receive(connack(false, properties));
    const request = new KeptSubscribe(topicFilter);
    client.request(request);
    expect(request.outcome).toBe(code);
    expect(request.outcomes[0]).toMatchObject({ reasonCode, message: expect.stringContaining(topicFilter) });
    expect(client.outlet.taken()).toBe("");
    client.request(new KeptSubscribe("fine"));
    expect(client.outlet.packets(5)).toHaveLength(1);
  });

  test("an unsupported filter is not sent; the others of its request are", () => {
    const client = new Client();
    client.open();
    client.receive(connack(false, { wildcardSubscriptionAvailable: false }));
    client.outlet.taken();
    const request = new KeptSubscribe("fine", "a/#", "too");
    client.request(request);
    const [sent] = client.outlet.packets(5);
    expect(sent).toMatchObject({ subscriptions: [{ topicFilter: "fine" }, { topicFilter: "too" }] });
    client.receive({ type: "suback", packetIdentifier: 1, reasonCodes: [0, 1] });
    expect(request.outcome).toEqual([0, 0xa2, 1]);
    expect(request.refusals?.get(1)?.code).toBe("WILDCARD_SUBSCRIPTION_NOT_AVAILABLE");
  });

  test("an unsubscription above the maximum packet size", () => {
    const client = new Client({ peerMaximumPacketSize: 20 });
    client.connect();
    const request = new KeptUnsubscribe("a-filter-of-some-length");
    client.request(request);
    expect(request.outcome).toBe("MAXIMUM_PACKET_SIZE_EXCEEDED");
  });
});

describe("unexpected packets", () => {
  test.each(packetTypes.filter((type) => type !== "connack" && type !== "auth"))(
    "%s before CONNACK is a protocol error for the client",
    (type) => {
      const client = new Client();
      client.open();
      expect(protocolFault(() => client.receive(everyPacket[type]))).toBe(0x82);
    },
  );

  test.each(["connect", "connack", "subscribe", "unsubscribe", "pingreq"] as const)(
    "%s from a server after CONNACK is a protocol error",
    (type) => {
      const client = new Client();
      client.connect();
      expect(protocolFault(() => client.receive(everyPacket[type]))).toBe(0x82);
    },
  );

  test.each(["connect", "connack", "suback", "unsuback", "pingresp", "auth"] as const)(
    "%s from a client is a protocol error",
    (type) => {
      const server = new Server();
      server.connect();
      expect(protocolFault(() => server.receive(everyPacket[type]))).toBe(0x82);
    },
  );

  test("a server sends DISCONNECT on MQTT 5 only, and never with a session expiry interval", () => {
    for (const version of [3, 4] as const) {
      const client = new Client({ version });
      client.connect();
      expect(protocolFault(() => client.receive(everyPacket.disconnect))).toBe(0x82);
    }
    const client = new Client();
    client.connect();
    const properties = { sessionExpiryInterval: 1 };
    expect(protocolFault(() => client.receive({ type: "disconnect", reasonCode: 0, properties }))).toBe(0x82);
    client.receive({ type: "disconnect", reasonCode: 0x8b });
    expect(client.events).toContain("disconnected 139");
  });

  test("while offline, further received packets are ignored", () => {
    const client = new Client();
    const server = new Server();
    for (const packet of Object.values(everyPacket)) {
      client.receive(packet);
      server.receive(packet);
    }
    expect(client.events).toEqual([]);
    expect(server.events).toEqual([]);
  });
});

describe("the client's DISCONNECT", () => {
  test("is two bytes in every version", () => {
    for (const version of [3, 4, 5] as const) {
      const client = new Client({ version });
      client.connect();
      client.outlet.taken();
      client.session.sayDisconnect({ reasonCode: 0 });
      expect(client.outlet.taken()).toBe("e000");
    }
  });

  test("carries a reason on MQTT 5 only", () => {
    for (const [version, bytes] of [
      [5, "e00182"],
      [4, ""],
    ] as const) {
      const client = new Client({ version });
      client.connect();
      client.outlet.taken();
      client.session.sayDisconnect({ reasonCode: 0x82 });
      expect(client.outlet.taken()).toBe(bytes);
    }
  });

  test("is not sent while offline, nor before CONNACK where it has no meaning", () => {
    const client = new Client({ version: 4 });
    client.session.sayDisconnect({ reasonCode: 0 });
    client.open();
    client.outlet.taken();
    client.session.sayDisconnect({ reasonCode: 0 });
    expect(client.outlet.taken()).toBe("");
  });
});

describe("a server session", () => {
  test("passes SUBSCRIBE, UNSUBSCRIBE and DISCONNECT on, and writes the answers", () => {
    const server = new Server();
    server.session.write(everyPacket.suback);
    server.connect();
    expect(server.session.isOnline).toBe(true);
    for (const type of ["subscribe", "unsubscribe", "disconnect"] as const) server.receive(everyPacket[type]);
    expect(server.events).toEqual([everyPacket.subscribe, everyPacket.unsubscribe, everyPacket.disconnect]);
    server.session.write(everyPacket.suback);
    expect(server.outlet.taken()).toBe("900400010000");
    server.lose();
    expect(server.session.isOnline).toBe(false);
  });

  test("answers PINGREQ", () => {
    const server = new Server({ version: 4 });
    server.connect();
    server.receive({ type: "pingreq" });
    expect(server.outlet.taken()).toBe("d000");
  });

  test("considers a client dead 1.5 × keep alive after its last byte", () => {
    const server = new Server();
    expect(server.session.deadline()).toBe(Infinity);
    server.session.bytesReceived(1);
    server.connect(false, undefined, 10);
    expect(server.session.deadline()).toBe(server.now + 15_000);
    server.session.bytesReceived(server.now + 1000);
    expect(server.session.deadline()).toBe(server.now + 16_000);
    server.connect(false, undefined, 0);
    expect(server.session.deadline()).toBe(Infinity);
  });

  test("sends at most 65,535 unacknowledged messages before MQTT 5, whatever its option says", () => {
    const server = new Server({ version: 4, receiveMaximum: 1 });
    server.connect();
    server.receive(publishPacket("a", 1, 1));
    server.receive(publishPacket("a", 1, 2));
    expect(server.given).toHaveLength(2);
  });
});
