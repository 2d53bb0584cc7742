/**
 * Serial lines on Linux, without native code: `stty` sets the line, and Node reads it as a terminal. So no thread is held, and the end of
 * the device ends the stream.
 */

import { spawn } from "node:child_process";
import { closeSync, constants, openSync, readSync } from "node:fs";
import { ReadStream } from "node:tty";
import type { SerialSettings } from "../configuration/configuration.js";
import type { SerialPort } from "./serial-port.js";
import { NO_WAIT, sttyArguments } from "./stty-arguments.js";

const FLAGS = constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK;
/** A device that never pauses must not keep the flush going for ever. */
const MOST_FLUSHED = 2 ** 20;
/** Characters of stty's message. */
const MOST_MESSAGE = 300;
/** Milliseconds that stty has: a line with flow control may never take what is still to be sent. */
const MOST_SETTING = 5_000;

/** Rejects if the line cannot be opened or set, or the signal fires. */
export async function openTty(path: string, settings: SerialSettings, signal: AbortSignal): Promise<SerialPort> {
  const descriptor = openSync(path, FLAGS);
  try {
    const wanted = sttyArguments(settings);
    await stty(path, [NO_WAIT, ...wanted], signal).catch((error: Error) => {
      if (!error.message.includes(NO_WAIT)) throw error;
      return stty(path, wanted, signal);
    });
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  let stream: ReadStream | undefined;
  return {
    flush: async () => flush(descriptor),
    stream: () => {
      stream = new ReadStream(descriptor);
      return stream;
    },
    close: () => {
      if (stream === undefined) closeSync(descriptor);
      else stream.destroy();
    },
  };
}

/** The line is open already, so that the settings stay. The descriptor is not passed on: Node would make it blocking. */
function stty(path: string, settings: readonly string[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn("stty", ["-F", path, ...settings], {
      stdio: ["ignore", "ignore", "pipe"],
      signal,
      timeout: MOST_SETTING,
      killSignal: "SIGKILL",
    });
    let message = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      message = (message + text).slice(0, MOST_MESSAGE);
    });
    child.on("error", (error) => reject(new Error(`stty cannot be run: ${error.message}`)));
    child.on("exit", (_code, by) => {
      if (by !== null) reject(new Error(`the line was not set: stty was ended by ${by}`));
    });
    child.on("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`the line was not set: ${message.trim() || `stty ended with the exit code ${code}`}`));
    });
  });
}

/** Node has no call for it, so what is there is read. */
function flush(descriptor: number): void {
  const buffer = Buffer.allocUnsafe(4096);
  try {
    for (let flushed = 0; flushed < MOST_FLUSHED; ) {
      const count = readSync(descriptor, buffer);
      if (count === 0) return;
      flushed += count;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
  }
}
