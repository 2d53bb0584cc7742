/** Opens serial lines with `stty` and the functions of `os`. Knows nothing of what is sent. */

import * as os from "qjs:os";
import { strerror } from "qjs:std";
import type { Clock } from "@aiko/mqtt";
import {
  isPattern,
  lineUse,
  NO_WAIT,
  type Opener,
  onlyMatch,
  type SerialSettings,
  sttyArguments,
} from "@aiko/mqtt-gateway/machine";
import { StreamTransport } from "../stream-transport.js";
import { Helper, type HelperEnd } from "../way-process.js";
import { lineFlags } from "./line-flags.js";
import { TransportStream } from "./transport-stream.js";

/** The bytes that a serial line's driver accepts without much blocking. */
const STEP = 256;
/** Milliseconds that stty has: a line with flow control may never take what is still to be sent. */
const MOST_SETTING = 5_000;
/** Bytes that are discarded at once, and at most: a device that never pauses must not keep that going for ever. */
const FLUSHED_AT_ONCE = 4_096;
const MOST_FLUSHED = 2 ** 20;
const NOT_FOUND = 127;

export function serialOpener(settings: SerialSettings, clock: Clock): Opener {
  const { id, device, openDelay, atOpen } = settings;
  return {
    ...lineUse(settings),
    async open(signal) {
      const path = findDevice(device);
      const fd = os.open(path, lineFlags());
      if (fd < 0) throw new Error(`${path}: ${strerror(-fd)}`);
      try {
        await setLine(path, settings);
        if (openDelay > 0 && !signal.aborted) await new Promise<void>((resolve) => clock.schedule(openDelay, resolve));
        if (atOpen === "flush") flush(fd);
      } catch (error) {
        os.close(fd);
        throw error;
      }
      const line = new StreamTransport({
        input: fd,
        output: fd,
        step: STEP,
        close: (_cause, _heard, closed) => closed(),
      });
      return { stream: new TransportStream(line), url: `serial:${path}`, peer: { peer: id, port: 0 } };
    },
  };
}

/** @throws Error if not exactly one device matches */
function findDevice(pattern: string): string {
  const at = pattern.lastIndexOf("/") + 1;
  const [directory, name] = [pattern.slice(0, at) || ".", pattern.slice(at)];
  if (!isPattern(name)) return realPath(pattern);
  const [names, errno] = os.readdir(directory);
  if (errno !== 0) throw new Error(`${directory}: ${strerror(errno)}`);
  const found = onlyMatch(
    names.filter((each) => each !== "." && each !== ".."),
    name,
    pattern,
  );
  return realPath(`${directory}/${found}`);
}

function realPath(path: string): string {
  const [real, errno] = os.realpath(path);
  if (errno !== 0) throw new Error(`${path}: ${strerror(errno)}`);
  return real;
}

/** The line is open already, so that the settings stay. */
async function setLine(path: string, settings: SerialSettings): Promise<void> {
  const wanted = sttyArguments(settings);
  let end = await stty(path, [NO_WAIT, ...wanted]);
  if (end.exitCode !== 0 && end.complaint.includes(NO_WAIT)) end = await stty(path, wanted);
  if (end.exitCode === 0) return;
  if (end.exitCode === NOT_FOUND)
    throw new Error("the program stty is missing; install it (on OpenWrt: coreutils-stty)");
  const why =
    end.exitCode === undefined ? "stty did not end" : end.complaint || `stty ended with the exit code ${end.exitCode}`;
  throw new Error(`the line was not set: ${why}`);
}

function stty(path: string, settings: readonly string[]): Promise<HelperEnd> {
  const helper = new Helper(["stty", "-F", path, ...settings]);
  os.close(helper.input);
  os.close(helper.output);
  return new Promise((resolve) => helper.awaitEnd(MOST_SETTING, resolve));
}

/** `os` has no call for it, so what is there is read. The descriptor does not block. */
function flush(fd: number): void {
  const buffer = new ArrayBuffer(FLUSHED_AT_ONCE);
  for (let flushed = 0; flushed < MOST_FLUSHED; ) {
    const length = os.read(fd, buffer, 0, FLUSHED_AT_ONCE);
    if (length <= 0) return;
    flushed += length;
  }
}
