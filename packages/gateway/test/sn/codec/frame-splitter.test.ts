import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { BrokenReason, FrameSink } from "../../../src/frame/framer.ts";
import { decodeFrame, encodeFrame } from "../../../src/sn/codec/frame.ts";
import { FrameSplitter } from "../../../src/sn/codec/frame-splitter.ts";
import { anyEncapsulation, anyPacket } from "./any-packet.ts";
import { fromHex } from "./vectors.ts";

class Found implements FrameSink {
  readonly frames: string[] = [];
  readonly dropped: string[] = [];

  frame(bytes: Uint8Array, start: number, end: number): void {
    this.frames.push(Buffer.from(bytes.slice(start, end)).toString("hex"));
  }

  broken(reason: BrokenReason, detail: string): void {
    this.dropped.push(`${reason}: ${detail}`);
  }
}

function open(maxFrame = 1400) {
  const found = new Found();
  return { found, splitter: new FrameSplitter({ maxFrame, gap: 50 }, found) };
}

const anyFrame = fc
  .tuple(anyPacket, fc.option(anyEncapsulation, { nil: undefined }))
  .map(([packet, encapsulation]) => encodeFrame(packet, encapsulation));

test("messages are found in pieces of any size", () => {
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 8 }), fc.integer({ min: 1, max: 40 }), (frames, size) => {
      const { found, splitter } = open();
      const bytes = Buffer.concat(frames);
      for (let at = 0; at < bytes.length; at += size) splitter.push(bytes.subarray(at, at + size), at);
      expect(found).toEqual({ frames: frames.map((frame) => Buffer.from(frame).toString("hex")), dropped: [] });
    }),
    { numRuns: 300 },
  );
});

test("after any noise and a silence, a message is found", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), anyFrame, (noise, frame) => {
      const { found, splitter } = open();
      splitter.push(noise, 0);
      splitter.push(frame, 50);
      splitter.advance(100);
      expect(found.frames.at(-1)).toBe(Buffer.from(frame).toString("hex"));
      expect(splitter.deadline()).toBe(Infinity);
    }),
    { numRuns: 500 },
  );
});

test("only messages that decode are found, whatever the bytes are", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 6 }), (pieces) => {
      const { found, splitter } = open(100);
      for (const [index, piece] of pieces.entries()) splitter.push(piece, 20 * index);
      splitter.end();
      for (const frame of found.frames) expect(decodeFrame(fromHex(frame)).malformed).toBeUndefined();
    }),
    { numRuns: 500 },
  );
});

describe("a stream", () => {
  test("whose noise has no length of a known message is searched byte by byte", () => {
    const { found, splitter } = open();
    splitter.push(fromHex("00 ff ff 11 11 03 01 02"), 0);
    expect(found).toEqual({ frames: ["030102"], dropped: [] });
  });

  test("with a message that is malformed is searched behind its length", () => {
    const { found, splitter } = open();
    splitter.push(fromHex("03 17 ff 03 01 02"), 0);
    expect(found).toEqual({ frames: ["030102"], dropped: ["malformed: pingresp: 3 octets are 1 too many"] });
  });

  test("with a message that is too long drops it at its length", () => {
    const { found, splitter } = open(100);
    splitter.push(fromHex("65 0c 03 01 02"), 0);
    expect(found.frames).toEqual(["030102"]);
    expect(found.dropped).toEqual(["too-long: the length makes a message of 101 bytes, but 100 are allowed"]);
  });

  test("with a message that is cut goes on after the silence", () => {
    const { found, splitter } = open();
    splitter.push(fromHex("09 0c 20"), 0);
    splitter.push(fromHex("00 02"), 49);
    expect(splitter.deadline()).toBe(99);
    splitter.push(fromHex("02 17"), 99);
    expect(found).toEqual({
      frames: ["0217"],
      dropped: ["incomplete: the message was not whole after a silence of 50 ms"],
    });
  });

  test("of a forwarder has its encapsulation with each message", () => {
    const { found, splitter } = open();
    splitter.push(fromHex("05 fe 00 01 02 04 fe"), 0);
    splitter.push(fromHex("00 01 04 fe 00 03 02 17"), 1);
    splitter.end();
    expect(found.frames).toEqual(["04fe00030217"]);
  });
});

test("bytes that look like messages again and again take time that grows with their number", () => {
  const { splitter } = open(60_000);
  // A REGISTER of 24,672 bytes begins at each fourth byte, and none of them has a name that is UTF-8.
  const bytes = new Uint8Array(600_000);
  for (let at = 0; at < bytes.length; at += 4) bytes.set([1, 0x60, 0x60, 0x0a], at);
  for (let at = 0; at < bytes.length; at += 24_000) bytes[at] = 0xff;
  const began = process.cpuUsage();
  splitter.push(bytes, 0);
  splitter.end();
  expect(process.cpuUsage(began).user).toBeLessThan(3_000_000);
});
