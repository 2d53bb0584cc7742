/** What may be said about a disk store, and the precise settings that come of it. */

import { func, holds, type OptionsRead, object, type Rule, readOptions } from "@aiko/mqtt/options";
import type { FileSystem } from "./file-system.js";
import type { Damage } from "./journal.js";
import { nodeFileSystem } from "./node-file-system.js";

export interface DiskStoreOptions {
  /**
   * The most bytes that the records of a session take, 64 for each record included, above 0; a write beyond is refused with
   * STORE_FULL. Default 256 MiB.
   */
  readonly maximumBytes?: number | undefined;
  /**
   * The most bytes of replaced and removed records that a file has before it is written anew, above 0, or as many as it has of
   * records, if that is more. While it is written anew, there are two of it on the disk. Default 8 MiB.
   */
  readonly toleratedWaste?: number | undefined;
  /**
   * Told of each part of a session's file that was damaged, when `open` has put the intact rest in its place. Without it,
   * `open` rejects with STORE_CORRUPT once; opening again goes on with what is intact.
   */
  readonly onDamage?: ((damage: Damage) => void) | undefined;
  /** What the store writes with. Default: the file system of Node. For tests that inject faults. */
  readonly fileSystem?: FileSystem | undefined;
}

const above0 = (otherwise: number): Rule<number> =>
  holds((value) => typeof value === "number" && value > 0, "must be a number greater than 0", otherwise);

const rules = {
  maximumBytes: above0(256 * 2 ** 20),
  toleratedWaste: above0(8 * 2 ** 20),
  onDamage: func<(damage: Damage) => void>(),
  fileSystem: object<FileSystem, FileSystem>(nodeFileSystem),
} satisfies Record<keyof DiskStoreOptions, unknown>;

export type DiskStoreSettings = OptionsRead<typeof rules>;

/** @throws UsageError OPTION_UNKNOWN or OPTION_INVALID */
export function parseDiskStoreOptions(options: DiskStoreOptions): DiskStoreSettings {
  return readOptions(rules, options);
}
