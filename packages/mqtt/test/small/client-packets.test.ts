import { encode, type Packet } from "@aiko/mqtt/codec";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { SubscriptionRequest, Will } from "../../src/codec/packets.ts";
import type { ConnectProperties, PublishProperties } from "../../src/codec/properties.ts";
import { UsageError } from "../../src/errors.ts";
import {
  acknowledgement,
  type ConnectFields,
  connectPacket,
  disconnectPacket,
  PINGREQ,
  PUBACK,
  PUBCOMP,
  PUBREC,
  PUBREL,
  publishPacket,
  subscribePacket,
  unsubscribePacket,
} from "../../src/small/client-packets.ts";
import { arbitraryPacket } from "../codec/arbitrary-packets.ts";
import { toHex } from "../codec/vectors.ts";
import { message } from "./bench.ts";
import type { SmallVersion } from "./reading.ts";

const FIRST_BYTES = { puback: PUBACK, pubrec: PUBREC, pubrel: PUBREL, pubcomp: PUBCOMP };

/** What the small client never sends; undefined if it can send it. */
function outOfReach(packet: Packet): string | undefined {
  const properties = "properties" in packet ? packet.properties : undefined;
  switch (packet.type) {
    case "connack":
    case "suback":
    case "unsuback":
    case "pingresp":
      return "a server's packet";
    case "auth":
      return "authentication";
    case "publish":
      if (packet.topic === "") return "a topic alias in place of a topic";
      if (packet.properties?.subscriptionIdentifiers) return "a server's property"; // [MQTT5-3.3.4-6]
      if (packet.properties?.topicAlias !== undefined) return "a topic alias";
      return undefined;
    case "connect": {
      const { topicAliasMaximum, authenticationMethod, authenticationData } = packet.properties ?? {};
      const whole = topicAliasMaximum ?? authenticationMethod ?? authenticationData;
      return whole === undefined ? undefined : "properties of the full client";
    }
    case "disconnect":
      return Object.entries(properties ?? { sessionExpiryInterval: 0 }).join() === "sessionExpiryInterval,0"
        ? undefined
        : "properties of this packet";
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp":
    case "unsubscribe":
      return properties === undefined ? undefined : "properties of this packet";
    default:
      return undefined;
  }
}

/** The packet as the small client writes it. */
function written(packet: Packet, version: SmallVersion): Uint8Array {
  switch (packet.type) {
    case "connect": {
      const { clientId, cleanStart, keepAlive, will, username, password, properties = {} } = packet;
      return connectPacket(version, { clientId, cleanStart, keepAlive, will, username, password, properties });
    }
    case "publish": {
      const { topic, payload, qos, retain, dup, packetIdentifier, properties } = packet;
      return publishPacket(version, topic, payload, qos, retain, properties, packetIdentifier, dup);
    }
    case "subscribe":
      return subscribePacket(version, packet.packetIdentifier, packet.subscriptions, packet.properties);
    case "unsubscribe":
      return unsubscribePacket(version, packet.packetIdentifier, packet.topicFilters);
    case "disconnect":
      return disconnectPacket(version, packet.reasonCode, packet.properties !== undefined);
    case "pingreq":
      return PINGREQ;
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp":
      return acknowledgement(FIRST_BYTES[packet.type], packet.packetIdentifier, packet.reasonCode);
    default:
      throw new Error(`not written by the small client: ${packet.type}`);
  }
}

test.each([4, 5] as const)("on version %i, a client's packets have the bytes that the full codec writes", (version) => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(arbitraryPacket(version), (packet) => {
      if (outOfReach(packet) !== undefined) return;
      expect(toHex(written(packet, version))).toBe(toHex(encode(packet, version)));
      seen.set(packet.type, (seen.get(packet.type) ?? 0) + 1);
    }),
    { numRuns: 3000 },
  );
  const types = "connect,disconnect,pingreq,puback,pubcomp,publish,pubrec,pubrel,subscribe,unsubscribe";
  expect([...seen.keys()].sort().join()).toBe(types);
  expect(Math.min(...seen.values())).toBeGreaterThan(2); // 25 on average
});

