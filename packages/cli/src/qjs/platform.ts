/**
 * The platform of a bare `qjs`: its clock, and a network through a helper process, such as `nc`, or a serial line.
 * Replaces `#platform` in the bundle.
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

/** The bytes that a serial line's driver accepts without much blocking. */
const LINE_STEP = 256;
/** Milliseconds that a helper may take to end after its standard input or output has ended. */
const HELPER_PATIENCE = 500;
/** The exit code for a command that does not exist. */
const NOT_FOUND = 127;

// Without this, the next write to a dead helper would end this process with a signal.
os.signal(os.SIGPIPE, () => undefined);

export const platform: Platform = { clock, random: { next: Math.random }, dial };

/**
 * Dials with a command whose standard input and output carry the bytes. In it, `%h` stands for the host and `%p` for
 * the port.
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
  if (scheme === "mqtt") return dialByUsualCommand(address, signal);
  assertPlain(address);
  if (scheme === "unix") return viaHelper(["socat", "-", `UNIX-CONNECT:${host}`], nameOf(address), signal);
  throw new UsageError(
    "TRANSPORT_UNAVAILABLE",
    `url: QuickJS cannot connect with "${scheme}:"; pass a helper that can, as in "socat - OPENSSL:%h:%p", and use mqtt:`,
  );
}

/** Dials with the command for TCP that this machine has, whatever MQTT_HELPER is. */
export function dialByUsualCommand(address: ServerAddress, signal: AbortSignalLike): Transport {
  assertPlain(address);
  return viaHelper(usualCommand(address), nameOf(address), signal);
}

/**
 * The command that dials by default. BusyBox's `nc`, which most routers have, takes less than half the memory of socat.
 * Of the other kinds of `nc`, one reports nothing if a server refuses the connection, and one survives a killed
 * process. So socat is preferred to them.
 */
function usualCommand({ host, port }: ServerAddress): readonly string[] {
  const nc = fileOf("nc");
  const isBusyBox = nc !== undefined && /\/busybox[^/]*$/.test(nc);
  if (isBusyBox || (nc !== undefined && fileOf("socat") === undefined)) return ["nc", host, String(port)];
  const shown = host.includes(":") ? `[${host}]` : host;
  return ["socat", "-", `TCP:${shown}:${port},nodelay`];
}

/** Returns the file of a command, with links resolved, or undefined if the command does not exist. */
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

/**
 * Checks the host, which becomes part of a command line. A server may name it (Server Reference), and must not be able
 * to add other arguments.
 */
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

/** Returns why the stream ended; undefined if the server ended it. */
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
