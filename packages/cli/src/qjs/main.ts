/**
 * The entry of `dist/qjs/mqtt.js`, one file for a bare `qjs`: it contains the commands when it is run, and the client
 * when it is imported.
 */

import "./globals.js";
import { setenv } from "qjs:std";
import type { Arguments, OptionTable } from "../arguments.js";
import { type Command, runCommand } from "../command.js";
import { publish } from "../commands/publish.js";
import { subscribe } from "../commands/subscribe.js";
import { test } from "../commands/test.js";
import { tlsOptions } from "../connection-options.js";
import { QuickJsTerminal } from "./terminal.js";

export {
  connect,
  createClient,
  MemoryStore,
  MqttError,
  ProtocolError,
  platform,
  RefusedError,
  TimeoutError,
  TransportError,
  UsageError,
} from "@aiko/mqtt";
export { dialBy } from "./platform.js";

const commands: Readonly<Record<string, Command>> = {
  mqtt_publish: publish,
  mqtt_subscribe: subscribe,
  mqtt_test: test,
};

/** Options that need more than a helper and two pipes. */
const missing: ReadonlySet<string> = new Set(["ws", "proxy", ...tlsOptions]);

const helperOption = {
  helper: {
    value: "COMMAND",
    help: 'command that connects stdin and stdout to the server (default: "nc %h %p" of BusyBox, or socat); %h is the host, %p the port',
  },
} satisfies OptionTable;

/** Returns the same command, with the options that work here. */
function adapted(command: Command): Command {
  const options = Object.entries(command.options).filter(([name]) => !missing.has(name));
  return {
    ...command,
    options: { ...Object.fromEntries(options), ...helperOption },
    run(args: Arguments<string>, terminal) {
      const helper = args.text("helper");
      if (helper !== undefined) setenv("MQTT_HELPER", helper);
      return command.run(args, terminal);
    },
  };
}

/**
 * Runs a process that is one command.
 *
 * @param argv the script's path, whose last part may name the command, or the path and a command's name; then its
 * arguments
 */
export async function main(argv: readonly string[]): Promise<void> {
  const [path = "", ...rest] = argv;
  const own = path.slice(path.lastIndexOf("/") + 1);
  const [name = "", ...args] = Object.hasOwn(commands, own) ? [own, ...rest] : rest;
  const program = Object.hasOwn(commands, name) ? name : `mqtt_${name}`;
  const command = Object.hasOwn(commands, program) ? commands[program] : undefined;
  if (command === undefined) {
    const terminal = new QuickJsTerminal(own);
    terminal.note(`missing command; the commands are ${Object.keys(commands).join(", ")}`);
    terminal.end(1);
    return;
  }
  const terminal = new QuickJsTerminal(program);
  terminal.end(await runCommand(adapted(command), args, terminal));
}

declare const scriptArgs: readonly string[];

// Not awaited: while a module awaits, `qjs` runs only one promise job for each time that it waits for the network.
if ((import.meta as { main?: boolean }).main === true) void main(scriptArgs);