const none = new Uint8Array();
const nobody = { will: undefined, username: undefined, password: undefined };
const connecting: ConnectFields = { clientId: "c", cleanStart: true, keepAlive: 60, ...nobody, properties: {} };
const will: Will = { topic: "w", payload: none, qos: 0, retain: false };
const publishing = message("t", "");

test.each([
  0, 1, 62, 63, 64, 65, 121, 122, 123, 124, 125, 126, 127, 128, 16_375, 16_379, 16_380, 16_384, 65_535, 2_097_148,
  2_097_152,
])("a payload of %i bytes, and a text of that length, are written as by the full codec", (length) => {
  const payload = new Uint8Array(length).fill(0x61);
  for (const version of [4, 5] as const) {
    const whole = Buffer.from(encode({ ...publishing, payload }, version));
    for (const given of [payload, "a".repeat(length)]) {
      const bytes = publishPacket(version, "t", given, 0, false, undefined);
      expect(Buffer.compare(bytes, whole)).toBe(0);
    }
  }
});

test("text of many kinds is written as by the full codec", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (topic, payload) => {
      const name = topic.replace(/[+#\0]/g, "-") || "t";
      const properties = { contentType: name, userProperties: [[name, name]] } as const;
      const bytes = publishPacket(5, name, payload, 0, true, properties);
      expect(toHex(bytes)).toBe(toHex(encode({ ...message(name, payload), retain: true, properties }, 5)));
    }),
  );
});

test("a list of properties that is empty, or has only undefined ones, is written as an empty list", () => {
  for (const properties of [undefined, {}, { contentType: undefined }, { userProperties: [] }])
    expect(toHex(publishPacket(5, "t", "x", 0, false, properties))).toBe("3005000174" + "0078");
});

/** Packets that are not allowed, the reason, and the code of the error. */
type Refusal = readonly [why: string, code: string, write: (version: SmallVersion) => unknown];

const connect = (fields: object) => (version: SmallVersion) => connectPacket(version, { ...connecting, ...fields });
const publish = (fields: { topic?: unknown; payload?: unknown; properties?: unknown }) => (version: SmallVersion) => {
  const { topic = "t", payload = none, properties } = fields;
  return publishPacket(version, topic as string, payload as string, 0, false, properties as PublishProperties);
};
const subscribe = (request: object) => (version: SmallVersion) =>
  subscribePacket(version, 1, [{ topicFilter: "f", qos: 0, ...request } as SubscriptionRequest], undefined);
const unsubscribe = (topicFilter: unknown) => (version: SmallVersion) =>
  unsubscribePacket(version, 1, [topicFilter as string]);

