/**
 * The entry `@aiko/mqtt/classic`: the API of the Lua library, name for name, made asynchronous.
 *
 * @module @aiko/mqtt/classic
 * @example
 * import * as MQTT from "@aiko/mqtt/classic";
 * const mqtt_client = MQTT.client.create("localhost", undefined, (topic, payload) => console.log(topic, payload));
 * await mqtt_client.connect("lua mqtt client");
 */

import { type ClassicCallback, ClassicClient, KEEP_ALIVE_TIME } from "./classic-client.js";
import { setDebug } from "./debug-log.js";

export type { ClassicCallback, ClassicClient } from "./classic-client.js";

/** Creates clients, like the module `MQTT.client` of the Lua library. */
export const client = {
  /** The keep-alive in seconds: 60. */
  KEEP_ALIVE_TIME,
  /**
   * Creates a client for the server at `hostname`. Sends nothing before `connect`.
   *
   * @param port default 1883
   * @param callback receives each message when `handler()` is called
   * @throws UsageError OPTION_INVALID if `port` is not valid
   */
  create(hostname: string, port?: number, callback?: ClassicCallback): ClassicClient {
    return new ClassicClient(hostname, port, callback);
  },
};

/** Settings, like the module `MQTT.Utility` of the Lua library. */
export const Utility = {
  /** Switches the log of protocol activity on standard error on or off. Default: off. */
  set_debug(value: boolean): void {
    setDebug(value);
  },
};
