/** `aiko-mqtt gateway explain`: shows what the gateway makes of bytes, without a server, a spool or a device. */

import { readFile } from "node:fs/promises";
import { explain, explainCommand, HttpPath, type SourceSettings } from "@aiko/mqtt-gateway";
import { ArgumentError, type Arguments } from "../arguments.js";
import { type Command, CommandError } from "../command.js";
import { configOption, configPath } from "../configuration-file.js";
import { loadConfiguration, sourceOf } from "../gateway-configuration.js";
import type { Terminal } from "../terminal.js";

const options = {
  ...configOption,
  source: { letters: "s", value: "ID", help: "the source that the bytes come from (default: the only one)" },
  path: { value: "PATH", help: "the path of the request, for an HTTP source: /ingest/kitchen" },
  hex: { value: "BYTES", help: "the bytes, as hexadecimal digits" },
  file: { letters: "f", value: "FILE", help: "a file with the bytes (default: standard input)" },
  command: { value: "TOPIC", help: "shows what a command's message becomes; its payload is --payload" },
  payload: { value: "TEXT", mayBeEmpty: true, help: "the payload of --command (default: empty)" },
} as const;

type Name = keyof typeof options;

/** More bytes explain nothing. */
const MOST_BYTES = 2 ** 20;

export const gatewayExplain: Command = {
  usage: "FILE [--source ID] [--path PATH] [--hex BYTES | --file FILE | --command TOPIC [--payload TEXT]]",
  summary: "Shows the frames, fields, topics and payloads that a gateway makes of bytes, or why it drops them.",
  options,
  operands: 2,
  async run(args: Arguments<Name>, terminal: Terminal): Promise<void> {
    const [, input] = args.operands;
    if (input !== undefined && input !== "-") throw new ArgumentError(`unexpected argument "${input}"`);
    const { gateway, homeAssistant, sources } = loadConfiguration(configPath(args, 0), terminal);
    const source = sourceOf(sources, args.text("source"));
    const topic = args.text("command");
    const payload = args.text("payload");
    if (topic !== undefined) {
      const { text, isWritten } = explainCommand(source, gateway, topic, Buffer.from(payload ?? ""));
      if (!isWritten) throw new CommandError(text.trimEnd(), 1);
      await terminal.print(text);
      return;
    }
    if (payload !== undefined) throw new ArgumentError("--payload requires --command");
    const peer = { peer: source.id, port: 0, fields: pathFields(source, args.text("path")) };
    const bytes = await inputOf(args);
    if (bytes.length > MOST_BYTES) throw new ArgumentError(`the input has more than ${MOST_BYTES} bytes`);
    await terminal.print(explain(source, gateway, bytes, { wallTime: () => Date.now(), peer, homeAssistant }));
  },
};

/** Returns the fields that the path of an HTTP request gives. */
function pathFields(source: SourceSettings, path: string | undefined): Readonly<Record<string, string>> {
  if (source.kind !== "http") {
    if (path !== undefined) throw new ArgumentError(`--path ${path}: the source ${source.id} is not an HTTP source`);
    return {};
  }
  if (path === undefined && !source.path.includes("{")) return {};
  if (path === undefined) throw new ArgumentError(`missing option --path; the source's path is ${source.path}`);
  const fields = new HttpPath(source.path).match(path);
  if (fields === undefined) throw new ArgumentError(`--path ${path}: does not match the source's path ${source.path}`);
  return fields;
}

async function inputOf(args: Arguments<Name>): Promise<Buffer> {
  const hex = args.text("hex");
  const file = args.text("file");
  if (hex !== undefined && file !== undefined) throw new ArgumentError("--hex cannot be combined with --file");
  if (hex !== undefined) {
    const digits = hex.replace(/[\s:]/g, "");
    if (!/^([0-9a-f]{2})+$/i.test(digits)) throw new ArgumentError(`--hex ${hex}: must be pairs of hexadecimal digits`);
    return Buffer.from(digits, "hex");
  }
  if (file !== undefined && file !== "-") return readFile(file);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MOST_BYTES) break;
  }
  return Buffer.concat(chunks);
}
