/** The check of a frame, in both directions: is it right, what is the frame without it, what is a frame with it. */

import type { CheckSettings, SumSettings } from "../configuration/frame-settings.js";
import { Failure } from "../failure.js";
import { hex } from "../text/hex.js";
import { finished, SUMS, type Sum } from "./crc.js";

export interface Check {
  isRight(bytes: Uint8Array, start: number, end: number): boolean;
  /** Returns what is wrong with the frame from `start` to `end`, in words. Undefined: nothing. */
  problem(bytes: Uint8Array, start: number, end: number): string | undefined;
  /** Returns the frame without its check. The frame must be right. */
  without(bytes: Uint8Array, start: number, end: number): Uint8Array;
  /** Returns the frame with room for the check, which `fill` fills in. It may be the frame itself. */
  room(frame: Uint8Array): Uint8Array | Failure;
  /** Writes the check into its room. Returns the frame. */
  fill(frame: Uint8Array): Uint8Array;
  /** How many of the first `length` bytes `without` takes away, if the frame is longer than that with its check. */
  within(length: number): number;
}

/** Returns undefined if frames have no check. */
export function createCheck(settings: CheckSettings): Check | undefined {
  if (settings.kind === "none") return undefined;
  return settings.kind === "nmea" ? new NmeaCheck() : new SumCheck(settings);
}

/** Returns the frame with its check, as it is sent to a device. */
export function appendCheck(settings: CheckSettings, frame: Uint8Array): Uint8Array | Failure {
  const check = createCheck(settings);
  const roomy = check?.room(frame) ?? frame;
  return roomy instanceof Failure || check === undefined ? roomy : check.fill(roomy);
}

/** A sum or CRC at a fixed place. */
class SumCheck implements Check {
  private readonly sum: Sum;
  /** How many bytes the check has in the frame. */
  private readonly width: number;
  /** The fewest bytes that a frame has with its check. */
  private readonly least: number;

  constructor(private readonly settings: SumSettings) {
    this.sum = SUMS[settings.kind];
    this.width = settings.as === "hex" ? 2 * this.sum.width : this.sum.width;
    this.least = Math.max(settings.from, settings.at === "end" ? 0 : settings.at) + this.width;
  }

  within(length: number): number {
    const { at } = this.settings;
    return at === "end" ? 0 : Math.max(0, Math.min(this.width, length - at));
  }

  isRight(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start < this.least) return false;
    return this.read(bytes, this.place(start, end)) === this.value(bytes, start, end);
  }

  problem(bytes: Uint8Array, start: number, end: number): string | undefined {
    const { kind } = this.settings;
    if (end - start < this.least) return `the frame has ${end - start} bytes, which is too short for ${kind}`;
    const place = this.place(start, end);
    const expected = this.value(bytes, start, end);
    const found = this.read(bytes, place);
    if (found === expected) return undefined;
    const digits = (value: number) => value.toString(16).padStart(2 * this.sum.width, "0");
    const shown = found === undefined ? "not hexadecimal digits" : `0x${digits(found)}`;
    return `${kind} is ${shown}, but the bytes give 0x${digits(expected)}`;
  }

  without(bytes: Uint8Array, start: number, end: number): Uint8Array {
    const place = this.place(start, end);
    if (place + this.width === end) return bytes.subarray(start, place);
    if (place === start) return bytes.subarray(start + this.width, end);
    const rest = new Uint8Array(end - start - this.width);
    rest.set(bytes.subarray(start, place));
    rest.set(bytes.subarray(place + this.width, end), place - start);
    return rest;
  }

  room(frame: Uint8Array): Uint8Array | Failure {
    const { at, from, kind } = this.settings;
    const place = at === "end" ? frame.length : at;
    if (place > frame.length || from > frame.length) {
      return new Failure("malformed", `the frame has ${frame.length} bytes, which is too short for ${kind}`);
    }
    const roomy = new Uint8Array(frame.length + this.width);
    roomy.set(frame.subarray(0, place));
    roomy.set(frame.subarray(place), place + this.width);
    return roomy;
  }

  fill(frame: Uint8Array): Uint8Array {
    const { width } = this.sum;
    const value = this.value(frame, 0, frame.length);
    const bytes = new Uint8Array(width);
    for (let i = 0; i < width; i++) {
      const shift = 8 * (this.settings.endian === "big" ? width - 1 - i : i);
      bytes[i] = value >>> shift;
    }
    frame.set(this.settings.as === "hex" ? digitsOf(bytes) : bytes, this.place(0, frame.length));
    return frame;
  }

  private place(start: number, end: number): number {
    const { at } = this.settings;
    return at === "end" ? end - this.width : start + at;
  }

  /** Of all bytes from `from` on that are not the check. */
  private value(bytes: Uint8Array, start: number, end: number): number {
    const { initial, final, update } = this.sum;
    const place = this.place(start, end);
    const from = start + this.settings.from;
    const state = update(initial, bytes, from, place);
    return finished(update(state, bytes, Math.max(from, place + this.width), end), final);
  }

  /** Undefined if digits are expected and there are others. */
  private read(bytes: Uint8Array, place: number): number | undefined {
    const { endian, as } = this.settings;
    const { width } = this.sum;
    let value = 0;
    for (let i = 0; i < width; i++) {
      const index = endian === "big" ? i : width - 1 - i;
      const byte = as === "hex" ? byteOf(bytes, place + 2 * index) : (bytes[place + index] as number);
      if (byte === undefined) return undefined;
      value = value * 256 + byte;
    }
    return value;
  }
}

