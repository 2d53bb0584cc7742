/**
 * The entry `@aiko/mqtt-gateway/machine`: what a machine without Node needs to run the gateway. For the packages of this repository, which are
 * released together. It may change in any release.
 *
 * @module @aiko/mqtt-gateway/machine
 */

export type { ExecSettings, SerialSettings, SnSourceSettings, TcpSettings } from "./configuration/configuration.js";
export { noDeviceList } from "./presence/device-list.js";
export type { ByteInput, ByteOutput, ByteStream } from "./source/byte-stream.js";
export { CommandReport } from "./source/command-report.js";
export { isPattern, onlyMatch } from "./source/device-pattern.js";
export { ExecSource } from "./source/exec-source.js";
export type { Intake } from "./source/intake.js";
export { MqttSnSource } from "./source/mqtt-sn-source.js";
export type { RunningCommand } from "./source/running-command.js";
export { lineUse } from "./source/serial-port.js";
export type { ServerLink } from "./source/server-link.js";
export { SnStream } from "./source/sn-stream.js";
export type { Source } from "./source/source.js";
export { StdinSource } from "./source/stdin-source.js";
export { type Opener, StreamSource } from "./source/stream-source.js";
export { NO_WAIT, sttyArguments } from "./source/stty-arguments.js";
export type { Machine } from "./supervise/machine.js";
