/** The codes of CONNACK and SUBACK before MQTT 5, instead of its reason codes. */

import { ReasonCode } from "@aiko/mqtt/codec";

/** The code of MQTT 3.1.1 for a topic filter that is not granted. */
export const SUBACK_FAILURE = 0x80;

/**
 * The refusals of a client, and their return codes in CONNACK before MQTT 5. The code is 3 if a retry may help;
 * otherwise it is the nearest code after which clients stop.
 */
const returnCodes: ReadonlyMap<unknown, number> = new Map([
  [ReasonCode.UNSPECIFIED_ERROR, 3],
  [ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR, 3],
  [ReasonCode.CLIENT_IDENTIFIER_NOT_VALID, 2],
  [ReasonCode.BAD_USER_NAME_OR_PASSWORD, 4],
  [ReasonCode.NOT_AUTHORIZED, 5],
  [ReasonCode.SERVER_UNAVAILABLE, 3],
  [ReasonCode.SERVER_BUSY, 3],
  [ReasonCode.BANNED, 5],
  [ReasonCode.BAD_AUTHENTICATION_METHOD, 5],
  [ReasonCode.QUOTA_EXCEEDED, 3],
  [ReasonCode.USE_ANOTHER_SERVER, 3],
  [ReasonCode.SERVER_MOVED, 3],
  [ReasonCode.CONNECTION_RATE_EXCEEDED, 3],
]);

/** Returns whether a client can be refused with this reason code. */
export function isRefusal(reasonCode: unknown): reasonCode is number {
  return returnCodes.has(reasonCode);
}

/** Returns the return code of MQTT 3.1 and 3.1.1 for a refusal. */
export function returnCodeOf(refusal: number): number {
  const returnCode = returnCodes.get(refusal);
  if (returnCode === undefined) throw new Error(`bug: ${refusal} is no refusal`);
  return returnCode;
}

/** The refusals that DISCONNECT may carry, too. */
const ofDisconnect: ReadonlySet<number> = new Set([
  ReasonCode.UNSPECIFIED_ERROR,
  ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR,
  ReasonCode.NOT_AUTHORIZED,
  ReasonCode.SERVER_BUSY,
  ReasonCode.QUOTA_EXCEEDED,
  ReasonCode.PACKET_TOO_LARGE,
  ReasonCode.USE_ANOTHER_SERVER,
  ReasonCode.SERVER_MOVED,
  ReasonCode.CONNECTION_RATE_EXCEEDED,
]);

/** Returns the reason code of DISCONNECT for a client that is refused when it authenticates again. */
export function disconnectCodeOf(refusal: number): number {
  if (ofDisconnect.has(refusal)) return refusal;
  return refusal === ReasonCode.SERVER_UNAVAILABLE ? ReasonCode.SERVER_BUSY : ReasonCode.NOT_AUTHORIZED;
}
