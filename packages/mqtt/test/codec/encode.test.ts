import { encode, type Packet, type ProtocolVersion } from "@aiko/mqtt/codec";
import { describe, expect, test } from "vitest";
import { PUBACK, PUBCOMP, PUBREC, PUBREL, writeAcknowledgement } from "../../src/codec/encode.ts";
import { OutputBuffer } from "../../src/codec/output-buffer.ts";
import { assertPayload } from "../../src/codec/publish-coder.ts";
import { decodeOne, faultOf } from "./decoding.ts";
import { fromHex, toHex } from "./vectors.ts";

const versions: readonly ProtocolVersion[] = [3, 4, 5];

describe.each(versions)("on version %i", (version) => {
  test.each([
    ["puback", "40", PUBACK],
    ["pubrec", "50", PUBREC],
    ["pubrel", "62", PUBREL],
    ["pubcomp", "70", PUBCOMP],
  ] as const)(
    "a successful %s takes four bytes, from a packet object and from the direct function",
    (type, first, firstByte) => {
      expect(toHex(encode({ type, packetIdentifier: 0xabcd, reasonCode: 0 }, version))).toBe(`${first}02abcd`);
      const out = new OutputBuffer();
      writeAcknowledgement(out, firstByte, 0xabcd);
      expect(out.take().map(toHex)).toEqual([`${first}02abcd`]);
    },
  );

  test("DISCONNECT, PINGREQ and PINGRESP take two bytes", () => {
    expect(toHex(encode({ type: "disconnect", reasonCode: 0 }, version))).toBe("e000");
    expect(toHex(encode({ type: "pingreq" }, version))).toBe("c000");
    expect(toHex(encode({ type: "pingresp" }, version))).toBe("d000");
  });

  test("a big payload, which is sent by reference, is in the one array that encode returns", () => {
    const payload = new Uint8Array(40_000).fill(9);
    const fields = { topic: "t", qos: 1, packetIdentifier: 7, retain: false, dup: false } as const;
    const bytes = encode({ type: "publish", ...fields, payload }, version);
    expect(decodeOne(version, bytes)).toMatchObject({ ...fields, payload });
    expect(bytes.buffer.byteLength).toBe(bytes.length);
  });
});

test("optional fields of MQTT 5 that are empty are left out", () => {
  const puback = { type: "puback", packetIdentifier: 1 } as const;
  expect(toHex(encode({ ...puback, reasonCode: 0x10 }, 5))).toBe("4003000110");
  expect(toHex(encode({ ...puback, reasonCode: 0, properties: {} }, 5))).toBe("400400010000");
  expect(toHex(encode({ type: "disconnect", reasonCode: 0x8e }, 5))).toBe("e0018e");
  expect(toHex(encode({ type: "auth", reasonCode: 0 }, 5))).toBe("f000");
});

test("an undefined property counts as not set", () => {
  const properties = { topicAlias: undefined, contentType: "text" } as unknown as { contentType: string };
  const bytes = encode({ ...publish, properties } as Packet, 5);
  expect(decodeOne(5, bytes)).toMatchObject({ properties: { contentType: "text" } });
});

test("CONNACK of MQTT 3.1 has no session present flag", () => {
  expect(toHex(encode({ type: "connack", sessionPresent: true, reasonCode: 0 }, 3))).toBe("20020000");
  expect(decodeOne(3, fromHex("20020100"))).toMatchObject({ sessionPresent: false });
});

const none = new Uint8Array();
const connect = { type: "connect", clientId: "c", cleanStart: true, keepAlive: 60 };
const will = { topic: "w", payload: none, qos: 0, retain: false };
const publish = { type: "publish", topic: "t", payload: none, qos: 0, retain: false, dup: false, packetIdentifier: 0 };
const subscribe = { type: "subscribe", packetIdentifier: 1, subscriptions: [{ topicFilter: "f", qos: 0 }] };
const unsubscribe = { type: "unsubscribe", packetIdentifier: 1, topicFilters: ["f"] };
const suback = { type: "suback", packetIdentifier: 1, reasonCodes: [0] };
const connack = { type: "connack", sessionPresent: false, reasonCode: 0 };
const puback = { type: "puback", packetIdentifier: 1, reasonCode: 0 };
const long = "x".repeat(65_536);

