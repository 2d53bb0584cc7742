/** What `gateway explain` prints of a datagram of MQTT-SN. Pure; knows no session. */

import { hex } from "../text/hex.js";
import { escaped } from "../text/shown.js";
import { decodeFrame } from "./codec/frame.js";

/** Returns one line: the message with its fields, or the rule that the bytes break. */
export function explainMessage(bytes: Uint8Array): string {
  const { packet, malformed, encapsulation } = decodeFrame(bytes);
  const from = encapsulation === undefined ? "" : `  behind a forwarder, node 0x${hex(encapsulation.wirelessNodeId)}`;
  if (packet === undefined) return `dropped malformed: ${malformed}${from}\n`;
  const { type, ...fields } = packet;
  const shown = Object.entries(fields).map(([name, value]) => `  ${name}=${shownValue(value)}`);
  return `${type.toUpperCase()}${shown.join("")}${from}\n`;
}

function shownValue(value: unknown): string {
  if (value instanceof Uint8Array) return `0x${hex(value)}`;
  return escaped(JSON.stringify(value) ?? "none");
}
