/** `aiko-mqtt gateway status`: shows the state of a running gateway. */

import { readStatus } from "@aiko/mqtt-gateway";
import { ArgumentError, type Arguments } from "../arguments.js";
import { type Command, CommandError } from "../command.js";
import { configOption, configPath } from "../configuration-file.js";
import { loadConfiguration } from "../gateway-configuration.js";
import type { Terminal } from "../terminal.js";

const options = {
  ...configOption,
  socket: { value: "PATH", help: "the socket of the gateway, [admin] socket of its configuration" },
} as const;

type Name = keyof typeof options;

export const gatewayStatus: Command = {
  usage: "--config FILE | --socket PATH",
  summary: "Prints the state of a running gateway as JSON.",
  options,
  operands: 1,
  async run(args: Arguments<Name>, terminal: Terminal): Promise<void> {
    const path = args.text("socket") ?? loadConfiguration(configPath(args, 0), terminal).adminSocket;
    if (path === undefined)
      throw new ArgumentError("the configuration has no [admin] socket; add it, or pass --socket PATH");
    const status = await readStatus(path).catch((error: Error) => {
      throw new CommandError(`no gateway answers at ${path}: ${error.message}`);
    });
    await terminal.print(`${JSON.stringify(status, undefined, 2)}\n`);
  },
};
