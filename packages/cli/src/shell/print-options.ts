/** The options that say how messages are printed. */

import { ArgumentError, type Arguments, type OptionTable } from "../arguments.js";
import type { Terminal } from "../terminal.js";
import { MessagePrinter } from "./message-printer.js";

export const printOptions = {
  format: { letters: "F", value: "FORMAT", help: "print messages in this format, as in %t: %p", literal: true },
  json: { help: "print each message as a JSON object in one line, without loss" },
  pretty: { help: "print %j and %J over several lines" },
  verbose: { letters: "v", help: "print the topic before the payload" },
  "no-line-feed": { letters: "N", help: "do not print a line feed after each message" },
} satisfies OptionTable;

/**
 * @param forScreen whether a terminal shows what is printed
 * @throws ArgumentError
 */
export function printerOf(
  args: Arguments<keyof typeof printOptions>,
  terminal: Terminal,
  forScreen = terminal.hasScreen,
): MessagePrinter {
  const ways = (["format", "json", "verbose"] as const).filter((name) => args.has(name));
  if (ways.length > 1) throw new ArgumentError(`--${ways[0]} cannot be combined with --${ways[1]}`);
  const format = args.text("format");
  const as = args.has("json") ? "json" : args.has("verbose") ? "topic and payload" : "payload";
  return new MessagePrinter({
    as: format === undefined ? as : { format, pretty: args.has("pretty") },
    endsLines: !args.has("no-line-feed"),
    forScreen,
    note: (line) => terminal.note(line),
  });
}
