/** The error of a round of attempts: the last server's error, whose message lists the earlier errors. */

import type { MqttError, ProtocolError } from "../../errors.js";
import { quotable } from "../../topic/mqtt-string.js";

/** How many earlier errors the message lists. */
const MOST_TOLD = 4;
/** The most characters of each. */
const LONGEST_TOLD = 160;

export function roundFailure(last: MqttError, earlier: readonly MqttError[]): MqttError {
  if (earlier.length === 0) return last;
  const told = earlier.slice(0, MOST_TOLD).map(({ code, message }) => `${quotable(message, LONGEST_TOLD)} (${code})`);
  if (earlier.length > MOST_TOLD) told.push(`and ${earlier.length - MOST_TOLD} more`);
  return retold(last, `${last.message}; previous attempts: ${told.join("; ")}`);
}

/** Copies an error with another message. The original may belong to a function that throws it again. */
export function retold(error: MqttError, message: string): MqttError {
  const { code, reasonCode } = error as ProtocolError;
  const options = "cause" in error ? { cause: error.cause } : undefined;
  const Kind = error.constructor as new (...values: unknown[]) => MqttError;
  const copy =
    reasonCode === undefined ? new Kind(code, message, options) : new Kind(code, reasonCode, message, options);
  return Object.assign(copy, error); // its other fields, except the message and the stack
}
