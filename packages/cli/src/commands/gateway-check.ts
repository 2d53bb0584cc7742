/** `aiko-mqtt gateway check`: checks a configuration, and what it needs of this machine. */

import { type Configuration, missingFor, reachServer } from "@aiko/mqtt-gateway";
import type { Arguments } from "../arguments.js";
import { type Command, CommandError } from "../command.js";
import { configOption, configPath, EX_CONFIG } from "../configuration-file.js";
import { freeBytes } from "../free-space.js";
import { loadConfiguration } from "../gateway-configuration.js";
import type { Terminal } from "../terminal.js";

const options = {
  ...configOption,
  connect: { help: "also connect to each server of the uplink" },
} as const;

type Name = keyof typeof options;

export const gatewayCheck: Command = {
  usage: "FILE [--connect]",
  summary:
    "Checks a configuration, the directory of the spool and its free space, and warns about missing devices, addresses and programs. Exit code 78 if something is wrong.",
  options,
  operands: 1,
  async run(args: Arguments<Name>, terminal: Terminal): Promise<void> {
    const path = configPath(args, 0);
    const configuration = loadConfiguration(path, terminal);
    const problems = await spoolProblems(configuration);
    if (args.has("connect")) problems.push(...(await uplinkProblems(configuration)));
    if (problems.length > 0) throw new CommandError(problems.map((each) => `${path}: ${each}`).join("\n"), EX_CONFIG);
    const { sources, spool } = configuration;
    if (spool.sync === "never")
      terminal.note('warning: with sync = "never", a power loss loses records that were acknowledged');
    if (spool.mode === "memory") terminal.note('warning: with mode = "memory", records do not survive the process');
    for (const warning of await missing(configuration)) terminal.note(`warning: ${warning}`);
    await terminal.print(`${path}: valid; ${sources.length} source${sources.length === 1 ? "" : "s"}\n`);
  },
};

/** What sources need and do not find now. They are opened again and again, so it may come later. */
async function missing({ sources }: Configuration): Promise<string[]> {
  const found = await Promise.all(
    sources.map(async (each) => (each.enabled ? (await missingFor(each)).map((what) => `${each.id}: ${what}`) : [])),
  );
  return found.flat();
}

async function spoolProblems({ spool }: Configuration): Promise<string[]> {
  const { dir, maxBytes } = spool;
  if (dir === undefined) return [];
  try {
    const free = await freeBytes(dir);
    return free < maxBytes
      ? [`spool.max_bytes: ${maxBytes} bytes, but ${dir} has only ${free} bytes of free space`]
      : [];
  } catch (error) {
    return [`spool.dir: ${(error as Error).message}`];
  }
}

async function uplinkProblems({ uplinks }: Configuration): Promise<string[]> {
  const problems: string[] = [];
  for (const each of uplinks) {
    try {
      await reachServer(each);
    } catch (error) {
      problems.push(`uplink.url: ${(error as Error).message}`);
    }
  }
  return problems;
}
