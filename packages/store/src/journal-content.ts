/** Reads a session's file from beginning to end: its current records, and where it is damaged. Changes nothing. */

import type { StoreRecord } from "@aiko/mqtt";
import type { OpenFile } from "./file-system.js";
import { FrameReader } from "./frames.js";
import { type Framing, readFraming } from "./framing.js";
import { eachChange, isChanges } from "./journal-format.js";

/** A part of the file that contains no intact records. */
interface DamagedPart {
  readonly offset: number;
  readonly bytes: number;
}

export interface JournalContent {
  /** In ascending order of the keys. */
  readonly records: readonly StoreRecord[];
  readonly damaged: readonly DamagedPart[];
  /** Undefined if the file's header is not readable. */
  readonly framing: Framing | undefined;
  /** Where the intact frames end. 0 if there is no header. */
  readonly end: number;
}

/**
 * @param size the bytes of the file that are read
 * @param name the session's name
 * @param found receives the changes of each frame, in order, and their position in the file
 */
export async function readContent(
  file: OpenFile,
  size: number,
  name: string,
  found: (changes: Buffer, position: number) => void = () => undefined,
): Promise<JournalContent> {
  const header = await readFraming(file, name);
  if (header === undefined) return { records: [], damaged: [{ offset: 0, bytes: size }], framing: undefined, end: 0 };
  const { framing, damaged: damagedHeader } = header;
  const damaged: DamagedPart[] = damagedHeader > 0 ? [{ offset: 0, bytes: damagedHeader }] : [];
  const values = new Map<number, Uint8Array>();
  const reader = new FrameReader(file, size, framing, isChanges);
  for (let frame = await reader.next(); frame !== undefined; frame = await reader.next()) {
    if ("damaged" in frame) {
      damaged.push({ offset: frame.position, bytes: frame.damaged });
      continue;
    }
    const { body, position } = frame;
    found(body, position);
    eachChange(body, (key, start, length) => {
      if (length < 0) values.delete(key);
      else values.set(key, new Uint8Array(body.subarray(start, start + length)));
    });
  }
  const records = [...values].map(([key, value]) => ({ key, value }));
  return { records: records.sort((a, b) => a.key - b.key), damaged, framing, end: reader.position };
}
