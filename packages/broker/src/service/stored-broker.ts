/** The directory of a broker's sessions and messages, read from outside: also while a broker uses it. Changes nothing in it. */

import { lstat, mkdtemp, open, rename, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { StoreError, type StoreRecord } from "@aiko/mqtt";
import { DiskStore } from "@aiko/mqtt-store";
import { SESSION_NAME } from "../persistence/persistence.js";
import { type StoreContents, storeContents } from "./store-contents.js";

/** What `backUpStore` has copied. */
export interface StoreBackup {
  readonly records: number;
  readonly bytes: number;
}

/** Records of one write of a backup. */
const BATCH = 1_000;

/**
 * Reads which sessions and retained messages a broker's directory has, also while the broker runs: what is on disk at this moment.
 *
 * @param directory the directory of [persistence], or of a backup
 * @throws StoreError STORE_FAILED if it cannot be read, or contains no sessions of a broker
 * @example (await readStoreContents("/var/lib/aiko-broker")).sessions.length
 */
export async function readStoreContents(directory: string): Promise<StoreContents> {
  return storeContents(await recordsIn(directory));
}

/**
 * Copies a broker's directory, also while the broker runs: everything that it has acknowledged until now. The copy is at `target` as a whole or not
 * at all, and is itself a directory for [persistence]. The process needs memory for all records.
 *
 * @param target the path of a directory that does not exist yet
 * @throws StoreError STORE_FAILED or STORE_FULL; StoreError STORE_FAILED if `target` exists
 */
export async function backUpStore(directory: string, target: string): Promise<StoreBackup> {
  const records = await recordsIn(directory);
  const path = resolve(target);
  await assertFree(path, target);
  const partial = await failing(`create a directory beside ${target}`, () => mkdtemp(`${path}.partial-`));
  try {
    await write(records, partial);
    await failing(`rename ${partial} to ${target}`, async () => {
      await rename(partial, path);
      await syncDirectory(dirname(path));
    });
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
  return { records: records.length, bytes: records.reduce((sum, { value }) => sum + value.length, 0) };
}

/** @throws StoreError */
async function recordsIn(directory: string): Promise<readonly StoreRecord[]> {
  const records = await new DiskStore(directory).read(SESSION_NAME);
  if (records !== undefined) return records;
  throw new StoreError(
    "STORE_FAILED",
    `${directory}: contains no sessions of a broker; pass the directory of persistence.dir`,
  );
}

async function assertFree(path: string, target: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => error);
  if ("code" in found && found.code === "ENOENT") return;
  const why = "code" in found ? `cannot be used (${found.code})` : "exists already; pass the path of a new directory";
  throw new StoreError("STORE_FAILED", `${target}: ${why}`);
}

async function write(records: readonly StoreRecord[], directory: string): Promise<void> {
  const { session } = await new DiskStore(directory, { maximumBytes: Infinity }).open(SESSION_NAME);
  try {
    for (let at = 0; at < records.length; at += BATCH) await session.write(records.slice(at, at + BATCH));
  } finally {
    await session.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return; // directories cannot be opened there
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** @throws StoreError if `run` fails */
async function failing<Result>(what: string, run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (cause) {
    throw new StoreError("STORE_FAILED", `could not ${what}: ${(cause as Error).message}`, { cause });
  }
}
