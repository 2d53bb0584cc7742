/** Writes the options of mosquitto.conf as a Markdown table, each with the corresponding key of our configuration. */

import { bridgeOptions } from "./bridge-options.js";
import { generalOptions, securityOptions } from "./general-options.js";
import { listenerOptions, tlsOptions } from "./listener-options.js";
import type { MosquittoOption } from "./mosquitto-option.js";

const HEAD = `# mosquitto.conf

Written by packages/broker/test/service/mosquitto/reference.test.ts from the table that the broker reads mosquitto.conf with.

\`\`\`sh
aiko-mqtt broker --mosquitto-conf /etc/mosquitto/mosquitto.conf
aiko-mqtt broker check --mosquitto-conf /etc/mosquitto/mosquitto.conf   # starts nothing
\`\`\`

The broker reads the options of mosquitto 2.0. Options that it does not know or support are listed with their lines, and the broker does not start. With
\`--ignore-unknown\`, they are warnings. SIGHUP reads the file again.

- **yes**: the option has the same effect.
- **partly**: the option is accepted. The last column says what differs.
- **no**: the option is not supported. The last column says why.

As in mosquitto 2.0, a file without \`listener\`, \`port\` and \`bind_address\` makes a broker for this machine only, which accepts anonymous clients. With one of them,
\`allow_anonymous\` is \`false\` unless it is written. A listener at which no client could log in is an error.
`;

export function mosquittoReference(): string {
  const parts = [
    section("General options", generalOptions),
    section("Users and rules", securityOptions),
    section("Listeners", listenerOptions),
    section("Encryption", tlsOptions),
    section("Bridges", bridgeOptions),
  ];
  return [HEAD, ...parts].join("\n");
}

function section(title: string, options: readonly MosquittoOption[]): string {
  const rows = options.map(({ name, support, note }) => `| \`${name}\` | ${support} | ${note} |`);
  return `## ${title}\n\n| option | supported | remark |\n|---|---|---|\n${rows.join("\n")}\n`;
}
