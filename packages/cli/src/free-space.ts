/** Whether a directory can be used, and the free space of its file system. Changes nothing. */

import { access, constants, stat, statfs } from "node:fs/promises";
import { dirname, resolve } from "node:path";

/**
 * Resolves to the bytes that a directory has space for.
 *
 * @throws Error if this process cannot read and write there
 */
export async function freeBytes(dir: string): Promise<number> {
  const existing = await nearest(resolve(dir));
  await access(existing, constants.R_OK | constants.W_OK | constants.X_OK);
  const { bavail, bsize } = await statfs(existing);
  return bavail * bsize;
}

/** Resolves to the directory, or to the nearest one above it that exists: the service, which may be another user, creates the rest. */
async function nearest(dir: string): Promise<string> {
  try {
    if ((await stat(dir)).isDirectory()) return dir;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return nearest(dirname(dir));
    throw error;
  }
  throw new Error(`${dir} is not a directory`);
}
