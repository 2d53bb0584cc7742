/**
 * Frames that say how long they are. Bytes that do not begin with the magic bytes are not a frame. With magic bytes or a check, a length that is wrong
 * is recognized, and the search goes on one byte further. Without both, every length is believed.
 */

import type { LengthSettings } from "../configuration/frame-settings.js";
import { Failure } from "../failure.js";
import type { Check } from "./check.js";
import type { BrokenReason, Framer, FramerSettings, FrameSink, Range } from "./framer.js";
import { type Begin, MORE, NOTHING, type Shape, SlidingFramer } from "./sliding.js";

/** @param check is verified here, and not by the sink */
export function createLengthFramer(
  length: LengthSettings,
  check: Check | undefined,
  settings: FramerSettings,
  sink: FrameSink,
): Framer {
  const shape = new LengthShape(length, check, settings.maxFrame);
  return new SlidingFramer(settings, shape, new HeaderSink(length, check, sink));
}

/** How many bytes the frame has up to the end of its length. */
function headerOf({ magic, offset, width }: LengthSettings): number {
  return Math.max(magic?.length ?? 0, offset + width);
}

/** The header's bytes that are not the check's. */
function headerWithoutCheck(length: LengthSettings, check: Check | undefined): number {
  const header = headerOf(length);
  return header - (check?.within(header) ?? 0);
}

class LengthShape implements Shape {
  private readonly magic: Uint8Array;
  private readonly header: number;

  constructor(
    private readonly settings: LengthSettings,
    private readonly check: Check | undefined,
    private readonly maxFrame: number,
  ) {
    this.magic = settings.magic ?? new Uint8Array(0);
    this.header = headerOf(settings);
  }

  begin(bytes: Uint8Array, start: number, end: number): Begin {
    const { magic, header, settings, check, maxFrame } = this;
    const known = Math.min(magic.length, end - start);
    for (let i = 0; i < known; i++) {
      if (bytes[start + i] !== magic[i]) return NOTHING;
    }
    if (end - start < header) return MORE;
    const written = readLength(settings, bytes, start);
    const length = written + settings.adjust + (settings.total ? 0 : settings.offset + settings.width);
    const says = () => `the length ${written} makes a frame of ${length} bytes`;
    if (length < header) {
      const detail = () => `${says()}, but its header has ${header}`;
      return { what: "wrong", length: header, reason: "malformed", detail };
    }
    if (length > maxFrame) {
      const detail = () => `${says()}, but ${maxFrame} are allowed`;
      if (settings.magic !== undefined || check !== undefined) {
        return { what: "wrong", length: header, reason: "too-long", detail };
      }
      return { what: "skip", header, length, detail: detail() };
    }
    if (end - start < length) return MORE;
    if (check === undefined || check.isRight(bytes, start, start + length)) return { what: "frame", length };
    const detail = () => check.problem(bytes, start, start + length) ?? "";
    return { what: "wrong", length, reason: "checksum", detail };
  }
}

function readLength({ offset, width, endian }: LengthSettings, bytes: Uint8Array, start: number): number {
  let value = 0;
  for (let i = 0; i < width; i++) {
    value = value * 256 + (bytes[start + offset + (endian === "big" ? i : width - 1 - i)] as number);
  }
  return value;
}

/** Takes check and header off. */
class HeaderSink implements FrameSink {
  private readonly header: number;

  constructor(
    settings: LengthSettings,
    private readonly check: Check | undefined,
    private readonly sink: FrameSink,
  ) {
    this.header = settings.keep ? 0 : headerWithoutCheck(settings, check);
  }

  frame(bytes: Uint8Array, start: number, end: number, range: Range): void {
    const frame = this.check?.without(bytes, start, end) ?? bytes.subarray(start, end);
    this.sink.frame(frame, this.header, frame.length, range);
  }

  broken(reason: BrokenReason, detail: string, bytes: Uint8Array | undefined, range: Range): void {
    this.sink.broken(reason, detail, bytes, range);
  }
}

/** Returns the frame with header and check. With `keep`, the frame has a header already, of which magic bytes and length are written anew. */
export function encodeLength(
  settings: LengthSettings,
  check: Check | undefined,
  body: Uint8Array,
): Uint8Array | Failure {
  const { keep, magic, offset, width, endian, adjust, total } = settings;
  const header = keep ? 0 : headerWithoutCheck(settings, check);
  const frame = new Uint8Array(header + body.length);
  frame.set(body, header);
  const roomy = check?.room(frame) ?? frame;
  if (roomy instanceof Failure) return roomy;
  const least = headerOf(settings);
  if (roomy.length < least) return new Failure("malformed", `the frame is shorter than its header of ${least} bytes`);
  let value = roomy.length - adjust - (total ? 0 : offset + width);
  if (value < 0 || value >= 256 ** width) {
    return new Failure("too-long", `the length ${value} does not fit into ${8 * width} bits`);
  }
  if (magic !== undefined) roomy.set(magic);
  for (let i = 0; i < width; i++) {
    roomy[offset + (endian === "big" ? width - 1 - i : i)] = value % 256;
    value = Math.floor(value / 256);
  }
  return check?.fill(roomy) ?? roomy;
}
