import { describe, expect, test } from "vitest";
import type { LengthSettings } from "../../src/configuration/frame-settings.ts";
import { bytesOf, crc16, length, open } from "./every-kind.ts";

const plain: LengthSettings = { ...length, magic: undefined, offset: 0, total: false };

test.each<[string, LengthSettings, string, string[]]>([
  ["behind the length", plain, "\x02ab\x01c", ["ab", "c"]],
  ["of all bytes", { ...plain, total: true }, "\x03ab\x02c", ["ab", "c"]],
  ["in two bytes", { ...plain, width: 2 }, "\x00\x02ab", ["ab"]],
  ["in four bytes, the last one first", { ...plain, width: 4, endian: "little" }, "\x02\x00\x00\x00ab", ["ab"]],
  ["that counts one byte more", { ...plain, adjust: -1 }, "\x03ab", ["ab"]],
  ["behind other bytes, which are part of the header", { ...plain, offset: 2 }, "xy\x02ab", ["ab"]],
  ["with its header", { ...plain, offset: 2, keep: true }, "xy\x02ab", ["xy\x02ab"]],
  ["behind magic bytes", length, "\xa5\x5a\x05ab", ["ab"]],
  ["without data", plain, "\x00\x01a", ["", "a"]],
])("a length %s says where a frame ends", (_, frame, input, expected) => {
  const { frames, framer } = open(frame);
  framer.push(bytesOf(input), 0);
  expect(frames.texts).toEqual(expected);
});

describe("with magic bytes", () => {
  test("noise before them is skipped", () => {
    const { frames, framer } = open(length);
    framer.push(bytesOf("noise\xa5\xa5\x5a\x05ab\x5a"), 0);
    framer.push(bytesOf("\xa5\x5a\x04c"), 0);
    expect(frames.found).toEqual([
      { what: "ab", range: { from: 6, to: 11 } },
      { what: "c", range: { from: 12, to: 16 } },
    ]);
  });

  test("a length that is too long or too short drops the header, and the frame behind it is found", () => {
    const { frames, framer } = open(length);
    framer.push(bytesOf("\xa5\x5a\xff\xa5\x5a\x02\xa5\x5a\x04a"), 0);
    expect(frames.texts).toEqual(["(too-long)", "(malformed)", "a"]);
  });

  test("a frame that fails its check is dropped at once, and a frame within it is found", () => {
    const { frames, framer } = open(length, { check: crc16 });
    const good = "\xa5\x5a\x06a\x9d\xdd"; // the CRC that Python's binascii gives
    framer.push(bytesOf(good.replace("a", "b")), 0);
    expect(frames.texts).toEqual(["(checksum)"]);
    framer.push(bytesOf(`\xa5\x5a\x10${good}0123456789`), 0);
    expect(frames.texts.slice(1, 3)).toEqual(["(checksum)", "a"]);
  });
});

describe("without magic bytes and check", () => {
  test("a frame that is too long is skipped whole", () => {
    const { frames, framer } = open(plain);
    framer.push(bytesOf(`\xf0${"x".repeat(239)}`), 0);
    framer.push(bytesOf("x\x01a"), 10);
    expect(frames.texts).toEqual(["(too-long)", "a"]);
    expect(frames.found[1]?.range).toEqual({ from: 241, to: 243 });
  });

  test("a wrong length does not make the source deaf: after a silence of frame_timeout, a frame begins", () => {
    const { frames, framer } = open({ ...plain, width: 4 });
    framer.push(bytesOf("\xff\xff\xff\xffxxxx"), 0);
    framer.push(bytesOf("\x00\x00\x00\x01a"), 1000);
    expect(frames.texts).toEqual(["(too-long)", "a"]);
  });
});

test("a frame that is not complete in time is dropped, and a frame within it is found", () => {
  const { frames, framer } = open(length);
  framer.push(bytesOf("\xa5\x5a\x20abc"), 0);
  framer.push(bytesOf("\xa5\x5a\x04d"), 500);
  expect(framer.deadline()).toBe(1000);
  framer.advance(1000);
  expect(frames.found).toEqual([
    { what: "(incomplete)", range: { from: 0, to: 6 } },
    { what: "d", range: { from: 6, to: 10 } },
  ]);
  expect(framer.deadline()).toBe(Infinity);
});
