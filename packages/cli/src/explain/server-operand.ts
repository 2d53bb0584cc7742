/** The server that `ping` and `explain` connect to: the URL after the command, or the options of `pub` and `sub`. */

import { ArgumentError, Arguments } from "../arguments.js";
import type { Command } from "../command.js";
import type { Target } from "../connection-options.js";
import { withDefaults } from "../shell/default-options.js";
import { type ShellOption, shellOf, shellOptions } from "../shell/shell-options.js";
import type { Terminal } from "../terminal.js";

/** The options of `pub` and `sub`, except the log: these commands report what happens themselves. */
const { debug, ...options } = shellOptions;
export const serverOptions = options;

/**
 * Returns the command, with defaults for its options. A URL after the command is its option --url, so that it replaces the
 * defaults of the server.
 */
export function withServer(name: "ping" | "explain", command: Command): Command {
  const inner = withDefaults(name, command);
  return {
    ...inner,
    operands: 1,
    async run(given, terminal) {
      const [url] = given.operands;
      if (url !== undefined && given.has("url")) throw new ArgumentError("the URL cannot be combined with --url");
      await inner.run(url === undefined ? given : withUrl(given, Object.keys(inner.options), url), terminal);
    },
  };
}

function withUrl(given: Arguments<string>, names: readonly string[], url: string): Arguments<string> {
  const values = names.filter((name) => given.has(name)).map((name) => [name, given.all(name)] as const);
  return new Arguments(new Map([...values, ["url", [url]]]), [], [...given.sequence(...names), ["url", url]]);
}

/**
 * Warns if the command line has a secret.
 *
 * @param name the beginning of the random client identifier
 * @throws ArgumentError
 */
export function serverOf(args: Arguments<ShellOption>, terminal: Terminal, name: string): Target {
  const { target } = shellOf(args, terminal.environment, name, []);
  const { exposedBy } = target;
  if (exposedBy !== undefined) {
    const where = exposedBy === "--url" ? "the URL" : exposedBy;
    terminal.note(`warning: other users of this machine can see the secret in ${where} with ps; use MQTT_PASSWORD`);
  }
  return target;
}
