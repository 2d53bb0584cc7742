/**
 * The whole of `dist/qjs/mqtt.js`, one file for a bare `qjs`: the commands if it is run, the client if it is imported.
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

/** What takes more than a helper and two pipes. */
const missing: ReadonlySet<string> = new Set(["ws", "proxy", ...tlsOptions]);

const helperOption = {
  helper: {
    value: "COMMAND",
    help: 'command that connects stdin and stdout to the server (default: "nc %h %p" of BusyBox, or socat); %h is the host, %p the port',
  },
} satisfies OptionTable;

/** The same command, with the options that mean something here. */
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
 * The whole life of a process that is one command.
 *
 * @param argv the script's path, by whose last part the command may be named, or a command's name after it; then its arguments
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

// Not awaited: while a module awaits, `qjs` runs one promise job for each round of waiting for the network.
if ((import.meta as { main?: boolean }).main === true) void main(scriptArgs);
