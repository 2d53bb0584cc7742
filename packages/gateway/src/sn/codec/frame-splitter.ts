/**
 * Finds the messages of MQTT-SN in a stream of bytes, such as that of a serial line or of TCP: each begins with its
 * length. What is not a message is searched byte by byte for the next one, and a silence ends a message that was cut.
 * Knows nothing of sessions.
 */

import type { BrokenReason, Framer, FrameSink, Range } from "../../frame/framer.js";
import { type Begin, MORE, NOTHING, type Shape, SlidingFramer } from "../../frame/sliding.js";
import { decodeFrame } from "./frame.js";
import { ENCAPSULATION, messageOfCode } from "./messages.js";

export interface SplitterSettings {
  /** The most bytes of a message with its encapsulation. */
  readonly maxFrame: number;
  /** Milliseconds of silence after which a message that has begun is dropped as "incomplete". */
  readonly gap: number;
}

/** Gives whole messages to a sink, as `decodeFrame` takes them. */
export class FrameSplitter implements Framer {
  private readonly framer: SlidingFramer;
  private last = -Infinity;
  private hasBegun = false;

  constructor(
    private readonly settings: SplitterSettings,
    sink: FrameSink,
  ) {
    const { maxFrame, gap } = settings;
    this.framer = new SlidingFramer({ maxFrame, frameTimeout: 0 }, new MessageShape(maxFrame), new Silenced(gap, sink));
  }

  push(bytes: Uint8Array, now: number): void {
    if (bytes.length === 0) return;
    this.advance(now);
    this.last = now;
    this.hasBegun = true;
    this.framer.push(bytes, now);
  }

  end(): void {
    this.hasBegun = false;
    this.framer.end();
  }

  deadline(): number {
    return this.hasBegun ? this.last + this.settings.gap : Infinity;
  }

  advance(now: number): void {
    if (now >= this.deadline()) this.end();
  }
}

/** What ends a message without all of its bytes is the silence. */
class Silenced implements FrameSink {
  constructor(
    private readonly gap: number,
    private readonly sink: FrameSink,
  ) {}

  frame(bytes: Uint8Array, start: number, end: number, range: Range): void {
    this.sink.frame(bytes, start, end, range);
  }

  broken(reason: BrokenReason, detail: string, bytes: Uint8Array | undefined, range: Range): void {
    const why = reason === "incomplete" ? `the message was not whole after a silence of ${this.gap} ms` : detail;
    this.sink.broken(reason, why, bytes, range);
  }
}

class MessageShape implements Shape {
  constructor(private readonly maxFrame: number) {}

  begin(bytes: Uint8Array, start: number, end: number): Begin {
    const length = frameLength(bytes, start, end);
    if (length === undefined) return MORE;
    if (length === 0) return NOTHING;
    if (length > this.maxFrame) {
      const detail = () => `the length makes a message of ${length} bytes, but ${this.maxFrame} are allowed`;
      return { what: "wrong", length: 1, reason: "too-long", detail };
    }
    if (end - start < length) return MORE;
    const { malformed } = decodeFrame(bytes.subarray(start, start + length));
    if (malformed === undefined) return { what: "frame", length };
    return { what: "wrong", length, reason: "malformed", detail: () => malformed };
  }
}

/** Returns the length of the frame that begins at `start`; 0 if none begins, undefined if more bytes are needed. */
function frameLength(bytes: Uint8Array, start: number, end: number): number | undefined {
  if (end - start < 2) return bytes[start] === 0 ? 0 : undefined;
  if (bytes[start + 1] !== ENCAPSULATION || bytes[start] === LONG) return messageLength(bytes, start, end);
  const outer = bytes[start] as number;
  if (outer <= ENCAPSULATION_HEADER) return 0;
  const inner = start + outer < end ? messageLength(bytes, start + outer, end) : undefined;
  return inner === undefined || inner === 0 ? inner : outer + inner;
}

function messageLength(bytes: Uint8Array, start: number, end: number): number | undefined {
  const first = bytes[start] as number;
  if (first === 0) return 0;
  const header = first === LONG ? 4 : 2;
  if (end - start < header) return undefined;
  if (messageOfCode(bytes[start + header - 1] as number) === undefined) return 0;
  const length = first === LONG ? ((bytes[start + 1] as number) << 8) | (bytes[start + 2] as number) : first;
  return length < header ? 0 : length;
}

const LONG = 0x01;
const ENCAPSULATION_HEADER = 3;
