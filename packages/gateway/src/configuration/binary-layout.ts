/** Where fields stand in bytes, checked and complete. For the configuration and for the codecs. */

import type { Endian, FieldSettings } from "./field-types.js";

export interface BinaryLayout {
  /** In the order of the configuration; the one that has all bytes that are left is the last. */
  readonly parts: readonly BinaryPart[];
  /** Bytes that are always the same. */
  readonly constants: readonly { readonly at: number; readonly bytes: Uint8Array }[];
  /** The bytes of all parts together; the least, if the last part has no size. */
  readonly length: number;
}

/** A field in bytes. No two overlap. */
export interface BinaryPart {
  readonly settings: FieldSettings;
  /** The offset of its first byte. */
  readonly at: number;
  /** Bytes. Undefined: all that are left. */
  readonly size: number | undefined;
  readonly endian: Endian;
  /** The bits of the integer that the bytes are; 0 is the least significant. Undefined: all. */
  readonly bits: { readonly from: number; readonly length: number } | undefined;
}
