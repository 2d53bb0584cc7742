// What the pipeline makes of frames of other kinds than lines, and of their checks.
import { expect, test } from "vitest";
import type { CheckSettings, StdinSettings } from "../../src/configuration/configuration.ts";
import { encodeCobs } from "../../src/frame/cobs.ts";
import { delimiter } from "../frame/every-kind.ts";
import { bytesOf, json, peer, pipelineOf, seen, textOf, wireOf } from "../settings.ts";

const xor8: CheckSettings = { kind: "xor8", at: "end", from: 0, as: "hex", endian: "big" };

function run(settings: Partial<StdinSettings>, input: string | Uint8Array): string[] {
  const wire = wireOf(settings);
  return [...wire.push(typeof input === "string" ? bytesOf(input) : input, 0), ...wire.end(0)].map(seen);
}

test("a frame is decoded without its check", () => {
  expect(run({ check: xor8, payload: { kind: "raw" } }, "a61\nab03\n")).toEqual(["attic/meter a", "attic/meter ab"]);
});

test("a sentence of NMEA is decoded with its check", () => {
  expect(run({ check: { kind: "nmea" }, payload: { kind: "raw" } }, "$a*61\r\n")).toEqual(["attic/meter $a*61"]);
});

test("a frame that fails its check is dropped as checksum, refused, and a dead letter", () => {
  const pipeline = pipelineOf({ check: xor8, refuse: "no {reason}\n", deadletter: "dead" });
  const [outcome] = pipeline.open(peer).push(bytesOf("a62\n"), 0);
  if (outcome === undefined) throw new Error("there is no outcome");
  expect(seen(outcome)).toBe("checksum: xor8 is 0x62, but the bytes give 0x61");
  expect(textOf(pipeline.refusal(peer, outcome))).toBe("no checksum\n");
  expect(textOf(pipeline.deadLetter(peer, outcome)?.payload)).toBe(
    '{"source":"meter","reason":"checksum","hex":"613632"}',
  );
});

test("a malformed frame is refused, and a dead letter", () => {
  const pipeline = pipelineOf({ frame: { kind: "cobs" }, refuse: "no {reason}\n", deadletter: "dead" });
  const [outcome] = pipeline.open(peer).push(Uint8Array.of(9, 1, 0), 0);
  if (outcome === undefined) throw new Error("there is no outcome");
  expect(seen(outcome)).toBe("malformed: a block of COBS is longer than its frame");
  expect(textOf(pipeline.refusal(peer, outcome))).toBe("no malformed\n");
  expect(textOf(pipeline.deadLetter(peer, outcome)?.payload)).toBe(
    '{"source":"meter","reason":"malformed","hex":"0901"}',
  );
});

const good = encodeCobs(bytesOf('{"a":1}'));
const first = "incomplete: the first frame after opening may lack its beginning; ";

test.each<[string, Partial<StdinSettings>, string | Uint8Array, string[]]>([
  [
    "that is malformed",
    { frame: { kind: "cobs" } },
    Uint8Array.of(9, 1, 0, ...good, 9, 1, 0),
    [
      `${first}a block of COBS is longer than its frame`,
      'attic/meter {"a":1}',
      "malformed: a block of COBS is longer than its frame",
    ],
  ],
  [
    "that fails its check",
    { check: xor8 },
    "}00\nx00\n",
    [`${first}xor8 is 0x00, but the bytes give 0x7d`, "checksum: xor8 is 0x00, but the bytes give 0x78"],
  ],
  [
    "that cannot be decoded",
    { frame: delimiter },
    '1}\r\n{"a":1}\r\n',
    [`${first}JSON, at character 1, "1}": the frame must be a JSON object`, 'attic/meter {"a":1}'],
  ],
  [
    "unless its beginning is marked",
    { frame: { ...delimiter, start: bytesOf("<") } },
    "<1}\r\n",
    ['decode: JSON, at character 1, "1}": the frame must be a JSON object'],
  ],
])('with first = "drop", the first frame is incomplete %s', (_, settings, input, expected) => {
  expect(run({ first: "drop", decode: json(), ...settings }, input)).toEqual(expected);
});

test("silence ends a frame of the kind gap", () => {
  const wire = wireOf({ frame: { kind: "gap", gap: 20 } });
  expect(wire.push(bytesOf("a"), 0)).toEqual([]);
  expect(wire.deadline()).toBe(20);
  expect(wire.advance(20).map(seen)).toEqual(['attic/meter {"value":"a"}']);
});

test("a frame of Modbus RTU is decoded without its CRC", () => {
  const request = Uint8Array.of(1, 4, 0, 0, 0, 4, 0xf1, 0xc9);
  expect(run({ frame: { kind: "modbus-rtu" }, encoding: "hex" }, request)).toEqual([
    'attic/meter {"value":"010400000004"}',
  ]);
});
