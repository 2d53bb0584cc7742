/** The functions that an application gives instead of a value, to be asked at each attempt: what they throw is told as theirs. */

import { MqttError, TransportError } from "../../errors.js";

/**
 * What `give` comes to.
 *
 * @throws TransportError OPTION_FAILED, after which it may be asked again; an MqttError as it is
 */
export async function given<Value>(option: string, give: () => Value | Promise<Value>): Promise<Value> {
  try {
    return await give();
  } catch (cause) {
    if (cause instanceof MqttError) throw cause;
    throw new TransportError("OPTION_FAILED", `${option}: the function threw: ${cause}`, { cause, option });
  }
}
