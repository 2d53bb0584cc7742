/**
 * A payload as standard input of a process: a file that has no name any more. Through a pipe, a process would see a
 * shorter payload if `sub` is killed while it writes, and could not tell.
 */

import { randomBytes } from "node:crypto";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A file in memory leaves no payload on a disk, and wears out none. */
const IN_MEMORY = "/dev/shm";

/**
 * Returns a descriptor that the caller must close. What reads from it begins with the first byte.
 *
 * @throws {Error} if neither memory nor the folder for temporary files (`TMPDIR`) has room
 */
export function openInput(bytes: Uint8Array): number {
  if (process.platform === "linux") {
    try {
      return openInputIn(IN_MEMORY, bytes);
    } catch {
      // It does not exist, or it is full.
    }
  }
  try {
    return openInputIn(tmpdir(), bytes);
  } catch (error) {
    throw new Error(`there is no room for the payload in ${tmpdir()} (${(error as Error).message})`);
  }
}

function openInputIn(folder: string, bytes: Uint8Array): number {
  const path = join(folder, `aiko-mqtt-${randomBytes(12).toString("hex")}`);
  const descriptor = openSync(path, "wx+", 0o600);
  try {
    rmSync(path);
    // With a position, so that the descriptor still stands at the beginning.
    for (let written = 0; written < bytes.length; )
      written += writeSync(descriptor, bytes, written, bytes.length - written, written);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  return descriptor;
}
