/**
 * The entry `@aiko/mqtt-gateway`: brings devices that do not speak MQTT onto MQTT.
 *
 * @module @aiko/mqtt-gateway
 */

export type { Configuration } from "./configuration/configuration.js";
