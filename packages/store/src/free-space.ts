/**
 * Whether the file system has room for a session's file to grow. A file is rewritten to get rid of removed records, which
 * needs room for a copy. If the file took all room, nothing could be removed any more. Writes nothing.
 */

import type { FileSystem } from "./file-system.js";

/** How often the free space is measured while there is enough: after so many written bytes. */
const INTERVAL = 2 ** 20;
/** The room that is left in any case: for removals, and for records that change without growing. */
const RESERVE = 2 ** 18;
/** The room that is left for a copy of the records, and for what replaces them meanwhile, as a multiple of their size. */
const COPY = 1.5;

export class FreeSpace {
  private free: number | undefined;
  /** Bytes written since it was measured. */
  private written = Infinity;
  private low = false;

  constructor(
    private readonly files: FileSystem,
    private readonly directory: string,
  ) {}

  /** Whether nothing more may be stored. Removals are possible. */
  get isLow(): boolean {
    return this.low;
  }

  /** Whether there is room for a copy of this size. */
  hasRoomFor(copy: number): boolean {
    return this.free === undefined || this.free - this.written >= copy + RESERVE / 4;
  }

  /**
   * Measures the free space, if that is due. Afterwards `isLow` holds for a write of this size.
   *
   * @param used the bytes of the records in the file
   */
  async prepare(size: number, used: number): Promise<void> {
    if (this.files.freeSpace === undefined) return;
    const needed = size + RESERVE + COPY * used;
    if (this.isShortOf(needed) || this.written >= INTERVAL) {
      this.free = await this.files.freeSpace(this.directory);
      this.written = 0;
    }
    this.low = this.isShortOf(needed);
  }

  /** Call it after so many bytes were written. */
  wrote(size: number): void {
    this.written += size;
  }

  /** In words. */
  get description(): string {
    return `the file system has ${this.free} bytes free, and rewriting the file needs a part of them`;
  }

  private isShortOf(needed: number): boolean {
    return this.free !== undefined && this.free - this.written < needed;
  }
}
