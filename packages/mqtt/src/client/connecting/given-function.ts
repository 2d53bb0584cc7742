/**
 * Calls the functions that an application passes instead of a value. They are called at each attempt. If one throws,
 * the error names its option.
 */

import { MqttError, TransportError } from "../../errors.js";

/**
 * Returns the result of `give`.
 *
 * @throws TransportError OPTION_FAILED, after which the function may be called again; an MqttError is thrown unchanged
 */
export async function given<Value>(option: string, give: () => Value | Promise<Value>): Promise<Value> {
  try {
    return await give();
  } catch (cause) {
    if (cause instanceof MqttError) throw cause;
    throw new TransportError("OPTION_FAILED", `${option}: the function threw: ${cause}`, { cause, option });
  }
}
