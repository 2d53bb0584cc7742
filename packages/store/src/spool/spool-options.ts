/** The options of a spool, and the precise settings that they become. */

import { UsageError } from "@aiko/mqtt";
import { func, holds, integer, type OptionsRead, object, oneOf, type Rule, readOptions } from "@aiko/mqtt/options";
import type { FileSystem } from "../file-system.js";
import type { Damage } from "../journal.js";
import { nodeFileSystem } from "../node-file-system.js";
import type { SpoolClock } from "./age-limit.js";

/** Options of `Spool.open`. */
export interface SpoolOptions {
  /**
   * The bytes that the segments may have on disk, at least four segments. One more segment may exist for a moment. Default 67,108,864 (64 MiB).
   */
  readonly maximumBytes?: number | undefined;
  /** The most records that are not settled, above 0. Default 1,000,000. */
  readonly maximumRecords?: number | undefined;
  /** The age in milliseconds at which a record is dropped as "expired", above 0. Default 604,800,000 (7 days). Infinity: never. */
  readonly maximumAge?: number | undefined;
  /** The size of a segment's file in bytes, 65,536 to 67,108,864. A record can be no larger. Default 1,048,576 (1 MiB). */
  readonly segmentSize?: number | undefined;
  /**
   * What happens when the spool is full. "reject": `append` rejects with STORE_FULL. "drop-oldest": the oldest segment is dropped as "full".
   * "latest-per-topic": records of which there is a later one with the same topic are dropped as "full"; if there are none, the oldest segment is.
   * Default "reject".
   */
  readonly full?: "reject" | "drop-oldest" | "latest-per-topic" | undefined;
  /**
   * When a record counts as accepted. "commit": when it is synced; a sync begins at once, and what comes meanwhile shares the next. A number:
   * when it is synced, and a sync begins so many milliseconds after the first record, up to 60,000. "never": when it is written, so it
   * survives the process but not a power loss. Default "commit".
   */
  readonly sync?: "commit" | "never" | number | undefined;
  /** Called for each damaged region that `Spool.open` finds. The intact records are kept. Default: none. */
  readonly onDamage?: ((damage: Damage) => void) | undefined;
  /** Called after each sync of records, with the milliseconds that it took. Default: none. */
  readonly onSync?: ((milliseconds: number) => void) | undefined;
  /** The clocks to use. Default: those of Node. */
  readonly clock?: SpoolClock | undefined;
  /** The file system to use. Default: that of Node. `new MemoryFileSystem()` keeps the records in memory. */
  readonly fileSystem?: FileSystem | undefined;
}

const MiB = 2 ** 20;

const above0 = (otherwise: number): Rule<number> =>
  holds((value) => typeof value === "number" && value > 0, "must be a number greater than 0", otherwise);

const nodeClock: SpoolClock = { wallTime: () => Date.now(), now: () => performance.now() };

const isDelay = (value: unknown): boolean => typeof value === "number" && value >= 0 && value <= 60_000;

const rules = {
  maximumBytes: above0(64 * MiB),
  maximumRecords: above0(1_000_000),
  maximumAge: above0(7 * 24 * 3_600_000),
  segmentSize: integer(65_536, 64 * MiB, MiB),
  full: oneOf(["reject", "drop-oldest", "latest-per-topic"], "reject"),
  sync: holds<"commit" | "never" | number, "commit">(
    (value) => value === "commit" || value === "never" || isDelay(value),
    'must be "commit", "never" or a number of milliseconds from 0 to 60000',
    "commit",
  ),
  onDamage: func<(damage: Damage) => void>(),
  onSync: func<(milliseconds: number) => void>(),
  clock: object<SpoolClock, SpoolClock>(nodeClock),
  fileSystem: object<FileSystem, FileSystem>(nodeFileSystem),
} satisfies Record<keyof SpoolOptions, unknown>;

export type SpoolSettings = OptionsRead<typeof rules>;

/** @throws UsageError OPTION_UNKNOWN or OPTION_INVALID */
export function parseSpoolOptions(options: SpoolOptions): SpoolSettings {
  const settings = readOptions(rules, options);
  const { maximumBytes, segmentSize } = settings;
  if (segmentSize * 4 > maximumBytes) {
    const what = `segmentSize ${segmentSize}: must be at most a quarter of maximumBytes (${maximumBytes})`;
    throw new UsageError("OPTION_INVALID", what, { option: "segmentSize" });
  }
  return settings;
}