const DOLLAR = 0x24;
const EXCLAMATION = 0x21;
const ASTERISK = 0x2a;

/** The check of NMEA 0183: `*` and two digits at the end, the exclusive or of what is between `$` (or `!`) and `*`. It stays in the frame. */
class NmeaCheck implements Check {
  isRight(bytes: Uint8Array, start: number, end: number): boolean {
    return this.problem(bytes, start, end) === undefined;
  }

  problem(bytes: Uint8Array, start: number, end: number): string | undefined {
    const first = bytes[start];
    if (end === start || (first !== DOLLAR && first !== EXCLAMATION)) return 'the frame does not begin with "$" or "!"';
    const star = end - 3;
    const found = star > start && bytes[star] === ASTERISK ? byteOf(bytes, star + 1) : undefined;
    if (found === undefined) return 'the frame does not end with "*" and two hexadecimal digits';
    const expected = SUMS.xor8.update(0, bytes, start + 1, star);
    const digits = (value: number) => value.toString(16).toUpperCase().padStart(2, "0");
    return found === expected
      ? undefined
      : `the frame ends with *${digits(found)}, but the bytes give *${digits(expected)}`;
  }

  without(bytes: Uint8Array, start: number, end: number): Uint8Array {
    return bytes.subarray(start, end);
  }

  within(): number {
    return 0;
  }

  room(frame: Uint8Array): Uint8Array | Failure {
    if (this.problem(frame, 0, frame.length) === undefined) return frame;
    const first = frame[0];
    if (first !== DOLLAR && first !== EXCLAMATION) {
      return new Failure("malformed", 'the frame does not begin with "$" or "!"');
    }
    if (frame.includes(ASTERISK)) return new Failure("malformed", 'the frame has a "*" before its check');
    const roomy = new Uint8Array(frame.length + 3);
    roomy.set(frame);
    roomy[frame.length] = ASTERISK;
    return roomy;
  }

  fill(frame: Uint8Array): Uint8Array {
    const star = frame.length - 3;
    frame.set(digitsOf(Uint8Array.of(SUMS.xor8.update(0, frame, 1, star))), star + 1);
    return frame;
  }
}

/** Uppercase hexadecimal digits, as ASCII. */
function digitsOf(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(hex(bytes).toUpperCase(), (digit) => digit.charCodeAt(0));
}

/** The byte that two hexadecimal digits are. Undefined if they are none. */
function byteOf(bytes: Uint8Array, at: number): number | undefined {
  const [high, low] = [digitOf(bytes[at]), digitOf(bytes[at + 1])];
  return high === undefined || low === undefined ? undefined : 16 * high + low;
}

function digitOf(byte: number | undefined): number | undefined {
  if (byte === undefined) return undefined;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : undefined;
}
