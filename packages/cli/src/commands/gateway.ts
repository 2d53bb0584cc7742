/** `aiko-mqtt gateway`: runs the gateway until it is interrupted. */

import { setFlagsFromString } from "node:v8";
import { Gateway } from "@aiko/mqtt-gateway";
import type { Arguments } from "../arguments.js";
import type { Command } from "../command.js";
import { configOption, configPath } from "../configuration-file.js";
import { loadConfiguration } from "../gateway-configuration.js";
import { RecordingFile } from "../recording-file.js";
import { storeError } from "../store-error.js";
import { SystemdNotifier } from "../systemd-notifier.js";
import { fired, type Terminal } from "../terminal.js";
import { version } from "../version.js";

/** After a second ^C: what a shell reports for the first. */
const INTERRUPTED = 130;

/** V8 would let its heap grow to twice the size under load: it holds what is garbage already. */
const SMALL_HEAP = ["--semi-space-growth-factor=1", "--heap-growing-percent=20"];

const options = {
  ...configOption,
  record: {
    value: "RECORDING",
    help: 'also write what the sources receive to this file, at most 16 MiB, for "gateway replay"',
  },
} as const;

export const gateway: Command = {
  usage: "--config FILE [--record RECORDING]",
  summary:
    "Runs the gateway until it is interrupted. SIGHUP reloads the configuration. Exit codes: 78 the configuration is not valid, 73 another process uses the spool, 74 the spool cannot be used.",
  options,
  operands: 1,
  async run(args: Arguments<keyof typeof options>, terminal: Terminal): Promise<void> {
    for (const flag of SMALL_HEAP) setFlagsFromString(flag);
    const path = configPath(args, 0);
    const configuration = loadConfiguration(path, terminal);
    const log = (line: string): void => terminal.note(line);
    const recording = args.has("record") ? await record(args.required("record"), log) : undefined;
    const running = await Gateway.start(configuration, {
      log,
      version: version(),
      recorder: recording?.recorder,
    }).catch((error: unknown) => {
      throw storeError(error);
    });
    const reload = (): void => {
      try {
        running.reload(loadConfiguration(path, terminal)).catch((error: Error) => refused(error));
      } catch (error) {
        refused(error as Error);
      }
    };
    const refused = (error: Error): void => {
      running.reloadFailed();
      for (const line of error.message.split("\n")) log(`error: ${line}`);
      log("error: the configuration was not reloaded; the gateway goes on with the one before");
    };
    const systemd = new SystemdNotifier(terminal.environment);
    const restoreHangup = terminal.onHangup(reload);
    process.on("SIGUSR1", () => log(JSON.stringify(running.status)));
    void fired(terminal.interrupted).then(() => {
      systemd.stopping();
      process.once("SIGINT", () => process.exit(INTERRUPTED));
      process.once("SIGTERM", () => process.exit(INTERRUPTED));
      void running.stop();
    });
    const error = await running.ended;
    restoreHangup();
    await recording?.close().catch(() => {}); // a note has said why
    if (error !== undefined) throw storeError(error);
  },
};

async function record(path: string, log: (line: string) => void): Promise<RecordingFile> {
  const file = await RecordingFile.create(path);
  void file.ended.then((error) =>
    log(error === undefined ? `${path} is full; the recording has ended` : `${path}: ${error.message}`),
  );
  return file;
}