type Refusal = readonly [version: ProtocolVersion, packet: object, code: string, ...words: string[]];

/** Each with the required parts of the message: field, value and rule. */
const refusals: Record<string, readonly Refusal[]> = {
  "a type": [
    [5, { type: "subscrbe" }, "PACKET_INVALID", '"subscrbe"', "version 5"],
    [5, {}, "PACKET_INVALID", '"undefined"'],
    [4, { type: "auth", reasonCode: 0 }, "PACKET_INVALID", '"auth"', "version 4"],
  ],
  "a packet identifier": [0, -1, 65_536, 1.5, Number.NaN, undefined].flatMap((packetIdentifier) =>
    [{ ...publish, qos: 1 }, puback, { ...puback, type: "pubrel" }, subscribe, unsubscribe, suback].map(
      (packet): Refusal => [
        4,
        { ...packet, packetIdentifier },
        "PACKET_INVALID",
        `${packet.type}: packetIdentifier ${packetIdentifier}`,
        "MQTT-2.3.1-1",
      ],
    ),
  ),
  "a PUBLISH": [
    [4, { ...publish, packetIdentifier: 1 }, "PACKET_INVALID", "packetIdentifier 1", "0 at QoS 0"],
    [4, { ...publish, qos: 3, packetIdentifier: 1 }, "PACKET_INVALID", "qos 3", "0, 1 or 2"],
    [5, { ...publish, qos: "1" }, "PACKET_INVALID", "qos 1"],
    [4, { ...publish, dup: true }, "PACKET_INVALID", "dup", "QoS 0"],
    [4, { ...publish, topic: "" }, "TOPIC_NAME_INVALID", 'topicName ""', "must not be empty"],
    [5, { ...publish, topic: "" }, "TOPIC_NAME_INVALID", 'topicName ""', "must not be empty"],
    [4, { ...publish, topic: "", properties: { topicAlias: 1 } }, "TOPIC_NAME_INVALID", "must not be empty"],
    [5, { ...publish, topic: "", properties: { contentType: "x" } }, "TOPIC_NAME_INVALID", "must not be empty"],
    [4, { ...publish, topic: "a/+" }, "TOPIC_NAME_INVALID", 'topicName "a/+"', 'wildcard "+"'],
    [4, { ...publish, topic: "a\0" }, "TOPIC_NAME_INVALID", 'topicName "a\\u0000"', "U+0000"],
    [4, { ...publish, topic: "\ud800" }, "TOPIC_NAME_INVALID", "topicName", "surrogates"],
    [4, { ...publish, topic: long }, "TOPIC_NAME_INVALID", "65536 bytes", "65535"],
    [3, { ...publish, topic: "x".repeat(32_768) }, "TOPIC_NAME_INVALID", "topicName", "32768", "32,767"],
    [4, { ...publish, topic: 5 }, "TOPIC_NAME_INVALID", "topicName", "not 5"],
    [4, { ...publish, payload: "\udc00" }, "PAYLOAD_INVALID", "payload", "surrogates"],
    [4, { ...publish, payload: [1] }, "PAYLOAD_INVALID", "payload", "Uint8Array", "JSON.stringify"],
    [4, { ...publish, payload: new Uint8Array(268_435_453) }, "PACKET_INVALID", "payload", "268435453", "268,435,455"],
  ],
  "a CONNECT": [
    [3, { ...connect, clientId: "" }, "CLIENT_ID_INVALID", 'clientId ""', "0 characters", "1 to 23"],
    [3, { ...connect, clientId: "x".repeat(24) }, "CLIENT_ID_INVALID", "clientId", "24 characters", "1 to 23"],
    [4, { ...connect, clientId: "", cleanStart: false }, "CLIENT_ID_INVALID", 'clientId ""', "cleanStart false"],
    [4, { ...connect, clientId: "a\0" }, "STRING_INVALID", 'clientId "a\\u0000"', "U+0000"],
    [4, { ...connect, clientId: long }, "STRING_INVALID", "clientId", "65536 bytes", "65535"],
    [5, { ...connect, clientId: undefined }, "STRING_INVALID", "clientId", "not undefined"],
    ...[-1, 65_536, 0.5, Number.NaN].map(
      (keepAlive): Refusal => [4, { ...connect, keepAlive }, "OPTION_INVALID", `keepAlive ${keepAlive}`, "65,535"],
    ),
    [4, { ...connect, password: none }, "OPTION_INVALID", "password", "username"],
    [4, { ...connect, username: "u", password: new Uint8Array(65_536) }, "PACKET_INVALID", "password", "65536 bytes"],
    [4, { ...connect, username: "u", password: "p" }, "PACKET_INVALID", "password", "Uint8Array", "string"],
    [4, { ...connect, username: "u\0" }, "STRING_INVALID", "username", "U+0000"],
    [4, { ...connect, will: { ...will, topic: "#" } }, "TOPIC_NAME_INVALID", 'will topic "#"', "wildcard"],
    [4, { ...connect, will: { ...will, topic: "" } }, "TOPIC_NAME_INVALID", 'will topic ""', "must not be empty"],
    [4, { ...connect, will: { ...will, qos: 3 } }, "PACKET_INVALID", "will qos 3", "0, 1 or 2"],
    [4, { ...connect, will: { ...will, payload: "gone" } }, "PACKET_INVALID", "will payload", "Uint8Array"],
    [4, { ...connect, protocolVersion: 5 }, "PACKET_INVALID", "protocolVersion 5", "4"],
    [4, { ...connect, omitted: { username: true, password: false } }, "PACKET_INVALID", "omitted username", "3.1"],
    [5, { ...connect, omitted: { username: false, password: true } }, "PACKET_INVALID", "omitted password", "3.1"],
    [3, { ...connect, omitted: { username: false, password: true } }, "PACKET_INVALID", "omitted password", "3.1"],
    [3, { ...connect, username: "u", omitted: { username: true } }, "PACKET_INVALID", "omitted username", "absent"],
  ],
  "a CONNACK": [
    [5, { ...connack, reasonCode: 1 }, "PACKET_INVALID", "connack", "0x01"],
    [5, { ...connack, reasonCode: 0x8e }, "PACKET_INVALID", "connack", "0x8E (Session taken over)"],
    [4, { ...connack, reasonCode: 6 }, "PACKET_INVALID", "connack", "return code 6", "0 … 5"],
    [4, { ...connack, reasonCode: 0x87 }, "PACKET_INVALID", "connack", "return code 135", "MQTT 5"],
    [3, { ...connack, reasonCode: -1 }, "PACKET_INVALID", "return code -1"],
    [4, { ...connack, reasonCode: 0.5 }, "PACKET_INVALID", "return code 0.5"],
    [4, { ...connack, reasonCode: 5, sessionPresent: true }, "PACKET_INVALID", "sessionPresent", "reasonCode 5"],
  ],
  "a SUBSCRIBE or UNSUBSCRIBE": [
    [4, { ...subscribe, subscriptions: [] }, "PACKET_INVALID", "subscriptions", "must not be empty"],
    [5, { ...unsubscribe, topicFilters: [] }, "PACKET_INVALID", "topicFilters", "must not be empty"],
    [4, { ...subscribe, subscriptions: [{ topicFilter: "f", qos: 3 }] }, "PACKET_INVALID", "qos 3", "0, 1 or 2"],
    [4, { ...subscribe, subscriptions: [{ topicFilter: "a/#/b", qos: 0 }] }, "TOPIC_FILTER_INVALID", '"a/#/b"', '"#"'],
    [4, { ...unsubscribe, topicFilters: ["a+"] }, "TOPIC_FILTER_INVALID", '"a+"', '"+" must be the only character'],
    [4, { ...unsubscribe, topicFilters: [null] }, "TOPIC_FILTER_INVALID", "topicFilter", "not null"],
    [4, { ...unsubscribe, topicFilters: [long] }, "TOPIC_FILTER_INVALID", "65536 bytes", "65535"],
    [5, { ...subscribe, dup: true }, "PACKET_INVALID", "dup", "3.1"],
    [4, { ...unsubscribe, dup: true }, "PACKET_INVALID", "dup", "3.1"],
    [4, { ...puback, type: "pubrel", dup: true }, "PACKET_INVALID", "pubrel: dup", "3.1"],
    ...(
      [
        [4, { noLocal: true }, "noLocal true requires MQTT 5"],
        [4, { retainAsPublished: true }, "retainAsPublished true requires MQTT 5"],
        [3, { retainHandling: 2 }, "retainHandling 2 requires MQTT 5"],
        [5, { retainHandling: 3 }, "retainHandling 3 must be 0, 1 or 2"],
        [5, { topicFilter: "$share/g/f", noLocal: true }, "noLocal must not be set on a shared subscription"],
      ] as const
    ).map(
      ([version, options, words]): Refusal => [
        version,
        { ...subscribe, subscriptions: [{ topicFilter: "f", qos: 0, ...options }] },
        "PACKET_INVALID",
        words,
      ],
    ),
  ],
  "an acknowledgement": [
    [5, { ...suback, reasonCodes: [] }, "PACKET_INVALID", "suback: reasonCodes", "must not be empty"],
    [
      5,
      { ...suback, type: "unsuback", reasonCodes: [] },
      "PACKET_INVALID",
      "unsuback: reasonCodes",
      "must not be empty",
    ],
    [5, { ...suback, reasonCodes: [3] }, "PACKET_INVALID", "suback", "0x03"],
    [4, { ...suback, reasonCodes: [0x87] }, "PACKET_INVALID", "suback", "0x87 (Not authorized)"],
    [4, { ...puback, reasonCode: 0x10 }, "PACKET_INVALID", "puback: reasonCode 16", "MQTT 5"],
    [3, { type: "disconnect", reasonCode: 4 }, "PACKET_INVALID", "disconnect: reasonCode 4", "MQTT 5"],
    [5, { ...puback, reasonCode: 0x92 }, "PACKET_INVALID", "puback", "0x92 (Packet Identifier not found)"],
    [5, { ...puback, reasonCode: 256 }, "PACKET_INVALID", "puback", "0x100"],
  ],
  "a property": [
    [5, { ...publish, properties: { colour: 1 } }, "PROPERTY_INVALID", 'publish: unknown property "colour"'],
    [5, { ...publish, properties: { constructor: 1 } }, "PROPERTY_INVALID", 'unknown property "constructor"'],
    [
      5,
      { ...publish, properties: { reasonString: "r" } },
      "PROPERTY_INVALID",
      'publish: property "reasonString"',
      "puback",
    ],
    [
      5,
      { ...connect, will: { ...will, properties: { topicAlias: 1 } } },
      "PROPERTY_INVALID",
      'will: property "topicAlias"',
    ],
    ...(
      [
        [publish, "topicAlias", 0, "from 1 to 65535"],
        [publish, "topicAlias", 65_536, "from 1 to 65535"],
        [publish, "topicAlias", 1.5, "from 1 to 65535"],
        [publish, "topicAlias", "1", "from 1 to 65535"],
        [publish, "messageExpiryInterval", 4_294_967_296, "from 0 to 4294967295"],
        [publish, "messageExpiryInterval", -1, "from 0 to 4294967295"],
        [publish, "payloadFormatIndicator", 2, "from 0 to 1"],
        [publish, "responseTopic", "a/#", 'wildcard "#"'],
        [publish, "responseTopic", "", "must not be empty"],
        [publish, "responseTopic", 7, "must be a string"],
        [publish, "subscriptionIdentifiers", 1, "must be an array"],
        [publish, "userProperties", "a=b", "must be an array"],
        [subscribe, "subscriptionIdentifier", 0, "from 1 to 268435455"],
        [subscribe, "subscriptionIdentifier", 268_435_456, "from 1 to 268435455"],
        [connect, "receiveMaximum", 0, "from 1 to 65535"],
        [connect, "maximumPacketSize", 0, "from 1 to 4294967295"],
        [connect, "requestProblemInformation", 1, "true or false"],
        [connack, "maximumQoS", 2, "from 0 to 1"],
        [connack, "retainAvailable", 0, "true or false"],
      ] as const
    ).map(
      ([packet, name, value, rule]): Refusal => [
        5,
        { ...packet, properties: { [name]: value } },
        "PROPERTY_INVALID",
        `${packet.type}: property "${name}" is ${typeof value === "string" ? `"${value}"` : value}`,
        rule,
      ],
    ),
    [5, { ...publish, properties: { subscriptionIdentifiers: [1, 0] } }, "PROPERTY_INVALID", "is 0", "from 1"],
    [5, { ...publish, properties: { userProperties: [["a"]] } }, "PROPERTY_INVALID", "userProperties", "pairs"],
    [5, { ...publish, properties: { userProperties: ["ab"] } }, "PROPERTY_INVALID", "userProperties", "pairs"],
    [5, { ...publish, properties: { userProperties: [["a", 1]] } }, "STRING_INVALID", "userProperties value", "not 1"],
    [
      5,
      { ...publish, properties: { userProperties: [["\0", "b"]] } },
      "STRING_INVALID",
      "userProperties name",
      "U+0000",
    ],
    [5, { ...publish, properties: { contentType: "\ud800" } }, "STRING_INVALID", "publish: contentType", "surrogates"],
    [5, { ...publish, properties: { contentType: 5 } }, "STRING_INVALID", "publish: contentType", "not 5"],
    [
      5,
      { ...publish, properties: { correlationData: "x" } },
      "PACKET_INVALID",
      "publish: correlationData",
      "Uint8Array",
    ],
    [
      5,
      { ...connect, properties: { authenticationData: none } },
      "PROPERTY_INVALID",
      "authenticationData",
      "authenticationMethod",
    ],
  ],
};

