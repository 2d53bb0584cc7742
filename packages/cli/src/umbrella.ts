/** `aiko-mqtt COMMAND`: a table of commands. Only the called command is loaded. */

import { ArgumentError } from "./arguments.js";
import { type Command, describeError, runCommand } from "./command.js";
import { ProcessTerminal, type Terminal } from "./terminal.js";
import { version } from "./version.js";

interface Entry {
  /** A name may have two words. */
  readonly names: readonly string[];
  readonly summary: string;
  load(): Promise<Command>;
}

const commands: readonly Entry[] = [
  {
    names: ["broker"],
    summary: "run the broker",
    load: async () => (await import("./commands/broker.js")).broker,
  },
  {
    names: ["broker check"],
    summary: "check a broker's configuration",
    load: async () => (await import("./commands/broker-check.js")).brokerCheck,
  },
  {
    names: ["broker explain"],
    summary: "show which rule decides about a client and a topic",
    load: async () => (await import("./commands/broker-explain.js")).brokerExplain,
  },
  {
    names: ["broker schema"],
    summary: "print the JSON Schema of the broker's configuration",
    load: async () => (await import("./commands/broker-schema.js")).brokerSchemaCommand,
  },
  {
    names: ["broker passwd"],
    summary: "set or remove a user's password in a password file",
    load: async () => (await import("./commands/broker-passwd.js")).brokerPasswd,
  },
  {
    names: ["broker backup"],
    summary: "copy a broker's sessions and messages, also while it runs",
    load: async () => (await import("./commands/broker-backup.js")).brokerBackup,
  },
  {
    names: ["broker inspect"],
    summary: "print what a broker's directory contains",
    load: async () => (await import("./commands/broker-inspect.js")).brokerInspect,
  },
  {
    names: ["gateway"],
    summary: "bring devices that do not speak MQTT onto MQTT",
    load: async () => (await import("./commands/gateway.js")).gateway,
  },
  {
    names: ["gateway check"],
    summary: "check a gateway's configuration",
    load: async () => (await import("./commands/gateway-check.js")).gatewayCheck,
  },
  {
    names: ["gateway explain"],
    summary: "show what a gateway makes of bytes",
    load: async () => (await import("./commands/gateway-explain.js")).gatewayExplain,
  },
  {
    names: ["gateway record"],
    summary: "write down what a gateway's sources receive",
    load: async () => (await import("./commands/gateway-record.js")).gatewayRecord,
  },
  {
    names: ["gateway replay"],
    summary: "show what a gateway makes of a recording",
    load: async () => (await import("./commands/gateway-replay.js")).gatewayReplay,
  },
  {
    names: ["gateway spool"],
    summary: "list, verify, export or clear what a gateway has spooled",
    load: async () => (await import("./commands/gateway-spool.js")).gatewaySpool,
  },
  {
    names: ["gateway status"],
    summary: "show the state of a running gateway",
    load: async () => (await import("./commands/gateway-status.js")).gatewayStatus,
  },
  {
    names: ["gateway schema"],
    summary: "print the JSON Schema of the gateway's configuration",
    load: async () => (await import("./commands/gateway-schema.js")).gatewaySchema,
  },
  {
    names: ["pub", "publish"],
    summary: "publish messages, as mosquitto_pub does",
    load: async () => (await import("./shell/pub.js")).pub,
  },
  {
    names: ["sub", "subscribe"],
    summary: "print received messages, as mosquitto_sub does",
    load: async () => (await import("./shell/sub.js")).sub,
  },
  {
    names: ["rr"],
    summary: "publish a request and print the response, as mosquitto_rr does",
    load: async () => (await import("./shell/rr.js")).rr,
  },
  {
    names: ["test"],
    summary: "publish a message each second and print received messages",
    load: async () => (await import("./commands/test.js")).test,
  },
];

/** Names under which a link to this program is the command itself. */
const links: Readonly<Record<string, string>> = { mosquitto_pub: "pub", mosquitto_sub: "sub", mosquitto_rr: "rr" };

/**
 * Runs the process.
 *
 * @param called the file name with which it was called
 */
export async function umbrella(called: string, argv: readonly string[]): Promise<void> {
  const linked = Object.hasOwn(links, called) ? links[called] : undefined;
  if (linked !== undefined) {
    const entry = commands.find(({ names }) => names.includes(linked)) as Entry;
    const terminal = new ProcessTerminal(called);
    terminal.end(await runCommand(await entry.load(), argv, terminal));
    return;
  }
  const program = "aiko-mqtt";
  const [first, ...others] = argv;
  const words = first === "help" && others.length > 0 ? [...others, "--help"] : argv;
  const found = find(words);
  const terminal = new ProcessTerminal(found ? `${program} ${found.name}` : program);
  terminal.end(
    found ? await runCommand(await found.entry.load(), found.rest, terminal) : await answer(words[0], terminal),
  );
}

/** Finds the command whose name the words begin with, and the longest if there are several. */
function find(words: readonly string[]): { entry: Entry; name: string; rest: readonly string[] } | undefined {
  for (const length of [2, 1]) {
    const name = words.slice(0, length).join(" ");
    const entry = commands.find(({ names }) => names.includes(name));
    if (entry !== undefined) return { entry, name, rest: words.slice(length) };
  }
  return undefined;
}

/** Handles a call without a known command. Returns the exit code. */
async function answer(name: string | undefined, terminal: Terminal): Promise<number> {
  const { program } = terminal;
  if (name === "help" || name === "--help" || name === "-h") {
    await terminal.print(help(program));
    return 0;
  }
  if (name === "--version") {
    await terminal.print(`${program} ${version()}\n`);
    return 0;
  }
  const wrong = name?.startsWith("-") ? `unknown option ${name.split("=", 1)[0]}` : `unknown command "${name}"`;
  terminal.note(describeError(new ArgumentError(name === undefined ? "missing command" : wrong), program));
  return 1;
}

function help(program: string): string {
  const rows = commands.map(({ names, summary }) => [names.join(", "), summary] as const);
  const width = Math.max(...rows.map(([names]) => names.length));
  const lines = rows.map(([names, summary]) => `  ${names.padEnd(width)}  ${summary}\n`).join("");
  return `usage: ${program} COMMAND [options]\nMQTT on the command line.\n\n${lines}\n"${program} COMMAND --help" describes a command.\n`;
}
