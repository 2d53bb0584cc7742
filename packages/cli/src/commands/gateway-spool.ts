/** `aiko-mqtt gateway spool`: looks into the spool of a gateway that is not running. */

import { stat } from "node:fs/promises";
import { Spool, type SpooledRecord } from "@aiko/mqtt-store";
import { ArgumentError, type Arguments } from "../arguments.js";
import { type Command, CommandError } from "../command.js";
import { configOption, configPath } from "../configuration-file.js";
import { loadConfiguration } from "../gateway-configuration.js";
import { storeError } from "../store-error.js";
import type { Terminal } from "../terminal.js";

const options = {
  ...configOption,
  source: { letters: "s", value: "ID", help: "clear: the source whose records are dropped" },
} as const;

type Name = keyof typeof options;

export const gatewaySpool: Command = {
  usage: "ls|verify|export|clear --config FILE [--source ID]",
  summary:
    "Looks into the spool of a gateway that is not running. ls: records and bytes of each source; verify: reads all, reports damage; export: prints each record as one line of JSON; clear: drops the records of a source.",
  options,
  operands: 2,
  async run(args: Arguments<Name>, terminal: Terminal): Promise<void> {
    const [action = ""] = args.operands;
    const run = Object.hasOwn(actions, action) ? actions[action] : undefined;
    if (run === undefined) throw new ArgumentError(`"${action}": must be ls, verify, export or clear`);
    const { spool } = loadConfiguration(configPath(args, 1), terminal);
    if (spool.dir === undefined)
      throw new CommandError('the spool is in memory (mode = "memory"); there is nothing on disk');
    const { dir } = spool;
    const found = await stat(dir).catch((error: NodeJS.ErrnoException) => error);
    if ("code" in found && found.code === "ENOENT") throw new CommandError(`${dir}: there is no spool here`);
    let damaged = 0;
    const opened = await Spool.open(dir, {
      maximumBytes: spool.maxBytes,
      segmentSize: spool.segment,
      maximumAge: Number.POSITIVE_INFINITY, // to look at a spool must not change it
      onDamage: ({ file, offset, bytes, keptAs }) => {
        damaged++;
        terminal.note(`${file}: ${bytes} damaged bytes at ${offset}; the file is kept as ${keptAs}`);
      },
    }).catch((error: unknown) => {
      throw storeError(error);
    });
    try {
      await run(opened, args, terminal);
    } finally {
      await opened.close();
    }
    if (damaged > 0 && action === "verify") throw new CommandError(`${damaged} damaged regions`);
  },
};

type Action = (spool: Spool, args: Arguments<Name>, terminal: Terminal) => Promise<void>;

const actions: Readonly<Record<string, Action>> = {
  async ls(spool, _, terminal) {
    const { bytes, records, sources } = spool.statistics;
    for (const [id, { in: came, out, spooled, dropped }] of Object.entries(sources)) {
      const reasons = Object.entries(dropped).map(([reason, count]) => `, ${reason} ${count}`);
      await terminal.print(`${id}: spooled ${spooled}, in ${came}, out ${out}${reasons.join("")}\n`);
    }
    await terminal.print(`${records} records, ${bytes} bytes\n`);
  },
  async verify(spool, _, terminal) {
    let count = 0;
    for await (const _record of spool.records()) count++;
    await terminal.print(`${count} intact records\n`);
  },
  async export(spool, _, terminal) {
    for await (const record of spool.records()) await terminal.print(`${JSON.stringify(exported(record))}\n`);
  },
  async clear(spool, args, terminal) {
    const source = args.required("source");
    await terminal.print(`${await spool.clear(source)} records of ${source} dropped\n`);
  },
};

/** The payload as text if it is UTF-8, otherwise in base64. */
function exported({ sequence, source, acceptedAt, topic, payload, qos, retain, expiry }: SpooledRecord): object {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  const text = bytes.toString();
  const isText = Buffer.from(text).equals(bytes);
  const accepted = acceptedAt === 0 ? undefined : new Date(acceptedAt).toISOString();
  return {
    sequence,
    source,
    accepted,
    topic,
    qos,
    retain,
    expiry,
    ...(isText ? { text } : { base64: bytes.toString("base64") }),
  };
}
