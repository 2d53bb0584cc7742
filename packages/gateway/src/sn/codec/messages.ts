/** The table of all messages [SN 5.2.2, 5.4]: type, octet and parts. `frame.ts` walks it in both directions. */

import type { SnPacket } from "../packets.js";
import {
  data,
  type Field,
  filter,
  flags,
  number,
  optional,
  optionalNumber,
  registeredId,
  text,
  topicId,
  will,
} from "./field.js";

/** A row of the table. */
export interface Message {
  readonly type: SnPacket["type"];
  readonly code: number;
  readonly fields: readonly Field[];
}

const gatewayId = number("GwId", "gatewayId", 1);
const duration = number("Duration", "duration", 2);
const messageId = number("MsgId", "messageId", 2);
const returnCode = number("ReturnCode", "returnCode", 1);
/** What an acknowledgement repeats: any two octets, also of a short topic name or of an identifier that is refused. */
const repeatedId = number("TopicId", "topicId", 2);

const MESSAGES: readonly Message[] = [
  { code: 0x00, type: "advertise", fields: [gatewayId, duration] },
  { code: 0x01, type: "searchgw", fields: [number("Radius", "radius", 1)] },
  { code: 0x02, type: "gwinfo", fields: [gatewayId, optional(data("GwAdd", "gatewayAddress"), "gatewayAddress")] },
  {
    code: 0x04,
    type: "connect",
    fields: [
      flags("will", "cleanSession"),
      number("ProtocolId", "protocolId", 1),
      duration,
      text("ClientId", "clientId"),
    ],
  },
  { code: 0x05, type: "connack", fields: [returnCode] },
  { code: 0x06, type: "willtopicreq", fields: [] },
  { code: 0x07, type: "willtopic", fields: [will] },
  { code: 0x08, type: "willmsgreq", fields: [] },
  { code: 0x09, type: "willmsg", fields: [data("WillMsg", "message")] },
  { code: 0x0a, type: "register", fields: [registeredId, messageId, text("TopicName", "topicName")] },
  { code: 0x0b, type: "regack", fields: [repeatedId, messageId, returnCode] },
  {
    code: 0x0c,
    type: "publish",
    fields: [flags("dup", "anyQos", "retain", "topicIdType"), topicId, messageId, data("Data", "data")],
  },
  { code: 0x0d, type: "puback", fields: [repeatedId, messageId, returnCode] },
  { code: 0x0e, type: "pubcomp", fields: [messageId] },
  { code: 0x0f, type: "pubrec", fields: [messageId] },
  { code: 0x10, type: "pubrel", fields: [messageId] },
  { code: 0x12, type: "subscribe", fields: [flags("dup", "qos", "topicIdType"), messageId, filter] },
  { code: 0x13, type: "suback", fields: [flags("qos"), repeatedId, messageId, returnCode] },
  { code: 0x14, type: "unsubscribe", fields: [flags("topicIdType"), messageId, filter] },
  { code: 0x15, type: "unsuback", fields: [messageId] },
  { code: 0x16, type: "pingreq", fields: [optional(text("ClientId", "clientId"), "clientId")] },
  { code: 0x17, type: "pingresp", fields: [] },
  { code: 0x18, type: "disconnect", fields: [optionalNumber("Duration", "duration")] },
  { code: 0x1a, type: "willtopicupd", fields: [will] },
  { code: 0x1b, type: "willtopicresp", fields: [returnCode] },
  { code: 0x1c, type: "willmsgupd", fields: [data("WillMsg", "message")] },
  { code: 0x1d, type: "willmsgresp", fields: [returnCode] },
];

const BY_CODE = new Map(MESSAGES.map((message) => [message.code, message]));
const BY_TYPE = new Map(MESSAGES.map((message) => [message.type, message]));

/** The octet of the encapsulation of a forwarder [SN 5.5]. */
export const ENCAPSULATION = 0xfe;

/** Returns the message of an octet; undefined if the octet is reserved. */
export function messageOfCode(code: number): Message | undefined {
  return BY_CODE.get(code);
}

/** Returns the message of a packet's type; undefined if there is none. */
export function messageOfType(type: string): Message | undefined {
  return BY_TYPE.get(type as SnPacket["type"]);
}
