/** `aiko-mqtt broker inspect`: prints what is in the directory of a broker, also while it runs. */

import { readStoreContents } from "@aiko/mqtt-broker/service";
import { ArgumentError, type Arguments } from "../arguments.js";
import type { Command } from "../command.js";
import { storeError } from "../store-error.js";
import type { Terminal } from "../terminal.js";

export const brokerInspect: Command = {
  usage: "DIR",
  summary:
    "Prints the sessions with their subscriptions and queues, and the retained messages in DIR as one JSON object, also while a broker uses DIR. Payloads are not shown. Exit code 74 if the directory cannot be used.",
  options: {},
  operands: 1,
  async run(args: Arguments<never>, terminal: Terminal): Promise<void> {
    const [directory] = args.operands;
    if (directory === undefined) throw new ArgumentError("missing argument: DIR");
    const contents = await readStoreContents(directory).catch((error: unknown) => {
      throw storeError(error);
    });
    await terminal.print(`${escaped(JSON.stringify(contents, undefined, 2))}\n`);
  },
};

/** Clients choose topics and identifiers: what could change the lines of a terminal is escaped, as JSON allows it. */
function escaped(json: string): string {
  return json.replace(
    /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
