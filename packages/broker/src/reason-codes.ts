/** The reason codes of MQTT 5 that the broker says, and what CONNACK and SUBACK say instead before it. */

export const SUCCESS = 0x00;
export const NO_MATCHING_SUBSCRIBERS = 0x10;
export const NO_SUBSCRIPTION_EXISTED = 0x11;
export const PROTOCOL_ERROR = 0x82;
export const BAD_USER_NAME_OR_PASSWORD = 0x86;
export const SERVER_UNAVAILABLE = 0x88;
export const SERVER_SHUTTING_DOWN = 0x8b;
/** [MQTT5-4.12.0-1] */
export const BAD_AUTHENTICATION_METHOD = 0x8c;
export const KEEP_ALIVE_TIMEOUT = 0x8d;
export const SESSION_TAKEN_OVER = 0x8e;
export const TOPIC_FILTER_INVALID = 0x8f;
export const TOPIC_NAME_INVALID = 0x90;
export const QUOTA_EXCEEDED = 0x97;

/** What MQTT 3.1.1 says of each topic filter that is not granted. */
export const SUBACK_FAILURE = 0x80;

/** CONNACK's return codes before MQTT 5, of the refusals that there are. */
const returnCodes = {
  [SERVER_UNAVAILABLE]: 3,
  [QUOTA_EXCEEDED]: 3,
  [BAD_USER_NAME_OR_PASSWORD]: 4,
  [BAD_AUTHENTICATION_METHOD]: 5,
} as const;

/** Why a client is not let in. */
export type Refusal = keyof typeof returnCodes;

/** The same in the words of MQTT 3.1 and 3.1.1. */
export function returnCodeOf(refusal: Refusal): number {
  return returnCodes[refusal];
}
