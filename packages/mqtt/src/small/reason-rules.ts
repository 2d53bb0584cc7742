/**
 * Which reason codes a packet may carry, without their names, and the errors that are made from reason codes. `codec`
 * has the table with names; a test checks that the two agree.
 */

import {
  ProtocolError,
  type ProtocolErrorCode,
  type RefusalDetails,
  RefusedError,
  type RefusedErrorCode,
} from "../errors.js";
import { MALFORMED_PACKET, PACKET_TOO_LARGE, PROTOCOL_ERROR } from "../reason-code.js";

/**
 * Codes from 0x80 on, one base-36 digit each: the sum of the first numbers in `RULES` of the packets that may carry the
 * code.
 */
const FAILURES = "vhhv111v1h1ghggsjewgghgngjhhhhkhgkk";
/** The packet's number in `FAILURES`, and the codes that it may carry in addition to 0. */
const RULES = {
  connack: [1],
  puback: [2, 16],
  pubrec: [2, 16],
  suback: [4, 1, 2],
  unsuback: [8, 17],
  disconnect: [16, 4],
  pubrel: [32],
  pubcomp: [32],
};

export type ReasonedType = keyof typeof RULES;

/** Returns whether MQTT 5.0 lets a packet of this type carry `code`. */
export function mayCarry(type: ReasonedType, code: number): boolean {
  const [packet = 0, ...others] = RULES[type];
  return [0, ...others].includes(code) || (Number.parseInt(FAILURES[code - 0x80] ?? "0", 36) & packet) > 0;
}

/** Formats a code as the specification writes it. */
export function hex(code: number): string {
  return `0x${code.toString(16)}`;
}

/** Returns the error for a reason code, or undefined if the code means success. */
export function refused(
  code: RefusedErrorCode,
  what: string,
  reasonCode: number,
  details?: RefusalDetails,
): RefusedError | undefined {
  return reasonCode < 0x80 ? undefined : refusal(code, what, reasonCode, details);
}

export function refusal(
  code: RefusedErrorCode,
  what: string,
  reasonCode: number,
  details: RefusalDetails | undefined,
): RefusedError {
  return new RefusedError(code, reasonCode, `${what}: reason code ${hex(reasonCode)}`, details);
}

/** The error codes for these reason codes. All others use PROTOCOL_ERROR. */
const FAULTS: Readonly<Partial<Record<number, ProtocolErrorCode>>> = {
  [MALFORMED_PACKET]: "MALFORMED_PACKET",
  [PACKET_TOO_LARGE]: "PACKET_TOO_LARGE",
};

/** Makes the error for a rule that the server broke. */
export function fault(rule: string, reasonCode = PROTOCOL_ERROR): ProtocolError {
  return new ProtocolError(FAULTS[reasonCode] ?? "PROTOCOL_ERROR", reasonCode, rule);
}
