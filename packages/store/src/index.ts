/**
 * The entry `@aiko/mqtt-store`: keeps sessions on disk.
 *
 * @module @aiko/mqtt-store
 */

export { DiskStore } from "./disk-store.js";
export type { DiskStoreOptions } from "./disk-store-options.js";
export type { FileSystem, OpenFile } from "./file-system.js";
export type { Damage } from "./journal.js";
