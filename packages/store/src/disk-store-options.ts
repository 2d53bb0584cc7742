/** What may be said about a disk store, and the precise settings that come of it. */

import { UsageError } from "@aiko/mqtt";
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

export interface DiskStoreSettings {
  readonly maximumBytes: number;
  readonly toleratedWaste: number;
  readonly onDamage: ((damage: Damage) => void) | undefined;
  readonly fileSystem: FileSystem;
}

const names: readonly string[] = ["maximumBytes", "toleratedWaste", "onDamage", "fileSystem"];

/** @throws UsageError OPTION_UNKNOWN or OPTION_INVALID */
export function parseDiskStoreOptions(options: DiskStoreOptions): DiskStoreSettings {
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) throw new UsageError("OPTION_UNKNOWN", `option "${name}": there is no such option`);
  }
  const { onDamage, fileSystem = nodeFileSystem } = options;
  const { maximumBytes = 256 * 2 ** 20, toleratedWaste = 8 * 2 ** 20 } = options;
  for (const [name, value] of Object.entries({ maximumBytes, toleratedWaste })) {
    if (!(typeof value === "number" && value > 0)) {
      throw new UsageError("OPTION_INVALID", `${name} ${value}: must be a number above 0`);
    }
  }
  if (onDamage !== undefined && typeof onDamage !== "function") {
    throw new UsageError("OPTION_INVALID", `onDamage ${onDamage}: must be a function`);
  }
  return { maximumBytes, toleratedWaste, onDamage, fileSystem };
}
