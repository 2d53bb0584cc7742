/**
 * Frames of Modbus RTU: an address, a function, data, and a CRC-16. The function says how long a frame is. Who sent it is not known, so the form
 * of a request and that of a response are tried; the CRC decides. Frames for all addresses are frames.
 */

import { SUMS, sumOf } from "./crc.js";
import type { Framer, FramerSettings, FrameSink } from "./framer.js";
import { type Begin, MORE, NOTHING, type Shape, SlidingFramer } from "./sliding.js";

const CRC = 2;
/** Addresses from 248 on are reserved. */
const LAST_UNIT = 247;
const EXCEPTION = 0x80;
/** The highest exception code. */
const LAST_EXCEPTION = 11;

export function createModbusRtuFramer(settings: FramerSettings, sink: FrameSink): Framer {
  const shape = new ModbusShape(settings.maxFrame);
  return new SlidingFramer(settings, shape, {
    frame: (bytes, start, end, range) => sink.frame(bytes, start, end - CRC, range),
    broken: (reason, detail, bytes, range) => sink.broken(reason, detail, bytes, range),
  });
}

/** Returns the frame with its CRC. */
export function encodeModbusRtu(frame: Uint8Array): Uint8Array {
  const crc = sumOf(SUMS["crc16-modbus"], frame);
  const encoded = new Uint8Array(frame.length + CRC);
  encoded.set(frame);
  encoded.set([crc & 0xff, crc >>> 8], frame.length);
  return encoded;
}

/** A form that a frame can have: how many bytes it has with address, function and CRC. */
type Form =
  /** Always as many. */
  | { readonly length: number }
  /** `length`, and as many more as the number at `at` says: at least `least`, and a multiple of `of`. */
  | {
      readonly length: number;
      readonly at: number;
      readonly width: 1 | 2;
      readonly least: number;
      readonly of: number;
    };

const counted = (length: number, at: number, least: number, of = 1, width: 1 | 2 = 1): Form => {
  return { length, at, width, least, of };
};
const read = { length: 8 };
const bits = counted(5, 2, 1);
const registers = counted(5, 2, 2, 2);
const any = counted(5, 2, 0);

/** The forms of each function, request and response. */
const FORMS: ReadonlyMap<number, readonly Form[]> = new Map<number, readonly Form[]>([
  [1, [read, bits]],
  [2, [read, bits]],
  [3, [read, registers]],
  [4, [read, registers]],
  [5, [{ length: 8 }]],
  [6, [{ length: 8 }]],
  [7, [{ length: 4 }, { length: 5 }]],
  [8, [{ length: 8 }]],
  [11, [{ length: 4 }, { length: 8 }]],
  [12, [{ length: 4 }, any]],
  [15, [{ length: 8 }, counted(9, 6, 1)]],
  [16, [{ length: 8 }, counted(9, 6, 2, 2)]],
  [17, [{ length: 4 }, any]],
  [20, [counted(5, 2, 2)]],
  [21, [counted(5, 2, 7)]],
  [22, [{ length: 10 }]],
  [23, [counted(13, 10, 2, 2), registers]],
  [24, [{ length: 6 }, counted(6, 2, 2, 2, 2)]],
]);

const EXCEPTION_LENGTH = 5;

class ModbusShape implements Shape {
  private readonly longest: number;

  constructor(maxFrame: number) {
    this.longest = Math.min(maxFrame, 256);
  }

  begin(bytes: Uint8Array, start: number, end: number): Begin {
    if ((bytes[start] as number) > LAST_UNIT) return NOTHING;
    if (end - start < 2) return MORE;
    const code = bytes[start + 1] as number;
    if (code >= EXCEPTION) return this.exception(bytes, start, end);
    let needsMore = false;
    /** The shortest frame whose CRC fits, so that it does not matter how many bytes are there already. */
    let fitting = 0;
    let failed = 0;
    for (const form of FORMS.get(code) ?? []) {
      const length = lengthOf(form, bytes, start, end);
      if (length === "more") {
        needsMore = true;
      } else if (length <= this.longest) {
        if (end - start < length) needsMore = true;
        else if (!crcFits(bytes, start, length)) failed = Math.max(failed, length);
        else if (fitting === 0 || length < fitting) fitting = length;
      }
    }
    if (fitting > 0) return { what: "frame", length: fitting };
    if (needsMore) return MORE;
    return failed === 0 ? NOTHING : wrong(failed);
  }

  private exception(bytes: Uint8Array, start: number, end: number): Begin {
    if (!FORMS.has((bytes[start + 1] as number) - EXCEPTION) || this.longest < EXCEPTION_LENGTH) return NOTHING;
    if (end - start < 3) return MORE;
    const code = bytes[start + 2] as number;
    if (code === 0 || code > LAST_EXCEPTION) return NOTHING;
    if (end - start < EXCEPTION_LENGTH) return MORE;
    return crcFits(bytes, start, EXCEPTION_LENGTH)
      ? { what: "frame", length: EXCEPTION_LENGTH }
      : wrong(EXCEPTION_LENGTH);
  }
}

function wrong(length: number): Begin {
  return { what: "wrong", length, reason: "checksum", detail: `the CRC of ${length} bytes does not fit` };
}

/** Infinity if the number of bytes is one that the form does not allow. */
function lengthOf(form: Form, bytes: Uint8Array, start: number, end: number): number | "more" {
  if (!("at" in form)) return form.length;
  const { length, at, width, least, of } = form;
  if (end - start < at + width) return "more";
  const first = bytes[start + at] as number;
  const count = width === 1 ? first : 256 * first + (bytes[start + at + 1] as number);
  return count < least || count % of !== 0 ? Infinity : length + count;
}

function crcFits(bytes: Uint8Array, start: number, length: number): boolean {
  // The CRC over a frame with its own CRC is 0.
  return sumOf(SUMS["crc16-modbus"], bytes, start, start + length) === 0;
}
