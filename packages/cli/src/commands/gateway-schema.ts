/** `aiko-mqtt gateway schema`: prints the JSON Schema of the configuration, for editors. */

import { jsonSchema } from "@aiko/mqtt-gateway";
import type { Command } from "../command.js";

export const gatewaySchema: Command = {
  usage: "",
  summary: "Prints the JSON Schema of the gateway's configuration.",
  options: {},
  async run(_, terminal): Promise<void> {
    await terminal.print(`${JSON.stringify(jsonSchema(), undefined, 2)}\n`);
  },
};
