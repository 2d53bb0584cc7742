/** The machine of a bare `qjs`: serial lines, commands, standard input, connections by a helper, and a spool in memory. */

import type { Clock } from "@aiko/mqtt";
import {
  ExecSource,
  type Machine,
  noDeviceList,
  type Opener,
  type SerialSettings,
  StdinSource,
  StreamSource,
  type TcpSettings,
} from "@aiko/mqtt-gateway/machine";
import { MemorySpool } from "@aiko/mqtt-store";
import { platform } from "../platform.js";
import { DescriptorInput } from "./descriptor-input.js";
import { tcpOpener } from "./device-connection.js";
import { serialOpener } from "./serial-line.js";
import { StartedCommand } from "./started-command.js";

const STANDARD_INPUT = 0;

/** @param write writes a line of the log */
export function quickJsMachine(write: (line: string) => void): Machine {
  const { clock } = platform;
  return {
    platform,
    write,
    openStorage: async ({ spool }) => ({ spool: memorySpool(spool, clock), devices: noDeviceList }),
    async createSource(settings, intake, ended, server) {
      switch (settings.kind) {
        case "serial":
        case "tcp":
          return new StreamSource(settings, intake, openerOf(settings, clock));
        case "exec":
          return new ExecSource(settings, intake, (...parts) => new StartedCommand(...parts));
        case "stdin":
          return new StdinSource(settings, intake, new DescriptorInput(STANDARD_INPUT), ended);
        case "mqtt-sn": {
          if (settings.line === undefined) throw new Error("bug: MQTT-SN over UDP was not refused");
          const { snSource } = await import("./sn-source.js");
          return snSource(settings, intake, { platform, server }, openerOf(settings.line, clock));
        }
        default:
          throw new Error(`bug: a source of the kind "${settings.kind}" was not refused`);
      }
    },
    serve: async () => ({ metrics: undefined, stop: async () => undefined }),
  };
}

function openerOf(line: SerialSettings | TcpSettings, clock: Clock): Opener {
  return line.kind === "serial" ? serialOpener(line, clock) : tcpOpener(line, clock);
}

function memorySpool(settings: Parameters<Machine["openStorage"]>[0]["spool"], clock: Clock): MemorySpool {
  const { maxBytes: maximumBytes, maxRecords: maximumRecords, maxAge: maximumAge, full } = settings;
  return new MemorySpool({
    maximumBytes,
    maximumRecords,
    maximumAge,
    full: full === "drop-newest" ? "reject" : full, // the intake drops what the spool rejects
    clock: { now: () => clock.now(), wallTime: () => Date.now() },
  });
}
