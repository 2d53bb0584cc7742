/** `aiko-mqtt broker`: runs the broker as a separate process, by a configuration file or by options. */

import { type BrokerConfiguration, BrokerService } from "@aiko/mqtt-broker/service";
import { ArgumentError, type Arguments, type OptionTable } from "../arguments.js";
import {
  type BrokerArgument,
  brokerArguments,
  configurationOf,
  namesFiles,
  reachWarning,
} from "../broker-arguments.js";
import { brokerPath, fileOptions, loadBrokerFile, passwordWarnings } from "../broker-file.js";
import type { Command } from "../command.js";
import { storeError } from "../store-error.js";
import { SystemdNotifier } from "../systemd-notifier.js";
import { fired, type Terminal } from "../terminal.js";
import { version } from "../version.js";

const options = {
  ...fileOptions,
  ...brokerArguments,
  verbose: { letters: "v", help: "log client events to stderr" },
  "log-format": { value: "FORMAT", help: "text or json: how lines of the log are written (default: text)" },
} satisfies OptionTable;

type Name = keyof typeof options;

/** The longest time for the end, in milliseconds. */
const PATIENCE = 2_000;

export const broker: Command = {
  usage: "[--config FILE | --mosquitto-conf FILE | options]",
  summary:
    "Runs the broker until it is interrupted. Prints the URLs that it listens on. SIGHUP reads the configuration, certificates and passwords again. SIGUSR1 prints the statistics. Exit codes: 78 the configuration is not valid, 73 another process uses the directory of the sessions, 74 it cannot be used.",
  options,
  async run(args: Arguments<Name>, terminal: Terminal): Promise<void> {
    const read = reader(args, terminal);
    const reloading = new Reloading(isFromFile(args) || namesFiles(args) ? read : undefined, terminal);
    terminal.onHangup(() => reloading.ask());
    process.on("SIGUSR2", () => terminal.note("SIGUSR2: has no effect"));
    const configuration = read();
    const log = (line: string, format: "text" | "json"): void => terminal.note(line, format === "json");
    const service = await BrokerService.start(configuration, { log, version: `aiko-mqtt version ${version()}` }).catch(
      (error: unknown) => {
        throw storeError(error);
      },
    );
    // Without a listener, Node would open its debugger.
    process.on("SIGUSR1", () => terminal.note(JSON.stringify(service.broker.statistics)));
    try {
      for (const url of service.addresses) await terminal.print(`listening on ${url}\n`);
      await warn(args, configuration, terminal);
      const systemd = new SystemdNotifier(terminal.environment);
      reloading.begin(service);
      await fired(terminal.stop);
      systemd.stopping();
    } finally {
      await stopped(service, terminal);
    }
  },
};

function isFromFile(args: Arguments<Name>): boolean {
  return args.has("config") || args.has("mosquitto-conf") || args.has("ignore-unknown");
}

/** Returns a function that reads the configuration, at the start and at each reload. */
function reader(args: Arguments<Name>, terminal: Terminal): () => BrokerConfiguration {
  const format = args.choice("log-format", { text: "text", json: "json" } as const, undefined);
  const withLog = (configuration: BrokerConfiguration): BrokerConfiguration => {
    const { log } = configuration;
    const level = args.has("verbose") ? "debug" : log.level;
    return { ...configuration, log: { level, format: format ?? log.format } };
  };
  if (!isFromFile(args)) return () => withLog(configurationOf(args, terminal));
  const other = (Object.keys(brokerArguments) as BrokerArgument[]).find((name) => args.has(name));
  const file = args.has("config") ? "--config" : "--mosquitto-conf";
  if (other !== undefined) throw new ArgumentError(`--${other} cannot be combined with ${file}; write it in the file`);
  const path = brokerPath(args, 0);
  return () => withLog(loadBrokerFile(path, args, terminal));
}

async function warn(args: Arguments<Name>, configuration: BrokerConfiguration, terminal: Terminal): Promise<void> {
  const reach = isFromFile(args) ? undefined : reachWarning(args);
  for (const each of [reach, ...(await passwordWarnings(configuration))])
    if (each !== undefined) terminal.note(`warning: ${each}`);
}

/** Reloads the configuration, one reload at a time. Several requests during a reload are one. */
class Reloading {
  private service: BrokerService | undefined;
  private isRunning = false;
  private isAsked = false;

  /** @param read reads the configuration again; undefined if it cannot change */
  constructor(
    private readonly read: (() => BrokerConfiguration) | undefined,
    private readonly terminal: Terminal,
  ) {}

  /** From now on, requests have an effect; the one before, too. */
  begin(service: BrokerService): void {
    this.service = service;
    if (this.isAsked) void this.run();
  }

  ask(): void {
    if (this.read === undefined) {
      // If SIGHUP comes because the terminal is closed, the note cannot be written, and the command ends.
      this.terminal.note("SIGHUP: there is no configuration file to reload");
      return;
    }
    this.isAsked = true;
    if (this.service !== undefined && !this.isRunning) void this.run();
  }

  private async run(): Promise<void> {
    this.isRunning = true;
    while (this.isAsked) {
      this.isAsked = false;
      await this.reload();
    }
    this.isRunning = false;
  }

  private async reload(): Promise<void> {
    const { service, read, terminal } = this;
    if (service === undefined || read === undefined) return;
    try {
      const restart = await service.reload(read());
      terminal.note("the configuration was reloaded");
      for (const key of restart) terminal.note(`warning: ${key} has changed; restart the broker to apply it`);
    } catch (error) {
      for (const line of (error as Error).message.split("\n")) terminal.note(`error: ${line}`);
      terminal.note("error: the configuration was not reloaded; the broker continues with the one before");
    }
  }
}

/** Stops the service, within the time that a supervisor may wait. @throws CommandError if the rest could not be written */
async function stopped(service: BrokerService, terminal: Terminal): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      terminal.note(`warning: the broker did not stop within ${PATIENCE} ms`);
      resolve();
    }, PATIENCE);
  });
  try {
    await Promise.race([service.stop(), late]);
  } catch (error) {
    throw storeError(error);
  } finally {
    clearTimeout(timer);
  }
}
