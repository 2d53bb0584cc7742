// Owns the translation of the vectors' neutral names into our packets, based on the specification's text and not on the
// codec's tables.

import type { Packet } from "@aiko/mqtt/codec";
import { fromHex, type NeutralPacket, type NeutralProperties } from "./vectors.ts";

const flags = new Set([
  "requestResponseInformation",
  "requestProblemInformation",
  "retainAvailable",
  "wildcardSubscriptionAvailable",
  "subscriptionIdentifiersAvailable",
  "sharedSubscriptionAvailable",
]);

/** The packet as our type, without what both sides leave open: see `comparable`. */
export function fromNeutral(neutral: NeutralPacket): unknown {
  const packet: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(neutral)) translate(packet, neutral.type, name, value);
  if (neutral.type === "publish") packet["packetIdentifier"] ??= 0;
  if (/^(pub(ack|rec|rel|comp)|disconnect)$/.test(neutral.type)) packet["reasonCode"] ??= 0;
  if (neutral.type === "unsuback") packet["reasonCodes"] ??= [];
  return packet;
}

/** A decoded packet without traces of its encoding: empty property lists, omitted credentials. */
export function comparable(packet: Packet): unknown {
  const { omitted: _, ...rest } = { omitted: undefined, ...packet };
  if (!("properties" in rest) || rest.properties === undefined) return rest;
  return { ...rest, properties: Object.keys(rest.properties).length > 0 ? rest.properties : undefined };
}

function translate(packet: Record<string, unknown>, type: string, name: string, value: unknown): void {
  switch (name) {
    case "protocolName":
      break;
    case "protocolLevel":
      packet["protocolVersion"] = value;
      break;
    case "cleanSession":
      packet["cleanStart"] = value;
      break;
    case "returnCode":
      packet["reasonCode"] = value;
      break;
    case "codes":
      packet["reasonCodes"] = value;
      break;
    case "packetId":
      packet["packetIdentifier"] = value;
      break;
    case "payloadHex":
      packet["payload"] = fromHex(value as string);
      break;
    case "passwordHex":
      packet["password"] = fromHex(value as string);
      break;
    case "filters":
      packet["topicFilters"] = value;
      break;
    case "subscriptions":
      packet[name] = (value as { filter: string }[]).map(({ filter, ...rest }) => ({ topicFilter: filter, ...rest }));
      break;
    case "will": {
      const will = {};
      for (const [key, part] of Object.entries(value as object)) translate(will, "will", key, part);
      packet[name] = will;
      break;
    }
    case "properties":
      packet[name] = properties(type, value as NeutralProperties);
      break;
    default:
      packet[name] = value;
  }
}

function properties(type: string, list: NeutralProperties): object | undefined {
  if (list.length === 0) return undefined;
  const bag: Record<string, unknown> = {};
  for (const [name, value] of list) {
    if (name === "userProperty") append(bag, "userProperties", value);
    else if (name === "subscriptionIdentifier" && type === "publish") append(bag, "subscriptionIdentifiers", value);
    else if (flags.has(name)) bag[name] = value === 1;
    else bag[name] = typeof value === "object" && "hex" in value ? fromHex(value.hex) : value;
  }
  return bag;
}

function append(bag: Record<string, unknown>, name: string, value: unknown): void {
  bag[name] = [...((bag[name] as unknown[] | undefined) ?? []), value];
}
