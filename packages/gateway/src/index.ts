/**
 * The entry `@aiko/mqtt-gateway`: brings devices that do not speak MQTT onto MQTT.
 *
 * @module @aiko/mqtt-gateway
 */

export { type Problem, problemText } from "@aiko/mqtt-configuration";
export type { Configuration, GatewaySettings, SourceSettings } from "./configuration/configuration.js";
export { type ConfigurationRead, type ReadOptions, readConfiguration } from "./configuration/read-configuration.js";
export { jsonSchema } from "./configuration/schema.js";
export { explain, explainCommand } from "./pipeline/explain.js";
export { Recorder, type RecorderOptions } from "./recording/recorder.js";
export { type RecordedEvent, type Recording, type RecordingRead, readRecording } from "./recording/recording.js";
export { recordingConfiguration } from "./recording/recording-configuration.js";
export { replay } from "./recording/replay.js";
export { HttpPath } from "./source/http-path.js";
export { missingFor } from "./source/missing.js";
export { Gateway } from "./supervise/gateway.js";
export type { GatewayOptions } from "./supervise/gateway-options.js";
export type { GatewayStatus } from "./supervise/gateway-status.js";
export { readStatus } from "./supervise/status-socket.js";
export { reachServer } from "./uplink/uplink-options.js";
