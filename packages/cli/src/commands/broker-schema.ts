/** `aiko-mqtt broker schema`: prints the JSON Schema of the configuration, for editors. */

import { brokerSchema } from "@aiko/mqtt-broker/service";
import type { Command } from "../command.js";

export const brokerSchemaCommand: Command = {
  usage: "",
  summary: "Prints the JSON Schema of the broker's configuration.",
  options: {},
  async run(_, terminal): Promise<void> {
    await terminal.print(`${JSON.stringify(brokerSchema(), undefined, 2)}\n`);
  },
};
