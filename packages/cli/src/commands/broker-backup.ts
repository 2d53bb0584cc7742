/** `aiko-mqtt broker backup`: copies the directory of a broker, also while it runs. */

import { backUpStore } from "@aiko/mqtt-broker/service";
import { ArgumentError, type Arguments } from "../arguments.js";
import type { Command } from "../command.js";
import { storeError } from "../store-error.js";
import type { Terminal } from "../terminal.js";

export const brokerBackup: Command = {
  usage: "DIR TARGET",
  summary:
    "Copies the sessions and messages in DIR to the new directory TARGET, also while a broker uses DIR. TARGET appears when it is complete. To restore it, start the broker with it. Exit code 74 if a directory cannot be used.",
  options: {},
  operands: 2,
  async run(args: Arguments<never>, terminal: Terminal): Promise<void> {
    const [directory, target] = args.operands;
    if (directory === undefined || target === undefined) throw new ArgumentError("missing argument: DIR TARGET");
    const { records, bytes } = await backUpStore(directory, target).catch((error: unknown) => {
      throw storeError(error);
    });
    await terminal.print(`${target}: ${records} records, ${bytes} bytes\n`);
  },
};
