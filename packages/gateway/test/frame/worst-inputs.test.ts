// What takes longest for each kind of frame takes time in proportion to the bytes, whatever `max_frame` is.
import { expect, test } from "vitest";
import { effort } from "../../../../test/fixtures/effort.ts";
import { undisturbed } from "../../../../test/fixtures/undisturbed.ts";
import type { CheckSettings, FrameSettings, StdinSettings } from "../../src/configuration/configuration.ts";
import { Failure } from "../../src/failure.ts";
import { frameEncoder } from "../../src/frame/frame-encoder.ts";
import { wireOf } from "../settings.ts";
import { bytesOf, crc16, delimiter, length, none, open } from "./every-kind.ts";

const SIZE = 65_536;

/** Milliseconds of processor time. */
function timeOf(frame: FrameSettings, check: CheckSettings, bytes: Uint8Array, piece: number): Promise<number> {
  return effort(() => {
    const { framer } = open(frame, { check, maxFrame: 2 * SIZE });
    for (let at = 0; at < bytes.length; at += piece) framer.push(bytes.subarray(at, at + piece), 0);
    framer.end();
  }, 5);
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
])("%s take linear time", async (_, frame, check, part) => {
  const input = (size: number) => bytesOf(part.repeat(Math.ceil(size / part.length)));
  for (const piece of [SIZE, 64]) {
    await undisturbed(async () => {
      const short = await timeOf(frame, check, input(SIZE), piece);
      const long = await timeOf(frame, check, input(4 * SIZE), piece);
      expect(long).toBeLessThan(10 * short + 100);
      expect(short).toBeLessThan(2_000);
    });
  }
});

/** The same for a whole pipeline, which does more with a frame than with garbage. */
function pipelineTime(settings: Partial<StdinSettings>, bytes: Uint8Array): Promise<number> {
  return effort(() => {
    const wire = wireOf({ encoding: "hex", ...settings });
    for (let at = 0; at < bytes.length; at += 8192) wire.push(bytes.subarray(at, at + 8192), 0);
    wire.end(0);
  }, 7);
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
])(
  "garbage that looks like frames of %s costs at most three times what frames cost",
  async (_, settings, frame, garbage) => {
    const repeated = (part: Uint8Array) =>
      Uint8Array.from({ length: SIZE }, (_unused, i) => part[i % part.length] ?? 0);
    const valid = frameEncoder(settings)(frame);
    if (valid instanceof Failure) throw new Error(valid.detail);
    for (const part of garbage) {
      await undisturbed(async () => {
        const ordinary = await pipelineTime(settings, repeated(valid));
        expect(await pipelineTime(settings, repeated(bytesOf(part)))).toBeLessThan(3 * ordinary + 50);
      });
    }
  },
);
