/**
 * A small text file with secrets: reads it as a whole, and replaces it so that readers see the old text or the new one,
 * also after a power loss. Knows nothing of what it contains.
 */

import { randomUUID } from "node:crypto";
import { type FileHandle, open, realpath, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** The text of a file, and what stays when it is replaced. */
export interface FileContents {
  readonly text: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** The most bytes of a file. */
const LARGEST = 16_777_216;
/** Of a new file. */
const MODE = 0o600;
const PERMISSIONS = 0o777;

/** @throws the system's error; Error if the file is too large */
export function readWhole(path: string): Promise<FileContents> {
  return withFile(path, "r", async (file) => {
    const { size, mode, uid, gid } = await file.stat();
    if (size > LARGEST) throw new Error(`it has ${size} bytes; the limit is ${LARGEST}`);
    return { text: await file.readFile("utf8"), mode, uid, gid };
  });
}

/** Creates an empty file that only its owner can read. @throws the system's error, also if the file exists */
export async function createFile(path: string): Promise<void> {
  await withFile(path, "wx", (file) => file.sync());
  await syncDirectory(dirname(path));
}

/** Replaces the text. The permissions and the owner stay. @throws the system's error; then the file is as before */
export async function replaceWhole(path: string, text: string, { mode, uid, gid }: FileContents): Promise<void> {
  const target = await realpath(path); // a symbolic link stays one
  const fresh = join(dirname(target), `.${basename(target)}.${randomUUID()}`);
  try {
    await withFile(fresh, "wx", async (file) => {
      const own = await file.stat();
      if (own.uid !== uid || own.gid !== gid) await file.chown(uid, gid);
      await file.chmod(mode & PERMISSIONS);
      await file.writeFile(text);
      await file.sync();
    });
    await rename(fresh, target);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
  await syncDirectory(dirname(target));
}

async function withFile<Result>(
  path: string,
  flags: string,
  use: (file: FileHandle) => Promise<Result>,
): Promise<Result> {
  const file = await open(path, flags, MODE);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/** Makes a new name survive a power loss. */
async function syncDirectory(path: string): Promise<void> {
  await withFile(path, "r", (directory) => directory.sync());
}
