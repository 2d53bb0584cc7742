/**
 * Frames of Modbus RTU: an address, a function, data, and a CRC-16. The function says how long a frame is. Who sent it is not known, so the form
 * of a request and that of a response are tried; the CRC decides. Frames of all addresses count.
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
const four = { length: 4 };
const eight = { length: 8 };
const bits = counted(5, 2, 1);
const registers = counted(5, 2, 2, 2);
const any = counted(5, 2, 0);

/** The forms of each function: of the request, and of the response. */
const FORMS: ReadonlyMap<number, readonly [Form, Form]> = new Map<number, readonly [Form, Form]>([
  [1, [eight, bits]],
  [2, [eight, bits]],
  [3, [eight, registers]],
  [4, [eight, registers]],
  [5, [eight, eight]],
  [6, [eight, eight]],
  [7, [four, { length: 5 }]],
  [8, [eight, eight]],
  [11, [four, eight]],
  [12, [four, any]],
  [15, [counted(9, 6, 1), eight]],
  [16, [counted(9, 6, 2, 2), eight]],
  [17, [four, any]],
  [20, [counted(5, 2, 2), counted(5, 2, 2)]],
  [21, [counted(5, 2, 7), counted(5, 2, 7)]],
  [22, [{ length: 10 }, { length: 10 }]],
  [23, [counted(13, 10, 2, 2), registers]],
  [24, [{ length: 6 }, counted(6, 2, 2, 2, 2)]],
]);

/** Instead of a length. */
const MORE_BYTES = -1;
const EXCEPTION_LENGTH = 5;

class ModbusShape implements Shape {
  private readonly longest: number;

  constructor(maxFrame: number) {
    this.longest = Math.min(maxFrame, 256);
  }

  begin(bytes: Uint8Array, start: number, end: number, isLast: boolean): Begin {
    if ((bytes[start] as number) > LAST_UNIT) return NOTHING;
    if (end - start < 2) return MORE;
    const code = bytes[start + 1] as number;
    if (code >= EXCEPTION) return this.exception(bytes, start, end);
    const forms = FORMS.get(code);
    if (forms === undefined) return NOTHING;
    const [request, response] = forms.map((form) => lengthOf(form, bytes, start, end)) as [number, number];
    const there = (length: number) => length <= this.longest && length <= end - start;
    const fits = (length: number) => there(length) && crcFits(bytes, start, length);
    const misses = (length: number) => length === MORE_BYTES || (length <= this.longest && length > end - start);
    const isRequest = fits(request);
    // If the last byte of a CRC is 0, the CRC fits without it as well. So once in 256 times, a response with two registers would be taken for a
    // request, which is shorter by one byte. The opposite error is left: a request from address 0x0200 or 0x0400 on can be taken for a response.
    if (isRequest && response === request + 1 && misses(response) && !isLast) return MORE;
    const isResponse = fits(response);
    if (isRequest && isResponse && response !== request + 1) return frame(Math.min(request, response));
    if (isResponse) return frame(response);
    if (isRequest) return frame(request);
    if (misses(request) || misses(response)) return MORE;
    const failed = Math.max(there(request) ? request : 0, there(response) ? response : 0);
    return failed === 0 ? NOTHING : wrong(failed);
  }

  private exception(bytes: Uint8Array, start: number, end: number): Begin {
    if (!FORMS.has((bytes[start + 1] as number) - EXCEPTION) || this.longest < EXCEPTION_LENGTH) return NOTHING;
    if (end - start < 3) return MORE;
    const code = bytes[start + 2] as number;
    if (code === 0 || code > LAST_EXCEPTION) return NOTHING;
    if (end - start < EXCEPTION_LENGTH) return MORE;
    return crcFits(bytes, start, EXCEPTION_LENGTH) ? frame(EXCEPTION_LENGTH) : wrong(EXCEPTION_LENGTH);
  }
}

function frame(length: number): Begin {
  return { what: "frame", length };
}

function wrong(length: number): Begin {
  return { what: "wrong", length, reason: "checksum", detail: () => `the CRC of ${length} bytes does not fit` };
}

/** Returns MORE_BYTES if the number of bytes is not there yet, and Infinity if the form does not allow it. */
function lengthOf(form: Form, bytes: Uint8Array, start: number, end: number): number {
  if (!("at" in form)) return form.length;
  const { length, at, width, least, of } = form;
  if (end - start < at + width) return MORE_BYTES;
  const first = bytes[start + at] as number;
  const count = width === 1 ? first : 256 * first + (bytes[start + at + 1] as number);
  return count < least || count % of !== 0 ? Infinity : length + count;
}

function crcFits(bytes: Uint8Array, start: number, length: number): boolean {
  // The CRC over a frame with its own CRC is 0.
  return sumOf(SUMS["crc16-modbus"], bytes, start, start + length) === 0;
}
