/** One segment of the spool: a file with frames of records that follow one another. Knows nothing of what is settled. */

import { join } from "node:path";
import type { FileSystem, OpenFile } from "../file-system.js";
import { writeFrameHeader } from "../frames.js";
import { FRAME_HEADER_SIZE, type Framing, newFraming } from "../framing.js";
import { createFile } from "../journal-copy.js";

/** The name of a segment's file is its number and this. */
const SUFFIX = ".spool";
/** While it is created. Removed when the spool is opened. */
const NEW = "segment.new";

export class Segment {
  /** The sequence behind that of the last record. */
  next: number;
  /** When the last record was accepted. */
  lastAcceptedAt = 0;
  /** The body of the last frame and where the frame begins, so that a reader that follows closely need not read the file. Undefined: read it. */
  fresh: { readonly position: number; readonly body: Buffer } | undefined;
  /** Whether it has damaged regions. Then nothing is added to it. */
  isDamaged = false;
  /** Whether its records count no more. */
  isRemoved = false;

  /**
   * @param end where the last intact and synced frame ends
   * @param first the sequence of the first record
   */
  constructor(
    readonly number: number,
    readonly path: string,
    public framing: Framing,
    public end: number,
    public first: number,
  ) {
    this.next = first;
  }

  /** Whether it has no records. */
  get isEmpty(): boolean {
    return this.next === this.first;
  }

  /** Makes a segment, and replaces one that has its number. Resolves when its contents survive a power loss; its name may not yet. */
  static async create(
    files: FileSystem,
    directory: string,
    number: number,
    first: number,
    definitions: Buffer,
    others: readonly Buffer[] = [],
  ): Promise<{ segment: Segment; file: OpenFile }> {
    const path = pathOf(directory, number);
    const temporary = join(directory, NEW);
    const framing = newFraming(framingName(number));
    const file = await createFile(files, temporary, framing);
    try {
      const segment = new Segment(number, path, framing, framing.header.length, first);
      await segment.write(file, [definitions, ...others]);
      segment.end += Segment.sizeOf([definitions, ...others]);
      await file.sync();
      await files.rename(temporary, path);
      return { segment, file };
    } catch (error) {
      await file.close();
      await files.remove(temporary).catch(() => {});
      throw error;
    }
  }

  /** The bytes that frames with these bodies take. */
  static sizeOf(bodies: readonly Buffer[]): number {
    return bodies.reduce((sum, body) => sum + FRAME_HEADER_SIZE + body.length, 0);
  }

  /** Writes a frame for each body behind `end`. They count when `end` is moved behind them. */
  write(file: OpenFile, bodies: readonly Buffer[]): Promise<void> {
    return file.write(
      bodies.flatMap((body) => [writeFrameHeader([body], this.framing), body]),
      this.end,
    );
  }
}

/** Resolves to the numbers of the segments in the directory, in ascending order. */
export async function segmentNumbers(files: FileSystem, directory: string): Promise<number[]> {
  const numbers = (await files.list(directory)).flatMap((name) => {
    const number = name.endsWith(SUFFIX) ? Number(name.slice(0, -SUFFIX.length)) : Number.NaN;
    return Number.isSafeInteger(number) && number > 0 && pathOf(directory, number) === join(directory, name)
      ? [number]
      : [];
  });
  return numbers.sort((a, b) => a - b);
}

export function pathOf(directory: string, number: number): string {
  return join(directory, `${String(number).padStart(8, "0")}${SUFFIX}`);
}

/** The path of the file that is left if the process dies while it creates a segment. */
export function unfinishedPath(directory: string): string {
  return join(directory, NEW);
}

/** What a segment's file is recognized by, in addition to its own header. */
export function framingName(number: number): string {
  return `spool/${number}`;
}
