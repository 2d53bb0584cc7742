/** Starts the gateway on this machine. A part of its own: it is compiled after the configuration was read. */

import { type Configuration, Gateway } from "@aiko/mqtt-gateway";
import { version } from "../../version.js";
import { quickJsMachine } from "./machine.js";

/** @param write writes a line of the log */
export function startGateway(configuration: Configuration, write: (line: string) => void): Promise<Gateway> {
  return Gateway.start(configuration, { machine: quickJsMachine(write), version: version() });
}
