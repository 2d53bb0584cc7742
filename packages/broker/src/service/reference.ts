/** The reference of the configuration, as Markdown. */

import { reference } from "@aiko/mqtt-configuration";
import { configurationTable } from "./configuration-fields.js";

const HEAD = `# Configuration of the broker

Written by packages/broker/test/service/reference.test.ts from the table that the broker reads a configuration with.

A configuration is a TOML file, or a JSON file if its name ends with \`.json\`. Every section may be missing. Unknown keys and wrong values are
errors. [An example](../../examples/broker/broker.toml) has each section.

\`aiko-mqtt broker --config FILE\` runs a broker. \`aiko-mqtt broker check FILE\` reports all problems with their lines. \`aiko-mqtt broker schema\`
prints a JSON Schema for editors. SIGHUP reloads the file. If it is not valid, the broker reports the problems, and continues with the configuration
before.

- A **duration** is a string with a unit: \`"50ms"\`, \`"5s"\`, \`"15m"\`, \`"1h"\`, \`"7d"\`.
- A **size** is a string with a unit: \`"512B"\`, \`"64KiB"\`, \`"64MiB"\`, \`"1GiB"\`.
- A **path** is relative to the working directory of the process.
- A **secret** is the secret itself, \`"\${NAME}"\` for an environment variable, or \`"file:/path"\` for the text of a file. It is never shown in
  messages.
`;

export function configurationReference(): string {
  return reference(HEAD, configurationTable);
}
