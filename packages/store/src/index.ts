/**
 * The entry `@aiko/mqtt-store`: keeps sessions on disk.
 *
 * @module @aiko/mqtt-store
 */

export { DiskStore } from "./disk-store.js";
export type { DiskStoreOptions } from "./disk-store-options.js";
export type { FileSystem, OpenFile } from "./file-system.js";
export type { Damage } from "./journal.js";
export { lock } from "./lock.js";
export { MemoryFileSystem } from "./memory-file-system.js";
export { nodeFileSystem } from "./node-file-system.js";
export type { SpoolClock } from "./spool/age-limit.js";
export type { SpoolCounts } from "./spool/ledger.js";
export { MemorySpool, type MemorySpoolOptions } from "./spool/memory-spool.js";
export { Spool, type SpoolStatistics } from "./spool/spool.js";
export type { SpoolOptions } from "./spool/spool-options.js";
export { recordSize, type SpooledRecord, type SpoolRecord } from "./spool/spool-record.js";
