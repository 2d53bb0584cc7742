/**
 * The entry `@aiko/mqtt/classic`: the API of the Lua library, name for name, made asynchronous.
 *
 * @example
 * import * as MQTT from "@aiko/mqtt/classic";
 * const mqtt_client = MQTT.client.create("localhost", undefined, (topic, payload) => console.log(topic, payload));
 * await mqtt_client.connect("lua mqtt client");
 */

import { type ClassicCallback, ClassicClient, KEEP_ALIVE_TIME } from "./classic-client.js";
import { setDebug } from "./debug-log.js";

export type { ClassicCallback, ClassicClient } from "./classic-client.js";

export const client = {
  KEEP_ALIVE_TIME,
  /**
   * A client for the server at `hostname`; nothing is sent before `connect`.
   *
   * @param port default 1883
   * @param callback called by `handler()` with each message
   */
  create(hostname: string, port?: number, callback?: ClassicCallback): ClassicClient {
    return new ClassicClient(hostname, port, callback);
  },
};

export const Utility = {
  /** Whether each step is shown on standard error. */
  set_debug(value: boolean): void {
    setDebug(value);
  },
};
