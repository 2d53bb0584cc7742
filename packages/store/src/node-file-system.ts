/** The file system of Node. */

import * as fs from "node:fs";
import { link, mkdir, open, readdir, rename, rm, stat, statfs } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { codeOf, type FileSystem, type OpenFile } from "./file-system.js";
import { lock } from "./lock.js";

/** Other users must not read messages. */
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;

const { O_RDWR, O_CREAT, O_EXCL } = fs.constants;
/**
 * A user who can write to the directory can place a link there to any file of this user. On Windows only administrators
 * can, and the flag does not exist.
 */
const O_NOFOLLOW = fs.constants.O_NOFOLLOW ?? 0;
const EXISTING = O_RDWR | O_NOFOLLOW;
const CREATE = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;

/** The file system of Node. */
export const nodeFileSystem: FileSystem = {
  async makeDirectory(path) {
    const first = await makeDirectories(path);
    if (first === undefined) {
      await warnIfExposed(path);
      return;
    }
    const above = dirname(resolve(first));
    for (let made = resolve(path); made !== above; made = dirname(made)) await syncDirectory(dirname(made));
  },
  lock,
  async open(path, as) {
    try {
      const file = new NodeFile(await openFile(path, as === "new" ? CREATE : EXISTING, FILE_MODE));
      if (as === "existing") await assertNotPlanted(file, path);
      return file;
    } catch (error) {
      const code = codeOf(error);
      if (as === "existing" && code === "ENOENT") return undefined;
      if (code === "ELOOP" || code === "EMLINK") throw planted(path, "is a symbolic link", error);
      throw error;
    }
  },
  list: (path) => readdir(path),
  rename,
  link,
  remove: (path) => rm(path, { force: true }),
  freeSpace,
  syncDirectory,
};

async function freeSpace(path: string): Promise<number | undefined> {
  try {
    const { bavail, bsize, blocks } = await statfs(path);
    return blocks === 0 ? undefined : bavail * bsize; // some network file systems report nothing
  } catch {
    return undefined; // a runtime or a file system that has no such call
  }
}

// With the callback functions, a synced write takes a third less time than with FileHandle.
const openFile = promisify(fs.open);
const readFile = promisify(fs.read);
const truncateFile = promisify(fs.ftruncate);
const syncFile = promisify(fs.fdatasync);
const statFile = promisify(fs.fstat);
const closeFile = promisify(fs.close);

/**
 * Resolves to the number of written bytes. It does not use `promisify`, which gives a number on Deno and an object on
 * Node.
 */
function writeFile(descriptor: number, buffers: readonly Uint8Array[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.writev(descriptor, buffers, position, (error, written) => (error ? reject(error) : resolve(written)));
  });
}

/**
 * Makes a directory and its parents. Resolves to the first one that did not exist. Not by Node's option `recursive`, which tries for ever where a
 * directory cannot be made although its parent exists, as in /proc.
 */
async function makeDirectories(path: string): Promise<string | undefined> {
  try {
    await mkdir(path, { mode: DIRECTORY_MODE });
    return path;
  } catch (error) {
    if (await isDirectory(path)) return undefined;
    const above = dirname(path);
    if (codeOf(error) !== "ENOENT" || above === path || (await isDirectory(above))) throw error;
    const first = await makeDirectories(above);
    await mkdir(path, { mode: DIRECTORY_MODE });
    return first ?? path;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

class NodeFile implements OpenFile {
  constructor(private readonly descriptor: number) {}

  stat(): Promise<fs.Stats> {
    return statFile(this.descriptor);
  }

  async size(): Promise<number> {
    return (await this.stat()).size;
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    let filled = 0;
    while (filled < buffer.length) {
      const left = buffer.length - filled;
      const { bytesRead } = await readFile(this.descriptor, buffer, filled, left, position + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled;
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    let left = buffers.filter(({ length }) => length > 0);
    let at = position;
    while (left.length > 0) {
      const written = await writeFile(this.descriptor, left, at);
      at += written;
      left = behind(left, written);
    }
  }

  truncate(size: number): Promise<void> {
    return truncateFile(this.descriptor, size);
  }

  sync(): Promise<void> {
    return syncFile(this.descriptor);
  }

  close(): Promise<void> {
    return closeFile(this.descriptor);
  }
}

/** Returns what remains of the buffers after `count` bytes: a write may be incomplete. */
function behind(buffers: readonly Uint8Array[], count: number): Uint8Array[] {
  let skip = count;
  return buffers.flatMap((buffer) => {
    const skipped = Math.min(skip, buffer.length);
    skip -= skipped;
    return skipped === buffer.length ? [] : [buffer.subarray(skipped)];
  });
}

/** Closes the file and throws, unless this user, root, or the directory's owner can have created it. */
async function assertNotPlanted(file: NodeFile, path: string): Promise<void> {
  try {
    const found = await file.stat();
    if (!found.isFile()) throw planted(path, "is not a regular file");
    if (found.uid === 0 || found.uid === (await stat(dirname(path))).uid) return;
    // Checked last: Deno requires a permission for it.
    if (found.uid !== (process.geteuid?.() ?? found.uid)) throw planted(path, `belongs to another user (${found.uid})`);
  } catch (error) {
    await file.close();
    throw error;
  }
}

function planted(path: string, what: string, cause?: unknown): Error {
  return new Error(`${path} ${what}, so another user may have put it there, and it is not opened; remove it`, {
    cause,
  });
}

/** Directories for which this process has logged a warning. */
const exposed = new Set<string>();
const WRITABLE_BY_OTHERS = 0o022;

/**
 * A directory that others can write to is accepted: with a umask of 002, many are. Links and files of others in it are
 * not used.
 */
async function warnIfExposed(path: string): Promise<void> {
  if (process.platform === "win32" || exposed.has(path)) return; // the mode does not contain permissions there
  const { mode } = await stat(path);
  if ((mode & WRITABLE_BY_OTHERS) === 0) return;
  exposed.add(path);
  process.emitWarning(
    `disk store: other users can write to ${path} (mode ${(mode & 0o7777).toString(8)}), and can therefore remove or lock sessions; ` +
      `run chmod go-w on it`,
    { type: "AikoMqttWarning", code: "STORE_EXPOSED" },
  );
}

async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return; // directories cannot be opened there; NTFS journals names itself
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
