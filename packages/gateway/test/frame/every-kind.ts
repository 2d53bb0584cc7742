/** Each kind of frame with bodies that it can carry, for properties that hold for all. */

import fc from "fast-check";
import type { CheckSettings, FrameSettings } from "../../src/configuration/configuration.ts";
import { createFramer, type WireSettings } from "../../src/frame/create-framer.ts";
import { Frames } from "./frames.ts";

export const settings = { maxFrame: 64, frameTimeout: 1000, first: "drop" } as const;
export const none: CheckSettings = { kind: "none" };
export const crc16: CheckSettings = { kind: "crc16-ccitt", at: "end", from: 0, as: "bytes", endian: "big" };

export const length = {
  kind: "length",
  offset: 2,
  width: 1,
  endian: "big",
  adjust: 0,
  magic: Uint8Array.of(0xa5, 0x5a),
  total: true,
  keep: false,
} as const;

export const delimiter = { kind: "delimiter", end: bytesOf("\r\n"), start: undefined, keep: false } as const;

export interface EveryKind {
  readonly name: string;
  readonly frame: FrameSettings;
  readonly check: CheckSettings;
  readonly body: fc.Arbitrary<Uint8Array>;
  /** After these bytes, a frame is found whatever came before. */
  readonly recovery: string;
}

export function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

export function open(frame: FrameSettings, more: Partial<WireSettings> = {}) {
  const frames = new Frames();
  return { frames, framer: createFramer({ ...settings, check: none, frame, ...more }, frames) };
}

const any = fc.uint8Array({ minLength: 1, maxLength: 40 });
const without = (...bytes: number[]) => any.map((body) => body.map((byte) => (bytes.includes(byte) ? 0x41 : byte)));
const request = fc
  .tuple(
    fc.integer({ min: 0, max: 247 }),
    fc.integer({ min: 1, max: 6 }),
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
  )
  .map(([unit, code, rest]) => Uint8Array.of(unit, code, 0, ...rest.slice(1))); // cannot be the beginning of a response
const registers = fc
  .tuple(fc.integer({ min: 1, max: 247 }), fc.constantFrom(3, 4), fc.uint8Array({ minLength: 1, maxLength: 20 }))
  .map(([unit, code, data]) => Uint8Array.of(unit, code, 2 * data.length, ...data, ...data));
const list: fc.Arbitrary<string> = fc.letrec((tie) => ({
  item: fc.oneof({ depthSize: "small" }, fc.constantFrom("a", '"(\\""', "21.5", "; )\n"), tie("list")),
  list: fc.array(tie("item") as fc.Arbitrary<string>, { maxLength: 3 }).map((items) => `(${items.join(" ")})`),
})).list as fc.Arbitrary<string>;

const sum = (settings_: Partial<Exclude<CheckSettings, { kind: "none" | "nmea" }>>): CheckSettings => ({
  ...crc16,
  ...settings_,
});

export const everyKind: readonly EveryKind[] = [
  { name: "line", frame: { kind: "line" }, check: none, body: without(10, 13), recovery: "\n" },
  {
    name: "line with a check in digits",
    frame: { kind: "line" },
    check: sum({ kind: "xor8", as: "hex" }),
    body: without(10, 13),
    recovery: "\n",
  },
  {
    name: "line with NMEA's check",
    frame: { kind: "line" },
    check: { kind: "nmea" },
    body: without(10, 13, 0x2a).map(sentence),
    recovery: "\n",
  },
  { name: "delimiter", frame: delimiter, check: none, body: without(10), recovery: "\r\n" },
  {
    name: "delimiter with a start",
    frame: { ...delimiter, start: bytesOf("\x02\x02"), end: bytesOf("\x03\x03\x04") },
    check: sum({ kind: "sum8", at: 0 }),
    body: without(2, 3, 4).filter((body) => ![2, 3, 4].includes(body.reduce((all, byte) => (all + byte) & 0xff, 0))),
    recovery: "\x03\x03\x04",
  },
  {
    name: "delimiter that is kept",
    frame: { ...delimiter, start: bytesOf("<"), end: bytesOf(">"), keep: true },
    check: none,
    body: without(0x3c, 0x3e).map((body) => Uint8Array.of(0x3c, ...body, 0x3e)),
    recovery: ">",
  },
  { name: "length", frame: length, check: none, body: any, recovery: "" },
  { name: "length with a check", frame: length, check: crc16, body: any, recovery: "" },
  {
    name: "length without magic bytes, with a check before the data",
    frame: { ...length, magic: undefined, offset: 0, width: 2, endian: "little", total: false, adjust: -3 },
    check: sum({ kind: "crc32", at: 2, endian: "little" }),
    body: any,
    recovery: "",
  },
  { name: "cobs", frame: { kind: "cobs" }, check: none, body: any, recovery: "\0" },
  { name: "cobs with a check", frame: { kind: "cobs" }, check: sum({ kind: "crc8" }), body: any, recovery: "\0" },
  { name: "slip", frame: { kind: "slip" }, check: none, body: any, recovery: "\xc0" },
  { name: "paren", frame: { kind: "paren" }, check: none, body: list.map(bytesOf), recovery: "\n" },
  { name: "gap", frame: { kind: "gap", gap: 20 }, check: crc16, body: any, recovery: "" },
  { name: "datagram", frame: { kind: "datagram" }, check: crc16, body: any, recovery: "" },
  {
    name: "modbus-rtu",
    frame: { kind: "modbus-rtu" },
    check: none,
    body: fc.oneof(request, registers),
    recovery: "",
  },
];

/** An NMEA sentence with the checksum as the standard describes it. */
function sentence(body: Uint8Array): Uint8Array {
  const xor = body.reduce((all, byte) => all ^ byte, 0);
  return Uint8Array.of(0x24, ...body, ...bytesOf(`*${xor.toString(16).toUpperCase().padStart(2, "0")}`));
}
