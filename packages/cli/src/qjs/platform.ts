/**
 * What a bare `qjs` brings: its clock, and a network by way of a helper process, such as `nc`, or of a serial line. Takes the place of
 * `#platform` in the bundle.
 */

import * as os from "qjs:os";
import { getenv, strerror } from "qjs:std";
import {
  type AbortSignalLike,
  type Dial,
  type NetworkOptions,
  type Platform,
  type ServerAddress,
  type Transport,
  TransportError,
  UsageError,
} from "@aiko/mqtt";
import { PIPE_STEP } from "./bytes-out.js";
import { clock } from "./clock.js";
import { StreamTransport, type Way } from "./stream-transport.js";
import { Helper, type HelperEnd } from "./way-process.js";

/** Bytes that a line's driver takes without much waiting. */
const LINE_STEP = 256;
/** Milliseconds that a helper has to end once its standard input or output has. */
const HELPER_PATIENCE = 500;
/** How `execvp` says that there is no such command. */
const NOT_FOUND = 127;

// A helper that dies would otherwise take this process along: the next write to it is a signal.
os.signal(os.SIGPIPE, () => undefined);

export const platform: Platform = { clock, random: { next: Math.random }, dial };

/**
 * Dials by a command of one's own, whose standard input and output carry the bytes: `%h` and `%p` in it stand for host and port.
 *
 * @example connect("mqtt://broker", { dial: dialBy("nc %h %p") })
 */
export function dialBy(command: string): Dial {
  const words = command.split(/\s+/).filter((word) => word !== "");
  if (words.length === 0) throw new UsageError("OPTION_INVALID", "helper: must name a command");
  return async (address, signal) => {
    assertPlain(address);
    const { host, port } = address;
    const meanings: Readonly<Record<string, string>> = { "%h": host, "%p": String(port), "%%": "%" };
    return viaHelper(
      words.map((word) => word.replace(/%[hp%]/g, (what) => meanings[what] as string)),
      nameOf(address),
      signal,
    );
  };
}

async function dial(address: ServerAddress, signal: AbortSignalLike, options: NetworkOptions): Promise<Transport> {
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined)
      throw new UsageError(
        "TRANSPORT_UNAVAILABLE",
        `${name}: this option is not supported on QuickJS; configure it in the helper command`,
      );
  }
  const { scheme, host } = address;
  if (scheme === "unix" && isDevice(host)) return openLine(host);
  const command = getenv("MQTT_HELPER");
  if (command !== undefined && command.trim() !== "") return dialBy(command)(address, signal, options);
  assertPlain(address);
  if (scheme === "unix") return viaHelper(["socat", "-", `UNIX-CONNECT:${host}`], nameOf(address), signal);
  if (scheme === "mqtt") return viaHelper(usualCommand(address), nameOf(address), signal);
  throw new UsageError(
    "TRANSPORT_UNAVAILABLE",
    `url: QuickJS cannot connect with "${scheme}:"; pass a helper that can, as in "socat - OPENSSL:%h:%p", and use mqtt:`,
  );
}

/**
 * The command that dials where none is named. BusyBox's `nc`, which each router has, takes less than half the memory that socat takes. Of
 * the other kinds of `nc` one says nothing when a server refuses it and one outlives a killed process: socat goes before them.
 */
function usualCommand({ host, port }: ServerAddress): readonly string[] {
  const nc = fileOf("nc");
  const isBusyBox = nc !== undefined && /\/busybox[^/]*$/.test(nc);
  if (isBusyBox || (nc !== undefined && fileOf("socat") === undefined)) return ["nc", host, String(port)];
  const shown = host.includes(":") ? `[${host}]` : host;
  return ["socat", "-", `TCP:${shown}:${port},nodelay`];
}

/** The file that a command's name stands for, links followed; undefined if there is none. */
function fileOf(name: string): string | undefined {
  for (const folder of (getenv("PATH") ?? "/bin:/usr/bin").split(":")) {
    const [path, errno] = os.realpath(`${folder || "."}/${name}`);
    if (errno === 0) return path;
  }
  return undefined;
}

function nameOf({ scheme, host, port }: ServerAddress): string {
  return scheme === "unix" ? `unix:${host}` : `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** A host becomes part of a command line, and a server may name one (Server Reference): it must not be able to say more. */
function assertPlain({ scheme, host }: ServerAddress): void {
  const plain = scheme === "unix" ? /^[\w./@+][\w./@+-]*$/ : /^[\w:][\w.:%-]*$/;
  if (plain.test(host)) return;
  const kind = scheme === "unix" ? "path" : "host";
  throw new UsageError(
    "URL_INVALID",
    `url: ${kind} "${host}" contains characters that are not allowed in a helper's command line`,
  );
}

function isDevice(path: string): boolean {
  const [stat] = os.stat(path);
  return stat !== null && (stat.mode & os.S_IFMT) === os.S_IFCHR;
}

function openLine(path: string): Transport {
  const fd = os.open(path, os.O_RDWR);
  if (fd < 0) {
    throw new TransportError("CONNECTION_FAILED", `cannot connect to unix:${path}: ${strerror(-fd)}`);
  }
  return new StreamTransport({ input: fd, output: fd, step: LINE_STEP, close: (_cause, _heard, closed) => closed() });
}

function viaHelper(command: readonly string[], name: string, signal: AbortSignalLike): Transport {
  const shown = command.join(" ");
  if (signal.aborted) {
    throw new TransportError("CONNECTION_FAILED", `connecting to ${name} was aborted`, { cause: signal.reason });
  }
  let helper: Helper;
  try {
    helper = new Helper(command);
  } catch (error) {
    throw new TransportError("CONNECTION_FAILED", `cannot start the helper "${shown}": ${error}`, { cause: error });
  }
  const way: Way = {
    input: helper.output,
    output: helper.input,
    step: PIPE_STEP,
    close(cause, heard, closed) {
      helper.awaitEnd(cause === "destroyed" ? 0 : HELPER_PATIENCE, (end) =>
        closed(cause === "peer" ? meaningOf(end, command, name, heard) : undefined),
      );
    },
  };
  return new StreamTransport(way);
}

/** Why the stream ended; undefined if the server ended it. */
function meaningOf(
  { exitCode, complaint }: HelperEnd,
  command: readonly string[],
  name: string,
  heard: boolean,
): Error | undefined {
  if (exitCode === 0) return undefined;
  if (exitCode === NOT_FOUND && !heard) {
    return new UsageError(
      "TRANSPORT_UNAVAILABLE",
      `helper "${command[0]}": command not found; install it, or pass another with --helper or MQTT_HELPER`,
    );
  }
  const how = exitCode === undefined ? "was killed" : `ended with exit code ${exitCode}`;
  const what = `the helper "${command.join(" ")}" ${how}${complaint === "" ? "" : `: ${complaint}`}`;
  return heard ? new Error(what) : new TransportError("CONNECTION_FAILED", `cannot connect to ${name}: ${what}`);
}
