/** The error of a round of attempts: the last server's, whose message tells what the earlier ones said too. */

import type { MqttError, ProtocolError } from "../../errors.js";
import { quotable } from "../../topic/mqtt-string.js";

/** So many are told. */
const MOST_TOLD = 4;
/** Characters of each. */
const LONGEST_TOLD = 160;

export function roundFailure(last: MqttError, earlier: readonly MqttError[]): MqttError {
  if (earlier.length === 0) return last;
  const told = earlier.slice(0, MOST_TOLD).map(({ code, message }) => `${quotable(message, LONGEST_TOLD)} (${code})`);
  if (earlier.length > MOST_TOLD) told.push(`and ${earlier.length - MOST_TOLD} more`);
  return retold(last, `${last.message}; previous attempts: ${told.join("; ")}`);
}

/** A copy with another message: the error may be its maker's, who gives it again. */
export function retold(error: MqttError, message: string): MqttError {
  const { code, reasonCode } = error as ProtocolError;
  const options = "cause" in error ? { cause: error.cause } : undefined;
  const Kind = error.constructor as new (...values: unknown[]) => MqttError;
  const copy =
    reasonCode === undefined ? new Kind(code, message, options) : new Kind(code, reasonCode, message, options);
  return Object.assign(copy, error); // what else it has, but for its message and its stack
}
