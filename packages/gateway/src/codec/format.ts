/** What every format has: both directions, and what it reads. Each format has a file. */

import type { Failure } from "../failure.js";
import type { Fields, FieldValue } from "../pipeline/outcome.js";

/** A format of text: frames are decoded by the source's encoding before. */
export type TextFormat = Directions<"text", string>;

/** A format of bytes. */
export type BytesFormat = Directions<"bytes", Uint8Array>;

interface Directions<Reads, Frame> {
  readonly reads: Reads;
  /** Why nothing can be encoded, although decoding works. Undefined: fields can be encoded. */
  readonly oneWay: string | undefined;
  /** Linear time in the length of the frame, and never throws. */
  decode(frame: Frame): Map<string, FieldValue> | Failure;
  /** The inverse. A value that could break out of the format is quoted, or fails. Fields that the format does not have are ignored. */
  encode(fields: Fields): Frame | Failure;
  /** The units that are in a frame, by field name. */
  units?(frame: Frame): ReadonlyMap<string, string>;
}

/** Returns the first reason of several. */
export function oneWayOf(fields: readonly { readonly oneWay: string | undefined }[]): string | undefined {
  return fields.find(({ oneWay }) => oneWay !== undefined)?.oneWay;
}
