/** Collects what a framer finds. */

import type { BrokenReason, FrameSink, Range } from "../../src/frame/framer.ts";

export interface Found {
  readonly what: string;
  readonly range: Range;
}

export class Frames implements FrameSink {
  readonly found: Found[] = [];

  frame(bytes: Uint8Array, start: number, end: number, range: Range): void {
    this.found.push({ what: Buffer.from(bytes.slice(start, end)).toString("latin1"), range });
  }

  broken(reason: BrokenReason, _detail: string, _bytes: Uint8Array | undefined, range: Range): void {
    this.found.push({ what: `(${reason})`, range });
  }

  get texts(): string[] {
    return this.found.map(({ what }) => what);
  }
}
