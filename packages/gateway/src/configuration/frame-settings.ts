/** The settings of frames and of their checks. For the configuration and for the framers. */

import type { SumKind } from "../frame/crc.js";

/** How bytes become frames. */
export type FrameSettings =
  | { readonly kind: "line" | "datagram" | "paren" | "cobs" | "slip" | "modbus-rtu" }
  | DelimiterSettings
  | LengthSettings
  /** Silence of `gap` milliseconds ends a frame. */
  | { readonly kind: "gap"; readonly gap: number };

export interface DelimiterSettings {
  readonly kind: "delimiter";
  readonly end: Uint8Array;
  /** Undefined: a frame begins where the one before it ended. */
  readonly start: Uint8Array | undefined;
  /** Whether both are part of the frame. */
  readonly keep: boolean;
}

export interface LengthSettings {
  readonly kind: "length";
  /** Where the length is, from the first byte of the frame. */
  readonly offset: number;
  readonly width: 1 | 2 | 4;
  readonly endian: "big" | "little";
  /** Is added to the length. */
  readonly adjust: number;
  /** What a frame begins with. Undefined: anything. */
  readonly magic: Uint8Array | undefined;
  /** Whether the length counts all bytes of the frame, or only those behind the length. */
  readonly total: boolean;
  /** Whether magic bytes and length are part of the frame that is decoded. */
  readonly keep: boolean;
}

/** The check of a frame. */
export type CheckSettings = { readonly kind: "none" } | { readonly kind: "nmea" } | SumSettings;

export interface SumSettings {
  readonly kind: SumKind;
  /** Where it is, from the first byte of the frame. */
  readonly at: "end" | number;
  /** The first byte that it covers. */
  readonly from: number;
  readonly as: "bytes" | "hex";
  readonly endian: "big" | "little";
}
