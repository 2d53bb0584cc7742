/** What CONNACK and SUBACK say before MQTT 5 in the place of its reason codes. */

import { ReasonCode } from "@aiko/mqtt/codec";

/** What MQTT 3.1.1 says of each topic filter that is not granted. */
export const SUBACK_FAILURE = 0x80;

/** CONNACK's return codes before MQTT 5, of the refusals that there are. */
const returnCodes = {
  [ReasonCode.SERVER_UNAVAILABLE]: 3,
  [ReasonCode.QUOTA_EXCEEDED]: 3,
  [ReasonCode.BAD_USER_NAME_OR_PASSWORD]: 4,
  [ReasonCode.BAD_AUTHENTICATION_METHOD]: 5,
} as const;

/** Why a client is not let in. */
export type Refusal = keyof typeof returnCodes;

/** The same in the words of MQTT 3.1 and 3.1.1. */
export function returnCodeOf(refusal: Refusal): number {
  return returnCodes[refusal];
}
