/** The options of a disk store, and the precise settings that they become. */

import { func, holds, type OptionsRead, object, type Rule, readOptions } from "@aiko/mqtt/options";
import type { FileSystem } from "./file-system.js";
import type { Damage } from "./journal.js";
import { nodeFileSystem } from "./node-file-system.js";

/** Options of DiskStore. */
export interface DiskStoreOptions {
  /**
   * The bytes that the records of a session may use, including 64 for each record, above 0. Writes beyond are rejected
   * with STORE_FULL. Default 268,435,456 (256 MiB).
   */
  readonly maximumBytes?: number | undefined;
  /**
   * The bytes of replaced and removed records that a file may contain before it is rewritten, above 0. A file may
   * always contain as many as it has bytes of records. During the rewrite, both files are on the disk. Default
   * 8,388,608 (8 MiB).
   */
  readonly toleratedWaste?: number | undefined;
  /**
   * Called for each damaged region of a session's file, after `open` has recovered the intact records. If `onDamage` is
   * not set, `open` rejects once with STORE_CORRUPT; the next `open` continues with the intact records.
   */
  readonly onDamage?: ((damage: Damage) => void) | undefined;
  /** The file system to use. Default: that of Node. For tests that inject faults. */
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
