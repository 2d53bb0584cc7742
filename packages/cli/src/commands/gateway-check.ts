/** `aiko-mqtt gateway check`: checks a configuration, and what it needs of this machine. */

import { access, constants, stat, statfs } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { connect } from "@aiko/mqtt";
import type { Configuration } from "@aiko/mqtt-gateway";
import type { Arguments } from "../arguments.js";
import { type Command, CommandError } from "../command.js";
import { configOption, configPath, EX_CONFIG, loadConfiguration } from "../gateway-configuration.js";
import type { Terminal } from "../terminal.js";

const options = {
  ...configOption,
  connect: { help: "also connect to each server of the uplink" },
} as const;

type Name = keyof typeof options;

export const gatewayCheck: Command = {
  usage: "FILE [--connect]",
  summary: "Checks a configuration, the directory of the spool and its free space. Exit code 78 if something is wrong.",
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
    await terminal.print(`${path}: valid; ${sources.length} source${sources.length === 1 ? "" : "s"}\n`);
  },
};

async function spoolProblems({ spool }: Configuration): Promise<string[]> {
  const { dir, maxBytes } = spool;
  if (dir === undefined) return [];
  try {
    const existing = await nearestDirectory(dir);
    await access(existing, constants.R_OK | constants.W_OK);
    const { bavail, bsize } = await statfs(existing);
    const free = bavail * bsize;
    return free < maxBytes
      ? [`spool.max_bytes: ${maxBytes} bytes, but ${dir} has only ${free} bytes of free space`]
      : [];
  } catch (error) {
    return [`spool.dir: ${(error as Error).message}`];
  }
}

/** Resolves to the directory, or to the one above it in which it would be made. @throws Error if something else has its name */
async function nearestDirectory(path: string): Promise<string> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  if (found === undefined) return nearestDirectory(dirname(resolve(path)));
  if (!found.isDirectory()) throw new Error(`${path} is not a directory`);
  return path;
}

async function uplinkProblems({ uplinks }: Configuration): Promise<string[]> {
  const problems: string[] = [];
  for (const { url, username, password } of uplinks) {
    try {
      const credentials = { username, password };
      const client = await connect<string, undefined>(url, { ...credentials, connectTimeout: 10_000 });
      await client.disconnect();
    } catch (error) {
      problems.push(`uplink.url: ${(error as Error).message}`);
    }
  }
  return problems;
}