describe.each(Object.entries(refusals))("%s that breaks a rule is refused", (_, cases) => {
  test.each(cases.map((each, i) => [i, ...each.slice(3), each] as const))("case %i: %s", (...parts) => {
    const [version, packet, code, ...words] = parts.at(-1) as unknown as Refusal;
    const full = { protocolVersion: version, ...packet } as unknown as Packet;
    try {
      encode(full, version);
    } catch (error) {
      expect(error).toMatchObject({ name: "UsageError", code });
      for (const word of words) expect((error as Error).message).toContain(word);
      expect((error as Error).message.length).toBeLessThan(300);
      return;
    }
    expect.unreachable("nothing was thrown");
  });
});

test("a payload may be text, which is checked", () => {
  expect(() => assertPayload("žlutý 𝄞")).not.toThrow();
  expect(() => assertPayload(none)).not.toThrow();
  const complaint = expect.objectContaining({ name: "UsageError", code: "PAYLOAD_INVALID" });
  for (const wrong of ["\ud800", undefined, 1, [1]]) expect(() => assertPayload(wrong as string)).toThrow(complaint);
});

test("no error shows a credential", () => {
  const secret = "hunter2";
  const packets = [
    { ...connect, protocolVersion: 4, username: `${secret}\0`, password: none },
    { ...connect, protocolVersion: 4, username: "u", password: secret },
    { ...connect, protocolVersion: 4, password: new TextEncoder().encode(secret) },
    { ...connect, protocolVersion: 5, properties: { authenticationMethod: "m", authenticationData: secret } },
    { ...connect, protocolVersion: 5, properties: { authenticationData: new TextEncoder().encode(secret) } },
  ];
  for (const packet of packets) {
    const version = packet.protocolVersion as ProtocolVersion;
    expect(() => encode(packet as unknown as Packet, version)).toThrow(expect.objectContaining({ name: "UsageError" }));
    expect(() => encode(packet as unknown as Packet, version)).not.toThrow(secret);
  }
});

