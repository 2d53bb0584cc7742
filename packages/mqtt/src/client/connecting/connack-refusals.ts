/** Which refusals in CONNACK a retry can help. */

import { AbortedError, type MqttError, RefusedError, UsageError } from "../../errors.js";
import {
  BAD_AUTHENTICATION_METHOD,
  BAD_USER_NAME_OR_PASSWORD,
  BANNED,
  CLIENT_IDENTIFIER_NOT_VALID,
  NOT_AUTHORIZED,
  UNSUPPORTED_PROTOCOL_VERSION,
} from "../../reason-code.js";

/**
 * Codes that may be temporary if the server accepted the client before. First the return codes of MQTT 3.1 and 3.1.1 (2
 * identifier rejected, 4 bad user name or password, 5 not authorized), then MQTT 5's reason codes.
 */
export const PERHAPS_FOR_NOW: readonly number[] = [2, 4, 5, BAD_USER_NAME_OR_PASSWORD, NOT_AUTHORIZED, BANNED];
/** Codes after which a retry cannot help a client that was never accepted. 1 is an unsupported protocol version. */
const FINAL: readonly number[] = [
  ...PERHAPS_FOR_NOW,
  1,
  UNSUPPORTED_PROTOCOL_VERSION,
  CLIENT_IDENTIFIER_NOT_VALID,
  BAD_AUTHENTICATION_METHOD,
];

/** Returns whether a retry cannot help a client that was never accepted. */
export function isFinal(error: MqttError): boolean {
  return (
    error instanceof UsageError ||
    error instanceof AbortedError ||
    (error instanceof RefusedError && error.code === "CONNECT_REFUSED" && FINAL.includes(error.reasonCode))
  );
}
