/** Opens the spool as the configuration describes it. Knows nothing of sources and of the uplink. */

import { type Platform, StoreError } from "@aiko/mqtt";
import { type FileSystem, MemoryFileSystem, Spool } from "@aiko/mqtt-store";
import type { Configuration } from "../configuration/configuration.js";
import type { Histogram } from "./histogram.js";
import type { Log } from "./log.js";

/**
 * @param syncs gets the time that each sync takes, in seconds
 * @throws StoreError STORE_LOCKED, STORE_FULL or STORE_FAILED
 */
export function openSpool(
  { spool }: Configuration,
  given: FileSystem | undefined,
  { clock }: Platform,
  syncs: Histogram,
  log: Log,
): Promise<Spool> {
  const { mode, dir, maxBytes, maxRecords, maxAge, segment, full, sync } = spool;
  if (mode === "disk" && dir === undefined) throw new StoreError("STORE_FAILED", "spool.dir is missing");
  return Spool.open(dir ?? "memory", {
    maximumBytes: maxBytes,
    maximumRecords: maxRecords,
    maximumAge: maxAge,
    segmentSize: segment,
    full: full === "drop-newest" ? "reject" : full, // the intake drops what the spool rejects
    sync,
    clock: { now: () => clock.now(), wallTime: () => Date.now() },
    onDamage: ({ file, offset, bytes, keptAs }) => log.error("the spool was damaged", { file, offset, bytes, keptAs }),
    onSync: (milliseconds) => syncs.add(milliseconds / 1_000),
    fileSystem: given ?? (mode === "memory" ? new MemoryFileSystem() : undefined),
  });
}
