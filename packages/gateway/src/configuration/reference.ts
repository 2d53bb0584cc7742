/** The reference of the configuration, as Markdown. */

import { reference } from "@aiko/mqtt-configuration";
import { configurationTable } from "./fields.js";

const HEAD = `# Configuration of the gateway

Written by packages/gateway/test/configuration/reference.test.ts from the table that the gateway reads a configuration with.

A configuration is a TOML file, or a JSON file if its name ends with \`.json\`. Unknown keys and wrong values are errors.

- A **duration** is a string with a unit: \`"50ms"\`, \`"5s"\`, \`"15m"\`, \`"1h"\`, \`"7d"\`.
- A **size** is a string with a unit: \`"512B"\`, \`"64KiB"\`, \`"64MiB"\`, \`"1GiB"\`.
- An **address** has a port: \`"127.0.0.1:1883"\`, \`"[::1]:1883"\`, or \`":1883"\` for all addresses. Port 0 is any free port.
- A **secret** is the secret itself, \`"\${NAME}"\` for an environment variable, or \`"file:/path"\` for the text of a file. Other
  fields do not replace these forms. A secret is never shown in messages.
- A **template** is text with placeholders such as \`{temp}\`. The name of a placeholder has letters, digits, \`_\`, \`-\` and \`.\`. Other
  braces are literal, so that JSON can be a template. A topic cannot have them.
`;

export function configurationReference(): string {
  return reference(HEAD, configurationTable);
}
