/** The server that `ping` and `explain` connect to: the URL after the command, or the options of `pub` and `sub`. */

import { ArgumentError, type Arguments } from "../arguments.js";
import type { Target } from "../connection-options.js";
import { type ShellOption, shellOf, shellOptions } from "../shell/shell-options.js";
import type { Terminal } from "../terminal.js";

/** The options of `pub` and `sub`, except the log: these commands report what happens themselves. */
const { debug, ...options } = shellOptions;
export const serverOptions = options;

/**
 * Warns if the command line has a secret.
 *
 * @param name the beginning of the random client identifier
 * @throws ArgumentError
 */
export function serverOf(args: Arguments<ShellOption>, terminal: Terminal, name: string): Target {
  const [url] = args.operands;
  if (url !== undefined && args.has("url")) throw new ArgumentError("the URL cannot be combined with --url");
  const given = url === undefined ? args : args.with("url", url);
  const { target } = shellOf(given, terminal.environment, name, []);
  const { exposedBy } = target;
  if (exposedBy !== undefined) {
    const where = exposedBy === "--url" ? "the URL" : exposedBy;
    terminal.note(`warning: other users of this machine can see the secret in ${where} with ps; use MQTT_PASSWORD`);
  }
  return target;
}
