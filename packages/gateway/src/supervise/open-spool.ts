/** Opens the spool that a configuration describes. */

import { type Platform, StoreError } from "@aiko/mqtt";
import type { Log } from "@aiko/mqtt-configuration";
import { type FileSystem, Spool } from "@aiko/mqtt-store";
import type { Configuration } from "../configuration/configuration.js";

/** The directory of a spool in memory. */
const IN_MEMORY = "memory";

/** @throws StoreError STORE_FAILED if it has no directory */
export function spoolDirectory({ spool: { mode, dir } }: Configuration): string {
  if (mode === "disk" && dir === undefined) throw new StoreError("STORE_FAILED", "spool.dir is missing");
  return dir ?? IN_MEMORY;
}

export function openSpool(
  configuration: Configuration,
  fileSystem: FileSystem,
  { clock }: Platform,
  synced: (seconds: number) => void,
  log: Log,
): Promise<Spool> {
  const { maxBytes, maxRecords, maxAge, segment, full, sync } = configuration.spool;
  return Spool.open(spoolDirectory(configuration), {
    maximumBytes: maxBytes,
    maximumRecords: maxRecords,
    maximumAge: maxAge,
    segmentSize: segment,
    full: full === "drop-newest" ? "reject" : full, // the intake drops what the spool rejects
    sync,
    clock: { now: () => clock.now(), wallTime: () => Date.now() },
    onDamage: ({ file, offset, bytes, keptAs }) => log.error("the spool was damaged", { file, offset, bytes, keptAs }),
    onSync: (milliseconds) => synced(milliseconds / 1_000),
    fileSystem,
  });
}