function faultOf(write: () => unknown): UsageError {
  try {
    write();
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
  return expect.unreachable("nothing was thrown");
}

const badStrings = [
  ["a lone high surrogate", "a\ud800"],
  ["a lone low surrogate", "\udc00b"],
  ["surrogates in the wrong order", "\udc00\ud800"],
  ["U+0000", "a\0b"],
  ["65,536 bytes", "x".repeat(65_536)],
  ["65,538 bytes in 21,846 characters", "€".repeat(21_846)],
  ["a number", 7],
  ["null", null],
  ["bytes", new Uint8Array(3)],
] as const;

describe.each([4, 5] as const)("on version %i", (version) => {
  describe.each(badStrings)("%s instead of a string", (_, bad) => {
    const places: readonly Refusal[] = [
      ["clientId", "STRING_INVALID", connect({ clientId: bad })],
      ["username", "STRING_INVALID", connect({ username: bad })],
      ["will.topic", "STRING_INVALID", connect({ will: { ...will, topic: bad } })],
      ["topic", "STRING_INVALID", publish({ topic: bad })],
      ["topicFilter", "STRING_INVALID", subscribe({ topicFilter: bad })],
      ["topicFilter", "STRING_INVALID", unsubscribe(bad)],
    ];
    test.each(places)("is refused as %s", (field, code, write) => {
      const { code: given, message } = faultOf(() => write(version));
      expect(given).toBe(code);
      expect(message).toContain(field);
      expect(message.length).toBeLessThan(200);
    });
  });

  const refusals: readonly Refusal[] = [
    ["payload", "PAYLOAD_INVALID", publish({ payload: "\ud800" })],
    ["payload", "PAYLOAD_INVALID", publish({ payload: 1 })],
    ["payload", "PAYLOAD_INVALID", publish({ payload: null })],
    ["payload", "PAYLOAD_INVALID", publish({ payload: [1] })],
    ["payload", "PAYLOAD_INVALID", publish({ payload: new Uint16Array(1) })],
    ["will.payload", "STRING_INVALID", connect({ will: { ...will, payload: 1 } })],
    ["will.payload", "STRING_INVALID", connect({ will: { ...will, payload: new Uint8Array(65_536) } })],
    ["password", "STRING_INVALID", connect({ username: "u", password: 1 })],
    ["password", "STRING_INVALID", connect({ username: "u", password: new Uint8Array(65_536) })],
    ["reason code", "PACKET_INVALID", () => disconnectPacket(version, 3)],
    ["reason code", "PACKET_INVALID", () => disconnectPacket(version, 256)],
    ["reason code", "PACKET_INVALID", () => disconnectPacket(version, -1)],
    ["reason code", "PACKET_INVALID", () => disconnectPacket(version, 0.5)],
    ["reason code", "PACKET_INVALID", () => disconnectPacket(version, 0x84)],
    ["reason code", "PACKET_INVALID", () => disconnectPacket(version, "4" as unknown as number)],
  ];
  test.each(refusals)("%s that breaks a rule is %s", (field, code, write) => {
    const { code: given, message } = faultOf(() => write(version));
    expect(given).toBe(code);
    expect(message).toContain(field);
  });
});

test("a payload may hold characters that a protocol string may not", () => {
  const bytes = publishPacket(4, "t", "a\0b", 0, false, undefined);
  expect(toHex(bytes)).toBe("3006000174610062");
});

test("a string of exactly 65,535 bytes is written", () => {
  for (const text of ["x".repeat(65_535), "€".repeat(21_845)])
    expect(publishPacket(5, text, none, 0, false, { contentType: text })).toEqual(
      encode({ ...publishing, topic: text, properties: { contentType: text } }, 5),
    );
});

test.each([
  ["noLocal on MQTT 3.1.1", 4, { noLocal: true }],
  ["retainAsPublished on MQTT 3.1.1", 4, { retainAsPublished: true }],
  ["retainHandling on MQTT 3.1.1", 4, { retainHandling: 1 }],
  ["noLocal on a shared subscription", 5, { topicFilter: "$share/g/f", noLocal: true }],
] as const)("%s is rejected, as by the full codec", (_, version, request) => {
  const subscriptions = [{ topicFilter: "f", qos: 1, ...request }] as const;
  const packet: Packet = { type: "subscribe", packetIdentifier: 1, subscriptions };
  for (const write of [() => subscribe({ qos: 1, ...request })(version), () => encode(packet, version)])
    expect(faultOf(write).code).toBe("PACKET_INVALID");
});

test("a password needs a username before MQTT 5", () => {
  expect(faultOf(() => connect({ password: "p" })(4))).toMatchObject({ code: "OPTION_INVALID" });
  expect(toHex(connect({ password: "p" })(5))).toBe("101100044d51545405" + "42003c00" + "000163" + "000170");
});

test("a password and a will's payload may be text", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const text = connect({ username: "u", password: "p€", will: { ...will, payload: "w€" } });
  const same = connect({ username: "u", password: bytes("p€"), will: { ...will, payload: bytes("w€") } });
  for (const version of [4, 5] as const) expect(toHex(text(version))).toBe(toHex(same(version)));
});

/** What the full codec writes, for servers and for the full client. */
const forOthers = [
  "publish subscriptionIdentifiers",
  "publish topicAlias",
  "connect topicAliasMaximum",
  "connect authenticationMethod",
];

