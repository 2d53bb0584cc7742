/** What CONNACK and SUBACK say before MQTT 5 in the place of its reason codes. */

import { ReasonCode } from "@aiko/mqtt/codec";

/** What MQTT 3.1.1 says of each topic filter that is not granted. */
export const SUBACK_FAILURE = 0x80;

/**
 * The refusals of a client, and CONNACK's return codes for them before MQTT 5: 3 where trying again may help, or else the nearest of those
 * after which clients give up.
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

/** Whether a client can be refused with this reason code. */
export function isRefusal(reasonCode: unknown): reasonCode is number {
  return returnCodes.has(reasonCode);
}

/** The same in the words of MQTT 3.1 and 3.1.1. */
export function returnCodeOf(refusal: number): number {
  const returnCode = returnCodes.get(refusal);
  if (returnCode === undefined) throw new Error(`bug: ${refusal} is no refusal`);
  return returnCode;
}
