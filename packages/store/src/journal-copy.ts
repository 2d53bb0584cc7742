/** A new file for a session: created in addition to the old one, and filled with records and with copied bytes. */

import type { FileSystem, OpenFile } from "./file-system.js";
import { writeFrameHeader } from "./frames.js";
import { FRAME_HEADER_SIZE, type Framing } from "./framing.js";
import { FRAME_SIZE, RECORD_SIZE, writeChanges } from "./journal-format.js";
import { RecordTable } from "./record-table.js";

/** Creates a new file that contains only a header, replacing what may have been left there. */
export async function createFile(files: FileSystem, path: string, framing: Pick<Framing, "header">): Promise<OpenFile> {
  await files.remove(path);
  const file = await files.open(path, "new");
  if (file === undefined) throw new Error(`bug: ${path} was not made`);
  try {
    await file.write([framing.header], 0);
    return file;
  } catch (error) {
    await file.close();
    await files.remove(path).catch(() => {});
    throw error;
  }
}

/** Records that are collected into frames, after a new file's header. */
export class JournalCopy {
  end: number;
  private size = 0;
  private parts: Buffer[] = [];
  private readonly places = new RecordTable();

  constructor(
    private readonly file: OpenFile,
    private readonly framing: Framing,
  ) {
    this.end = framing.header.length;
  }

  /** Whether there are enough bytes for a full frame. */
  get isFull(): boolean {
    return this.size >= FRAME_SIZE;
  }

  add(key: number, value: Uint8Array): void {
    const part = writeChanges([{ key, value }]);
    this.places.set(key, this.end + FRAME_HEADER_SIZE + this.size + RECORD_SIZE, value.length, 0);
    this.parts.push(part);
    this.size += part.length;
  }

  async flush(): Promise<void> {
    if (this.size === 0) return;
    await this.file.write([writeFrameHeader(this.parts, this.framing), ...this.parts], this.end);
    this.end += FRAME_HEADER_SIZE + this.size;
    this.size = 0;
    this.parts = [];
  }

  /** Returns the position of the record's value. */
  positionOf(key: number): number {
    const position = this.places.positionOf(key);
    if (position < 0) throw new Error(`bug: the record ${key} was not copied`);
    return position;
  }
}

/** Copies the bytes from `from` to `to`, moved by `shift`. Resolves to `to`. */
export async function copyBytes(
  source: OpenFile,
  from: number,
  to: number,
  target: OpenFile,
  shift: number,
): Promise<number> {
  const buffer = Buffer.allocUnsafe(Math.min(FRAME_SIZE, to - from));
  for (let at = from; at < to; at += buffer.length) {
    const part = buffer.subarray(0, Math.min(buffer.length, to - at));
    if ((await source.read(part, at)) < part.length) throw new Error(`the file ends before ${to}`);
    await target.write([part], at + shift);
  }
  return to;
}
