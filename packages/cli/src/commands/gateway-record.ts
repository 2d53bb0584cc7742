/** `aiko-mqtt gateway record`: writes down what the sources of a gateway receive, without a server. */

import { Gateway, recordingConfiguration } from "@aiko/mqtt-gateway";
import { ArgumentError, type Arguments } from "../arguments.js";
import type { Command } from "../command.js";
import { configOption, configPath } from "../configuration-file.js";
import { loadConfiguration, sourceOf } from "../gateway-configuration.js";
import { RECORDING_BYTES, RecordingFile } from "../recording-file.js";
import { fired, type Terminal } from "../terminal.js";
import { version } from "../version.js";

const options = {
  ...configOption,
  out: { letters: "o", value: "RECORDING", help: "the file to write; it must not exist" },
  source: { letters: "s", value: "ID", help: "the source to record (default: all that are enabled)" },
  "max-bytes": { value: "N", help: "end when the file has this size (default: 16777216)" },
  seconds: { value: "N", help: "end after this time (default: at ^C)" },
} as const;

type Name = keyof typeof options;

/** What a timer of Node can wait for. */
const MOST_SECONDS = 2_000_000;

export const gatewayRecord: Command = {
  usage: "FILE --out RECORDING [--source ID] [--max-bytes N] [--seconds N]",
  summary:
    'Writes down what sources receive, for "gateway replay", until it is interrupted. Needs no server, and acknowledges nothing to the devices.',
  options,
  operands: 1,
  async run(args: Arguments<Name>, terminal: Terminal): Promise<void> {
    const { least, most, default: size } = RECORDING_BYTES;
    const maximumBytes = args.integer("max-bytes", size, least, most);
    const seconds = args.integer("seconds", 0, 1, MOST_SECONDS);
    const out = args.required("out");
    const configuration = loadConfiguration(configPath(args, 0), terminal);
    const source = args.text("source");
    if (source !== undefined) sourceOf(configuration.sources, source);
    const wanted = recordingConfiguration(configuration, source);
    if (!wanted.sources.some(({ enabled }) => enabled))
      throw new ArgumentError("the configuration has no enabled source");
    const file = await RecordingFile.create(out, maximumBytes);
    const running = await Gateway.start(wanted, {
      log: (line) => terminal.note(line),
      version: version(),
      recorder: file.recorder,
      connects: false,
    });
    const timer = seconds === 0 ? undefined : setTimeout(() => void running.stop(), seconds * 1_000);
    void Promise.race([fired(terminal.interrupted), file.ended]).then(() => running.stop());
    const error = await running.ended;
    clearTimeout(timer);
    await file.close();
    if (error !== undefined) throw error;
    terminal.note(file.summary);
  },
};