/** Properties that are not allowed, and where. */
const badProperties: readonly (readonly [place: "connect" | "publish" | "will", name: string, value: unknown])[] = [
  ["publish", "colour", 1],
  ["publish", "constructor", 1],
  ["publish", "__proto__x", 1],
  ["publish", "reasonString", "r"],
  ["publish", "maximumQoS", 1],
  ["publish", "subscriptionIdentifiers", [1]],
  ["connect", "topicAlias", 1],
  ["connect", "contentType", "t"],
  ["will", "topicAlias", 1],
  ["will", "userProperty", []],
  ["publish", "topicAlias", 1],
  ["connect", "topicAliasMaximum", 0],
  ["connect", "authenticationMethod", ""],
  ["connect", "authenticationData", new Uint8Array()],
  ["connect", "receiveMaximum", 1.5],
  ["connect", "receiveMaximum", "1"],
  ["connect", "receiveMaximum", Number.NaN],
  ["connect", "receiveMaximum", null],
  ["publish", "messageExpiryInterval", 4_294_967_296],
  ["publish", "messageExpiryInterval", -1],
  ["publish", "messageExpiryInterval", true],
  ["publish", "messageExpiryInterval", 1n],
  ["publish", "payloadFormatIndicator", 2],
  ["publish", "payloadFormatIndicator", true],
  ["publish", "responseTopic", "a/#"],
  ["publish", "responseTopic", "+"],
  ["publish", "responseTopic", ""],
  ["publish", "userProperties", "a=b"],
  ["publish", "userProperties", { a: "b" }],
  ["publish", "userProperties", [["a"]]],
  ["publish", "userProperties", [["a", "b", "c"]]],
  ["publish", "userProperties", ["ab"]],
  ["publish", "userProperties", [null]],
  ["publish", "correlationData", "x"],
  ["publish", "correlationData", [1]],
  ["connect", "receiveMaximum", 0],
  ["connect", "receiveMaximum", 65_536],
  ["connect", "maximumPacketSize", 0],
  ["connect", "requestProblemInformation", 1],
  ["connect", "requestProblemInformation", 0],
  ["connect", "requestResponseInformation", "true"],
];
const badText: typeof badProperties = [
  ["publish", "responseTopic", 7],
  ["publish", "contentType", 5],
  ["publish", "contentType", new Uint8Array(1)],
  ["publish", "contentType", "\ud800"],
  ["publish", "contentType", "\0"],
  ["publish", "contentType", "x".repeat(65_536)],
  ["publish", "userProperties", [["a", 1]]],
  ["publish", "userProperties", [["\0", "b"]]],
  ["publish", "correlationData", new Uint8Array(65_536)],
];

describe.each([
  ["PROPERTY_INVALID", badProperties],
  ["STRING_INVALID", badText],
] as const)("a property is refused with %s", (code, cases) => {
  test.each(cases.map((each, i) => [i, ...each] as const))("case %i, %s: %s", (_, place, name, value) => {
    const properties = { [name]: value } as ConnectProperties & PublishProperties;
    const write = {
      connect: () => connect({ properties })(5),
      will: () => connect({ will: { ...will, properties } })(5),
      publish: () => publish({ properties })(5),
    }[place];
    const fault = faultOf(write);
    expect(fault.code).toBe(code);
    expect(fault.message).toContain(name);
    expect(fault.message).toContain(place);
    if (forOthers.includes(`${place} ${name}`)) return;
    const carrier: Packet =
      place === "publish"
        ? { ...publishing, properties }
        : {
            type: "connect",
            protocolVersion: 5,
            clientId: "c",
            cleanStart: true,
            keepAlive: 0,
            ...(place === "will" ? { will: { ...will, properties } } : { properties }),
          };
    expect(() => encode(carrier, 5)).toThrow(UsageError);
  });
});

test("no error shows a credential", () => {
  const secret = "hunter2";
  for (const fields of [
    { username: `${secret}\0` },
    { username: "u", password: `${secret}\0` },
    { username: "u", password: { secret } },
    { password: secret },
  ])
    expect(faultOf(() => connect(fields)(4)).message).not.toContain(secret);
});

test("a packet with more than 268,435,455 bytes after its header is rejected", () => {
  const payload = new Uint8Array(268_435_455 - 3);
  expect(() => publishPacket(4, "t", payload, 1, false, undefined)).toThrow(
    expect.objectContaining({ name: "UsageError", code: "PACKET_INVALID" }),
  );
});
