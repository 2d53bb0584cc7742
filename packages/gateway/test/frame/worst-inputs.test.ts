// What takes longest for each kind of frame takes time in proportion to the bytes, whatever `max_frame` is.
import { expect, test } from "vitest";
import type { CheckSettings, FrameSettings, StdinSettings } from "../../src/configuration/configuration.ts";
import { Failure } from "../../src/failure.ts";
import { frameEncoder } from "../../src/frame/frame-encoder.ts";
import { wireOf } from "../settings.ts";
import { bytesOf, crc16, delimiter, length, none, open } from "./every-kind.ts";

const SIZE = 65_536;

/** Milliseconds that the fastest of some runs takes: the others were disturbed. */
function fastest(frame: FrameSettings, check: CheckSettings, bytes: Uint8Array, piece: number): number {
  let best = Infinity;
  for (let run = 0; run < 5; run++) {
    const { framer } = open(frame, { check, maxFrame: 2 * SIZE });
    const started = performance.now();
    for (let at = 0; at < bytes.length; at += piece) framer.push(bytes.subarray(at, at + piece), 0);
    framer.end();
    best = Math.min(best, performance.now() - started);
  }
  return best;
}

const twoBytes = { ...length, width: 2, magic: undefined, offset: 0 } as const;

// Time that grows with the square, or with max_frame, would take minutes; the rest is room for a machine that does other things.
test.each<[string, FrameSettings, CheckSettings, string]>([
  ["a length that is always plausible, and a check that is always wrong", twoBytes, crc16, "\x7f\x7f"],
  ["magic bytes again and again", { ...length, magic: bytesOf("\xa5") }, crc16, "\xa5"],
  ["frames of Modbus with a wrong CRC", { kind: "modbus-rtu" }, none, "\x10\x10\x10\x10\x10\x10\xf0"],
  ["an end that nearly comes", { ...delimiter, end: bytesOf("aaaaaaaaaaaaaaab") }, none, "a"],
  ["a beginning that nearly comes", { ...delimiter, start: bytesOf("aaaaaaaaaaaaaaab") }, none, "a"],
  ["beginnings in what is skipped", { ...delimiter, start: bytesOf("a"), end: bytesOf("b") }, none, "a"],
  ["lists in lists", { kind: "paren" }, none, "("],
  ["short lists", { kind: "paren" }, none, "()"],
  ["blocks of COBS", { kind: "cobs" }, none, "\x01"],
  ["escapes of SLIP", { kind: "slip" }, none, "\xdb\xdc"],
  ["empty frames", { kind: "slip" }, none, "\xc0"],
  ["a frame without end", { kind: "gap", gap: 20 }, none, "a"],
])("%s take linear time", (_, frame, check, part) => {
  const input = (size: number) => bytesOf(part.repeat(Math.ceil(size / part.length)));
  for (const piece of [SIZE, 64]) {
    const short = fastest(frame, check, input(SIZE), piece);
    const long = fastest(frame, check, input(4 * SIZE), piece);
    expect(long).toBeLessThan(10 * short + 100);
    expect(short).toBeLessThan(200);
  }
});

/** The same for a whole pipeline, which does more with a frame than with garbage. */
function pipelineTime(settings: Partial<StdinSettings>, bytes: Uint8Array): number {
  let best = Infinity;
  for (let run = 0; run < 7; run++) {
    const wire = wireOf({ encoding: "hex", ...settings });
    const started = performance.now();
    for (let at = 0; at < bytes.length; at += 8192) wire.push(bytes.subarray(at, at + 8192), 0);
    wire.end(0);
    best = Math.min(best, performance.now() - started);
  }
  return best;
}

const body = bytesOf("0123456789abcdef0123456789abcdef");

test.each<[string, Pick<StdinSettings, "frame" | "check">, Uint8Array, string[]]>([
  [
    "length",
    { frame: length, check: crc16 },
    body,
    ["\xa5\x5a\x25", "\xa5\x5a\xff", "\xa5\x5a\x05", "\xa5\x5a", "\xa5"],
  ],
  [
    "modbus-rtu",
    { frame: { kind: "modbus-rtu" }, check: none },
    Uint8Array.of(1, 4, 0, 0, 0, 4),
    ["\x10", "\x03", "\x03\x03\xfa"],
  ],
])("garbage that looks like frames of %s costs at most three times what frames cost", (_, settings, frame, garbage) => {
  const repeated = (part: Uint8Array) => Uint8Array.from({ length: SIZE }, (_unused, i) => part[i % part.length] ?? 0);
  const valid = frameEncoder(settings)(frame);
  if (valid instanceof Failure) throw new Error(valid.detail);
  const ordinary = pipelineTime(settings, repeated(valid));
  for (const part of garbage) {
    expect(pipelineTime(settings, repeated(bytesOf(part)))).toBeLessThan(3 * ordinary + 50);
  }
});
