/** The error of a round of attempts: the last server's, whose message tells what the earlier ones said too. */

import { type MqttError, ProtocolError, RefusedError, type TransportError } from "../errors.js";
import { quotable } from "../topic/mqtt-string.js";

/** So many are told. */
const MOST_TOLD = 4;
/** Characters of each. */
const LONGEST_TOLD = 160;

export function roundFailure(last: MqttError, earlier: readonly MqttError[]): MqttError {
  if (earlier.length === 0) return last;
  const told = earlier.slice(0, MOST_TOLD).map(({ code, message }) => `${quotable(message, LONGEST_TOLD)} (${code})`);
  if (earlier.length > MOST_TOLD) told.push(`and ${earlier.length - MOST_TOLD} more`);
  return retold(last, `${last.message}; before it: ${told.join("; ")}`);
}

/** A copy with another message: the error may be its maker's, who gives it again. */
export function retold(error: MqttError, message: string): MqttError {
  const options = "cause" in error ? { cause: error.cause } : undefined;
  if (error instanceof ProtocolError) return new ProtocolError(error.code, error.reasonCode, message, options);
  if (error instanceof RefusedError) {
    const { code, reasonCode, reasonString, serverReference, userProperties } = error;
    const copy = new RefusedError(code, reasonCode, message, { serverReference, userProperties });
    return Object.assign(copy, { reasonString }); // the message has it already
  }
  return new (error.constructor as typeof TransportError)(error.code as TransportError["code"], message, options);
}
