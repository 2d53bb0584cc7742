/** Messages and their octets, written by hand from the tables of the specification [SN 5.2 to 5.5]. */

import type { SnPacket } from "../../../src/sn/packets.ts";

const bytes = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const no = { dup: false, retain: false } as const;

export const vectors: readonly (readonly [hex: string, packet: SnPacket])[] = [
  ["05 00 07 03 84", { type: "advertise", gatewayId: 7, duration: 900 }],
  ["03 01 02", { type: "searchgw", radius: 2 }],
  ["03 02 07", { type: "gwinfo", gatewayId: 7 }],
  ["05 02 07 0a 01", { type: "gwinfo", gatewayId: 7, gatewayAddress: Uint8Array.of(10, 1) }],
  [
    "08 04 0c 01 00 3c 6e 31",
    { type: "connect", will: true, cleanSession: true, protocolId: 1, duration: 60, clientId: "n1" },
  ],
  [
    "06 04 00 01 ff ff",
    { type: "connect", will: false, cleanSession: false, protocolId: 1, duration: 65_535, clientId: "" },
  ],
  ["03 05 03", { type: "connack", returnCode: 3 }],
  ["02 06", { type: "willtopicreq" }],
  ["05 07 30 77 74", { type: "willtopic", will: { topic: "wt", qos: 1, retain: true } }],
  ["02 07", { type: "willtopic" }],
  ["02 08", { type: "willmsgreq" }],
  ["06 09 67 6f 6e 65", { type: "willmsg", message: bytes("gone") }],
  ["02 09", { type: "willmsg", message: bytes("") }],
  ["09 0a 00 00 00 01 61 2f 62", { type: "register", topicId: 0, messageId: 1, topicName: "a/b" }],
  ["07 0b 00 02 00 01 00", { type: "regack", topicId: 2, messageId: 1, returnCode: 0 }],
  [
    "09 0c 20 00 02 12 34 68 69",
    { type: "publish", ...no, qos: 1, topic: { kind: "normal", id: 2 }, messageId: 0x1234, data: bytes("hi") },
  ],
  [
    "08 0c d1 00 02 00 07 00",
    {
      type: "publish",
      dup: true,
      qos: 2,
      retain: true,
      topic: { kind: "predefined", id: 2 },
      messageId: 7,
      data: Uint8Array.of(0),
    },
  ],
  [
    "07 0c 62 61 62 00 00",
    { type: "publish", ...no, qos: -1, topic: { kind: "short", name: "ab" }, messageId: 0, data: bytes("") },
  ],
  ["07 0d 61 62 00 07 02", { type: "puback", topicId: 0x6162, messageId: 7, returnCode: 2 }],
  ["04 0e 00 07", { type: "pubcomp", messageId: 7 }],
  ["04 0f 00 07", { type: "pubrec", messageId: 7 }],
  ["04 10 00 07", { type: "pubrel", messageId: 7 }],
  [
    "08 12 20 00 05 61 2f 23",
    { type: "subscribe", dup: false, qos: 1, topic: { kind: "normal", name: "a/#" }, messageId: 5 },
  ],
  [
    "07 12 c1 00 05 00 09",
    { type: "subscribe", dup: true, qos: 2, topic: { kind: "predefined", id: 9 }, messageId: 5 },
  ],
  [
    "07 12 02 00 05 61 62",
    { type: "subscribe", dup: false, qos: 0, topic: { kind: "short", name: "ab" }, messageId: 5 },
  ],
  ["08 13 40 00 00 00 05 00", { type: "suback", qos: 2, topicId: 0, messageId: 5, returnCode: 0 }],
  ["06 14 00 00 06 61", { type: "unsubscribe", topic: { kind: "normal", name: "a" }, messageId: 6 }],
  ["07 14 01 00 06 00 09", { type: "unsubscribe", topic: { kind: "predefined", id: 9 }, messageId: 6 }],
  ["04 15 00 06", { type: "unsuback", messageId: 6 }],
  ["02 16", { type: "pingreq" }],
  ["04 16 6e 31", { type: "pingreq", clientId: "n1" }],
  ["02 17", { type: "pingresp" }],
  ["02 18", { type: "disconnect" }],
  ["04 18 0e 10", { type: "disconnect", duration: 3600 }],
  ["04 1a 40 77", { type: "willtopicupd", will: { topic: "w", qos: 2, retain: false } }],
  ["02 1a", { type: "willtopicupd" }],
  ["03 1b 00", { type: "willtopicresp", returnCode: 0 }],
  ["03 1c 67", { type: "willmsgupd", message: bytes("g") }],
  ["03 1d 01", { type: "willmsgresp", returnCode: 1 }],
];

