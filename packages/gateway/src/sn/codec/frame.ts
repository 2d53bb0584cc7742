/**
 * Messages of MQTT-SN as bytes, and back: one datagram is one message [SN 5.2], with or without the encapsulation of a
 * forwarder [SN 5.5]. Knows nothing of sessions, and not which side may send which message.
 */

import { UsageError } from "@aiko/mqtt";
import type { Encapsulation, SnPacket } from "../packets.js";
import type { Draft } from "./field.js";
import { ENCAPSULATION, messageOfCode, messageOfType } from "./messages.js";
import { OctetReader, OctetWriter } from "./octets.js";

/** What the bytes of a datagram are: a message, or the reason why they are not. */
export type DecodedFrame =
  | {
      readonly packet: SnPacket;
      /** What a forwarder added; absent if the client itself sent the message. */
      readonly encapsulation?: Encapsulation | undefined;
      readonly malformed?: undefined;
    }
  | {
      readonly packet?: undefined;
      /** The rule that the bytes break, in words. */
      readonly malformed: string;
      /** The octet of the message's type, if the bytes are long enough to have one. */
      readonly messageType?: number | undefined;
      /**
       * The message identifier, if it was read before the rule was broken: REGISTER and SUBSCRIBE with a name that is not
       * well-formed UTF-8 can be answered.
       */
      readonly messageId?: number | undefined;
      readonly encapsulation?: Encapsulation | undefined;
    };

/** In a length's first octet: two octets with the length follow. */
const LONG = 0x01;
/** The most octets of a message whose length has one octet. */
const SHORT_LIMIT = 0xff;
const LIMIT = 0xffff;
/** The octets before the address in an encapsulation: length, type and control. */
const ENCAPSULATION_HEADER = 3;
const RADIUS = 0x03;
const MOST_ADDRESS = SHORT_LIMIT - ENCAPSULATION_HEADER;
const NESTED = "an encapsulation must neither contain another nor have a 3-octet length [SN 5.5]";

/**
 * Decodes the bytes of one datagram. Never throws. The packet does not share memory with `bytes`. Bits and the 3-octet
 * length that a message does not need are accepted. All else that does not follow the specification is malformed.
 */
export function decodeFrame(bytes: Uint8Array): DecodedFrame {
  if (bytes[1] !== ENCAPSULATION || bytes[0] === LONG) return decodeMessage(bytes, 0);
  const length = bytes[0] as number;
  const malformed = (rule: string): DecodedFrame => ({ malformed: rule, messageType: ENCAPSULATION });
  if (length <= ENCAPSULATION_HEADER) {
    return malformed(`an encapsulation of ${length} octets has no address of the wireless node [SN 5.5]`);
  }
  if (length >= bytes.length) {
    return malformed(`an encapsulation of ${length} octets in a datagram of ${bytes.length} has no message [SN 5.5]`);
  }
  const wirelessNodeId = new Uint8Array(bytes.subarray(ENCAPSULATION_HEADER, length));
  const encapsulation = { wirelessNodeId, radius: (bytes[2] as number) & RADIUS };
  return { ...decodeMessage(bytes, length), encapsulation };
}

/** Decodes the message that begins at `start` and must end where the bytes end. */
function decodeMessage(bytes: Uint8Array, start: number): DecodedFrame {
  const size = bytes.length - start;
  const header = bytes[start] === LONG ? 4 : 2;
  if (size < header) return { malformed: `${size} octets are too few for length and type [SN 5.2]` };
  const messageType = bytes[start + header - 1] as number;
  if (messageType === ENCAPSULATION) return { malformed: NESTED, messageType };
  const reader = new OctetReader(bytes, start + header, bytes.length);
  const length = header === 2 ? (bytes[start] as number) : new OctetReader(bytes, start + 1, start + 3).number(2);
  if (length !== size) {
    return { malformed: `the length is ${length}, but there are ${size} octets [SN 5.2.1]`, messageType };
  }
  const message = messageOfCode(messageType);
  if (message === undefined) {
    const octet = `0x${messageType.toString(16).padStart(2, "0").toUpperCase()}`;
    return { malformed: `the type ${octet} is reserved [SN 5.2.2]`, messageType };
  }
  const draft: Draft = { type: message.type };
  const malformed = (rule: string): DecodedFrame => {
    const { messageId } = draft as { messageId?: number };
    return { malformed: `${message.type}: ${rule}`, messageType, ...(messageId === undefined ? {} : { messageId }) };
  };
  for (const field of message.fields) {
    if (reader.left < field.size) return malformed(`${length} octets are too few, ${field.name} is missing`);
    const problem = field.read(reader, draft);
    if (problem !== undefined) return malformed(problem);
  }
  if (reader.left > 0) return malformed(`${length} octets are ${reader.left} too many`);
  return { packet: draft as unknown as SnPacket };
}

/**
 * Encodes a message as the bytes of one datagram.
 *
 * @param encapsulation for a client behind a forwarder
 * @throws UsageError PACKET_INVALID if a value does not fit; it names the field, the value and the rule
 */
export function encodeFrame(packet: SnPacket, encapsulation?: Encapsulation): Uint8Array {
  const message = messageOfType(packet.type);
  if (message === undefined) {
    throw new UsageError("PACKET_INVALID", `type ${JSON.stringify(packet.type)}: must be a message of MQTT-SN`);
  }
  const writer = new OctetWriter(packet.type);
  for (const field of message.fields) field.write(packet as unknown as Draft, writer);
  const body = writer.octets;
  const header = body.length + 2 <= SHORT_LIMIT ? 2 : 4;
  const length = header + body.length;
  if (length > LIMIT) {
    throw new UsageError("PACKET_INVALID", `${packet.type}: has ${length} octets; the limit is ${LIMIT} [SN 5.2.1]`);
  }
  const outer = encapsulation === undefined ? 0 : ENCAPSULATION_HEADER + encapsulation.wirelessNodeId.length;
  const bytes = new Uint8Array(outer + length);
  if (encapsulation !== undefined) encapsulate(encapsulation, bytes);
  if (header === 2) {
    bytes[outer] = length;
  } else {
    bytes[outer] = LONG;
    bytes[outer + 1] = length >> 8;
    bytes[outer + 2] = length & 0xff;
  }
  bytes[outer + header - 1] = message.code;
  bytes.set(body, outer + header);
  return bytes;
}

function encapsulate({ wirelessNodeId, radius }: Encapsulation, bytes: Uint8Array): void {
  const writer = new OctetWriter("encapsulation");
  writer.number("length of wirelessNodeId", wirelessNodeId.length, 1, 1, MOST_ADDRESS);
  writer.number("radius", radius, 1, 0, RADIUS);
  bytes.set([ENCAPSULATION_HEADER + wirelessNodeId.length, ENCAPSULATION, radius]);
  bytes.set(wirelessNodeId, ENCAPSULATION_HEADER);
}