describe("CONNECT of MQTT 3.1", () => {
  const both = fromHex("100f 0006 4d5149736470 03 c2 003c 0001 63");
  const nameOnly = fromHex("1012 0006 4d5149736470 03 c2 003c 0001 63 0001 75");

  test("may announce credentials and end before them, and is encoded the same way", () => {
    expect(decodeOne(3, both)).toMatchObject({ username: undefined, omitted: { username: true, password: true } });
    expect(decodeOne(3, nameOnly)).toMatchObject({ username: "u", omitted: { username: false, password: true } });
    for (const bytes of [both, nameOnly]) expect(toHex(encode(decodeOne(3, bytes), 3))).toBe(toHex(bytes));
  });

  test("may have a long client identifier if the limits allow it, but never an empty one", () => {
    const long = fromHex(`1026 0006 4d5149736470 03 02 003c 0018 ${"61".repeat(24)}`);
    const empty = fromHex("100e 0006 4d5149736470 03 02 003c 0000");
    expect(faultOf("any", [long])).toMatchObject({ code: "CLIENT_IDENTIFIER_REFUSED", reasonCode: 0x85 });
    expect(decodeOne("any", long, { longClientIdentifiers: true })).toMatchObject({ clientId: "a".repeat(24) });
    expect(faultOf("any", [empty], { longClientIdentifiers: true }).reasonCode).toBe(0x85);
  });

  test("may set the connect flag that later versions reserve", () => {
    expect(decodeOne(3, fromHex("100f 0006 4d5149736470 03 03 003c 0001 63"))).toMatchObject({ cleanStart: true });
  });
});

