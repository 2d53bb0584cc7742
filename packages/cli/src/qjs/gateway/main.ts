/** The entry of `dist/qjs/gateway.js`, one file for a bare `qjs`: the gateway of a router. Runs it until it is interrupted. */

import "./globals.js";
import * as os from "qjs:os";
import type { Configuration } from "@aiko/mqtt-gateway";
import { fired } from "../../terminal.js";
import { version } from "../../version.js";
import { QuickJsTerminal } from "../terminal.js";
import type { ConfigurationLoad } from "./load-configuration.js";

const PROGRAM = "aiko-gateway";
const USAGE = `usage: ${PROGRAM} [check] FILE
Runs the gateway that the file configures until it is interrupted, or checks the file.
The file is TOML, or JSON if its name ends with .json. SIGHUP reads it again. SIGUSR1 logs the state.
Exit codes: 78 the configuration is not valid, 1 another failure.`;

const EX_CONFIG = 78;
const FAILED = 1;

async function load(path: string, { environment }: QuickJsTerminal): Promise<ConfigurationLoad> {
  return (await import("./load-configuration.js")).loadConfiguration(path, environment);
}

async function run(path: string, configuration: Configuration, terminal: QuickJsTerminal): Promise<void> {
  const note = (line: string): void => terminal.note(line);
  const { startGateway } = await import("./start-gateway.js");
  const running = await startGateway(configuration, note);
  const refused = (lines: readonly string[]): void => {
    running.reloadFailed();
    for (const line of lines) note(`error: ${line}`);
    note("error: the configuration was not reloaded; the gateway goes on with the one before");
  };
  const reload = async (): Promise<void> => {
    const next = await load(path, terminal);
    if (next.problems !== undefined) refused(next.problems);
    else await running.reload(next.configuration).catch((error: Error) => refused([error.message]));
  };
  terminal.onHangup(() => void reload());
  os.signal(os.SIGUSR1, () => note(JSON.stringify(running.status)));
  void fired(terminal.interrupted).then(() => running.stop());
  const error = await running.ended;
  if (error !== undefined) throw error;
}

/** Resolves to the exit code. */
async function main(args: readonly string[], terminal: QuickJsTerminal): Promise<number> {
  const isCheck = args[0] === "check";
  const [path, ...more] = isCheck ? args.slice(1) : args;
  if (path === "--version" || path === "--help") {
    void terminal.print(path === "--version" ? `${PROGRAM} ${version()}\n` : `${USAGE}\n`);
    return 0;
  }
  if (path === undefined || path.startsWith("-") || more.length > 0) {
    for (const line of USAGE.split("\n")) terminal.note(line);
    return FAILED;
  }
  const loaded = await load(path, terminal);
  if (loaded.problems !== undefined) {
    for (const line of loaded.problems) terminal.note(line);
    return EX_CONFIG;
  }
  if (isCheck) void terminal.print(`${path}: the configuration is valid\n`);
  else await run(path, loaded.configuration, terminal);
  return 0;
}

declare const scriptArgs: readonly string[];

const terminal = new QuickJsTerminal(PROGRAM);

// Not awaited: while a module awaits, `qjs` runs only one promise job for each time that it waits for the network.
main(scriptArgs.slice(1), terminal).then(
  (code) => terminal.end(code),
  (error: unknown) => {
    terminal.note(error instanceof Error ? error.message : String(error));
    terminal.end(FAILED);
  },
);
