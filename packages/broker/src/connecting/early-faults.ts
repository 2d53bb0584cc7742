/** The answer to a fault in CONNECT. */

import type { ProtocolError } from "@aiko/mqtt";
import { encode, type ProtocolVersion, ReasonCode } from "@aiko/mqtt/codec";

/** The CONNACK for each fault of a CONNECT that has one, in the form that clients of every version understand. */
const CONNACKS: Partial<Record<ProtocolError["code"], Uint8Array>> = {
  UNSUPPORTED_PROTOCOL_VERSION: Uint8Array.of(0x20, 2, 0, 1),
  CLIENT_IDENTIFIER_REFUSED: Uint8Array.of(0x20, 2, 0, 2),
};

/**
 * Returns the CONNACK for a fault of the first packet. Undefined if its version has none. It is as short as possible,
 * because the client's maximum packet size is not known.
 *
 * @param version "any" if the fault is in front of the version
 */
export function connackFor(error: ProtocolError, version: ProtocolVersion | "any"): Uint8Array | undefined {
  const connack = CONNACKS[error.code];
  if (connack !== undefined || version !== 5) return connack;
  return encode({ type: "connack", sessionPresent: false, reasonCode: error.reasonCode }, 5);
}

/**
 * Returns the reason code of DISCONNECT for a fault. Some faults can only be reported in a CONNACK. In a second CONNECT,
 * which is a protocol error in any case, they are reported as one.
 */
export function disconnectCodeFor(error: ProtocolError): number {
  return CONNACKS[error.code] === undefined ? error.reasonCode : ReasonCode.PROTOCOL_ERROR;
}