describe("DUP of MQTT 3.1", () => {
  test.each([
    ["pubrel", "6a02 0001"],
    ["subscribe", "8a06 0001 0001 61 00"],
    ["unsubscribe", "aa05 0001 0001 61"],
  ])("on %s is kept", (type, hex) => {
    const packet = decodeOne(3, fromHex(hex));
    expect(packet).toMatchObject({ type, dup: true });
    expect(toHex(encode(packet, 3))).toBe(toHex(fromHex(hex)));
    expect(faultOf(4, [fromHex(hex)]).reasonCode).toBe(0x81);
  });
});

test("MQTT 3.1 refuses a topic name of 32,768 characters and accepts one less", () => {
  const packet = (length: number) => encode({ ...publish, topic: "x".repeat(length) } as Packet, 4);
  expect(decodeOne(3, packet(32_767))).toMatchObject({ type: "publish" });
  expect(faultOf(3, [packet(32_768)])).toMatchObject({ reasonCode: 0x82 });
});

test("an invalid topic name is refused each time, alone and after valid ones", () => {
  const publish = (topic: string): Packet => ({
    type: "publish",
    topic,
    payload: new Uint8Array(1),
    qos: 0,
    retain: false,
    dup: false,
    packetIdentifier: 0,
  });
  for (const topic of ["a/b", "a/#", "a/#", "a/#", "a/b", "a/b", "a/b", "\ud800", "\ud800", "\ud800", "", "", ""]) {
    if (topic === "a/b") expect(toHex(encode(publish(topic), 4))).toBe("30060003612f6200");
    else expect(() => encode(publish(topic), 4)).toThrow(/topicName/);
  }
});