/** Datagrams that are not a message, and a word of the reason. */
export const malformed: readonly (readonly [what: string, hex: string, reason: RegExp])[] = [
  ["no octet", "", /too few/],
  ["one octet", "02", /too few/],
  ["the length 0", "00 17", /length is 0/],
  ["the length 0 and nothing else", "00", /too few/],
  ["a 3-octet length without its end", "01 00 04", /too few/],
  ["a 3-octet length of 0", "01 00 00 17", /length is 0/],
  ["a length that is too long", "03 17", /length is 3/],
  ["a length that is too short", "02 17 00", /length is 2/],
  ["two messages", "02 17 02 17", /length is 2/],
  ["the reserved type 03", "02 03", /0x03 is reserved/],
  ["the reserved type 11", "04 11 00 01", /0x11 is reserved/],
  ["the reserved type 19", "02 19", /0x19 is reserved/],
  ["the reserved type 1E", "02 1e", /0x1E is reserved/],
  ["the reserved type FF", "02 ff", /0xFF is reserved/],
  ["an ADVERTISE with half a duration", "04 00 07 03", /Duration is missing/],
  ["an ADVERTISE with an octet too many", "06 00 07 03 84 00", /1 too many/],
  ["a CONNECT without a duration", "05 04 00 01 00", /Duration is missing/],
  ["a client identifier that is not UTF-8", "07 04 00 01 00 3c ff", /ClientId is not well-formed/],
  ["a CONNACK without a code", "02 05", /ReturnCode is missing/],
  ["a WILLTOPICREQ with something", "03 06 00", /1 too many/],
  ["a WILLTOPIC with flags only", "03 07 20", /WillTopic must not be empty/],
  ["a WILLTOPIC at QoS -1", "04 07 60 77", /QoS -1/],
  ["a topic of a will that is not UTF-8", "04 07 00 c0", /WillTopic is not well-formed/],
  ["a REGISTER of the identifier FFFF", "07 0a ff ff 00 01 61", /0xFFFF/],
  ["a REGISTER of a name that is not UTF-8", "07 0a 00 00 00 01 c3", /TopicName is not well-formed/],
  ["a PUBLISH with the topic type 3", "07 0c 03 00 01 00 00", /0b11 is reserved/],
  ["a PUBLISH to the identifier 0", "07 0c 00 00 00 00 00", /0x0000/],
  ["a PUBLISH to the predefined identifier FFFF", "07 0c 01 ff ff 00 00", /0xFFFF/],
  ["a PUBLISH to a short name that is not UTF-8", "07 0c 02 61 ff 00 00", /short topic name/],
  ["a PUBLISH without a message identifier", "06 0c 00 00 01 00", /MsgId is missing/],
  ["a SUBSCRIBE at QoS -1", "06 12 60 00 01 61", /QoS -1/],
  ["a SUBSCRIBE with the topic type 3", "07 12 03 00 01 00 01", /0b11 is reserved/],
  ["a SUBSCRIBE to one octet of a short name", "06 12 02 00 01 61", /two octets/],
  ["a SUBSCRIBE to three octets of a short name", "08 12 02 00 01 61 62 63", /1 too many/],
  ["a SUBSCRIBE to the predefined identifier 0", "07 12 01 00 01 00 00", /0x0000/],
  ["a SUBACK with QoS -1", "08 13 60 00 01 00 05 00", /QoS -1/],
  ["a DISCONNECT with one octet of a duration", "03 18 00", /two octets/],
  ["a DISCONNECT with three octets", "05 18 00 01 02", /1 too many/],
  ["an encapsulation without an address", "03 fe 00 02 17", /no address/],
  ["an encapsulation of length 0", "00 fe 00 02 17", /no address/],
  ["an encapsulation without a message", "04 fe 00 01", /no message/],
  ["an encapsulation that is longer than the datagram", "09 fe 00 01 02 17", /no message/],
  ["an encapsulation in an encapsulation", "04 fe 00 01 04 fe 00 02 02 17", /another/],
  ["an encapsulation with a 3-octet length", "01 00 06 fe 00 01", /3-octet length/],
  ["an encapsulation of half a message", "04 fe 00 01 02", /too few/],
];

export function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.replaceAll(" ", ""), "hex"));
}
