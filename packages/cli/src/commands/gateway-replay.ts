/** `aiko-mqtt gateway replay`: shows what the gateway makes of a recording, without a server, a spool or a device. */

import { readFile, stat } from "node:fs/promises";
import { readRecording, replay } from "@aiko/mqtt-gateway";
import { ArgumentError, type Arguments } from "../arguments.js";
import { type Command, CommandError } from "../command.js";
import { configOption, configPath } from "../configuration-file.js";
import { loadConfiguration, sourceOf } from "../gateway-configuration.js";
import { RECORDING_BYTES } from "../recording-file.js";
import type { Terminal } from "../terminal.js";

const options = {
  ...configOption,
  source: { letters: "s", value: "ID", help: "replay only what this source received" },
} as const;

type Name = keyof typeof options;

export const gatewayReplay: Command = {
  usage: "FILE RECORDING [--source ID]",
  summary:
    'Shows the frames, fields, topics and payloads that a gateway makes of what "gateway record" wrote, or why it drops them.',
  options,
  operands: 2,
  async run(args: Arguments<Name>, terminal: Terminal): Promise<void> {
    const place = args.has("config") ? 0 : 1;
    const path = args.operands[place];
    if (path === undefined) throw new ArgumentError("missing the recording");
    const { gateway, sources } = loadConfiguration(configPath(args, 1 - place), terminal);
    const source = args.text("source");
    if (source !== undefined) sourceOf(sources, source);
    const { recording, problem } = readRecording(await textOf(path));
    if (recording === undefined) throw new CommandError(`${path}: ${problem}`);
    for (const text of shownBy(() => replay(recording, { gateway, sources }, source), path)) await terminal.print(text);
  },
};

function shownBy(replayed: () => Iterable<string>, path: string): Iterable<string> {
  try {
    return replayed();
  } catch (error) {
    throw new CommandError(`${path}: ${(error as Error).message}`);
  }
}

async function textOf(path: string): Promise<string> {
  const { most } = RECORDING_BYTES;
  let size: number;
  let text: string;
  try {
    ({ size } = await stat(path));
    text = size > most ? "" : await readFile(path, "utf8");
  } catch (error) {
    throw new CommandError(`${path}: ${(error as Error).message}`);
  }
  if (size > most) throw new CommandError(`${path}: ${size} bytes; a recording may have ${most}`);
  return text;
}
