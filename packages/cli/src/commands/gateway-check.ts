/** `aiko-mqtt gateway check`: checks a configuration, and what it needs of this machine. */

import { access, constants, stat, statfs } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type Configuration, findDevice, reachServer } from "@aiko/mqtt-gateway";
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
    for (const missing of await missingDevices(configuration)) terminal.note(`warning: ${missing}`);
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
    const existing = await nearest(resolve(dir));
    await access(existing, constants.R_OK | constants.W_OK | constants.X_OK);
    const { bavail, bsize } = await statfs(existing);
    const free = bavail * bsize;
    return free < maxBytes
      ? [`spool.max_bytes: ${maxBytes} bytes, but ${dir} has only ${free} bytes of free space`]
      : [];
  } catch (error) {
    return [`spool.dir: ${(error as Error).message}`];
  }
}

/** Resolves to the directory, or to the nearest one above it that exists: the gateway, which may be another user, creates the rest. */
async function nearest(dir: string): Promise<string> {
  try {
    if ((await stat(dir)).isDirectory()) return dir;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return nearest(dirname(dir));
    throw error;
  }
  throw new Error(`${dir} is not a directory`);
}

/** Devices may be plugged in later, so they are no problem. */
async function missingDevices({ sources }: Configuration): Promise<string[]> {
  const missing: string[] = [];
  for (const source of sources) {
    if (source.kind !== "serial") continue;
    await findDevice(source.device).catch((error: NodeJS.ErrnoException) => {
      missing.push(
        `source ${source.id}: ${error.code === "ENOENT" ? `${source.device} does not exist` : error.message}`,
      );
    });
  }
  return missing;
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
