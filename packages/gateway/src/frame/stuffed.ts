/** Frames in which some bytes are replaced by others, so that one byte can end them: COBS and SLIP. Malformed frames are dropped whole. */

import { decodeCobs, mostCobs } from "./cobs.js";
import { DelimiterFramer } from "./delimiter.js";
import type { BrokenReason, Framer, FramerSettings, FrameSink, Range } from "./framer.js";
import { decodeSlip, END, mostSlip } from "./slip.js";

interface Stuffing {
  readonly end: number;
  readonly malformed: string;
  most(length: number): number;
  decode(bytes: Uint8Array, start: number, end: number): Uint8Array | undefined;
}

const STUFFINGS: Readonly<Record<"cobs" | "slip", Stuffing>> = {
  cobs: { end: 0, malformed: "a block of COBS is longer than its frame", most: mostCobs, decode: decodeCobs },
  slip: {
    end: END,
    malformed: "0xDB of SLIP is followed by neither 0xDC nor 0xDD",
    most: mostSlip,
    decode: decodeSlip,
  },
};

export function createStuffedFramer(kind: "cobs" | "slip", settings: FramerSettings, sink: FrameSink): Framer {
  const stuffing = STUFFINGS[kind];
  const delimiters = { end: Uint8Array.of(stuffing.end), start: undefined, keep: false };
  const unstuffing = new Unstuffing(stuffing, settings.maxFrame, sink);
  return new DelimiterFramer({ ...settings, maxFrame: stuffing.most(settings.maxFrame) }, delimiters, unstuffing);
}

/** Decodes what it is given, for another sink. */
class Unstuffing implements FrameSink {
  constructor(
    private readonly stuffing: Stuffing,
    private readonly maxFrame: number,
    private readonly sink: FrameSink,
  ) {}

  frame(bytes: Uint8Array, start: number, end: number, range: Range): void {
    const decoded = this.stuffing.decode(bytes, start, end);
    if (decoded === undefined) {
      this.sink.broken("malformed", this.stuffing.malformed, bytes.subarray(start, end), range);
    } else if (decoded.length > this.maxFrame) {
      this.broken("too-long", "", undefined, range);
    } else {
      this.sink.frame(decoded, 0, decoded.length, range);
    }
  }

  broken(reason: BrokenReason, detail: string, bytes: Uint8Array | undefined, range: Range): void {
    const isTooLong = reason === "too-long";
    this.sink.broken(reason, isTooLong ? `the frame has more than ${this.maxFrame} bytes` : detail, bytes, range);
  }
}
