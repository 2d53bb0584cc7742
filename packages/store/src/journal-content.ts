/** Reads a session's file from beginning to end: its current records, and where it is damaged. Changes nothing. */

import type { OpenFile } from "./file-system.js";
import { FrameReader } from "./frames.js";
import { type Framing, readFraming } from "./framing.js";
import { eachChange, isChanges } from "./journal-format.js";
import { RecordIndex } from "./record-index.js";

/** A part of the file that contains no intact records. */
interface DamagedPart {
  readonly offset: number;
  readonly bytes: number;
}

export interface JournalContent {
  /** Where the current values are. */
  readonly index: RecordIndex;
  readonly damaged: readonly DamagedPart[];
  /** Undefined if the file's header is not readable. */
  readonly framing: Framing | undefined;
  /** Where the intact frames end. 0 if there is no header. */
  readonly end: number;
}

/**
 * @param size the bytes of the file that are read
 * @param name the session's name
 */
export async function readContent(file: OpenFile, size: number, name: string): Promise<JournalContent> {
  const header = await readFraming(file, name);
  const index = new RecordIndex();
  if (header === undefined) return { index, damaged: [{ offset: 0, bytes: size }], framing: undefined, end: 0 };
  const { framing, damaged: damagedHeader } = header;
  const damaged: DamagedPart[] = damagedHeader > 0 ? [{ offset: 0, bytes: damagedHeader }] : [];
  const reader = new FrameReader(file, size, framing, isChanges);
  for (let frame = await reader.next(); frame !== undefined; frame = await reader.next()) {
    if ("damaged" in frame) damaged.push({ offset: frame.position, bytes: frame.damaged });
    else index.apply(frame.body, frame.position);
  }
  return { index, damaged, framing, end: reader.position };
}

/** Receives a current record. `value` is valid during the call only. */
type TakeRecord = (key: number, value: Buffer) => void;

/**
 * Reads the current records, in the order in which they were written, frame by frame.
 *
 * @param end where the last frame ends
 * @param afterFrame called after the records of a frame
 * @returns the first damaged region; undefined if all records were intact
 */
export async function readRecords(
  file: OpenFile,
  end: number,
  framing: Framing,
  index: RecordIndex,
  take: TakeRecord,
  afterFrame?: () => Promise<void> | undefined,
): Promise<DamagedPart | undefined> {
  const reader = new FrameReader(file, end, framing, isChanges);
  let damage: DamagedPart | undefined;
  for (let found = await reader.next(); found !== undefined; found = await reader.next()) {
    if ("damaged" in found) {
      damage ??= { offset: found.position, bytes: found.damaged };
      continue;
    }
    const { body, position } = found;
    eachChange(body, (key, start, length) => {
      if (length >= 0 && index.standsAt(key, position + start)) take(key, body.subarray(start, start + length));
    });
    await afterFrame?.();
  }
  if (reader.position < end) damage ??= { offset: reader.position, bytes: end - reader.position };
  return damage;
}
