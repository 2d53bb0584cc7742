// What the formats of bytes, sentences and lists become, in particular where fields stand in bytes.

import { problemText } from "@aiko/mqtt-configuration";
import { parse, stringify } from "smol-toml";
import { expect, test } from "vitest";
import type { DecodeSettings } from "../../src/configuration/configuration.ts";
import { readConfiguration } from "../../src/configuration/read-configuration.ts";
import { field } from "../settings.ts";
import { formats, options } from "./samples.ts";

function read(text: string): Map<string, DecodeSettings> {
  const { configuration, problems = [] } = readConfiguration(text, options);
  if (configuration === undefined) throw new Error(problems.map(problemText).join("\n"));
  return new Map(configuration.sources.map(({ id, decode }) => [id, decode]));
}

const sources = read(formats);

/** Each part as its name, offset, size, order of bytes and bits. */
function places(id: string): string[] {
  const decode = sources.get(id);
  if (decode === undefined || !("layout" in decode)) throw new Error("it has no layout");
  return decode.layout.parts.map(({ settings, at, size, endian, bits }) =>
    [settings.name, at, size, endian, ...(bits === undefined ? [] : [bits.from, bits.length])].join(" "),
  );
}

test("fields of bytes stand after each other, or at their offset", () => {
  expect(places("scale")).toEqual([
    "kg 2 4 little",
    "low 6 1 little 0 3",
    "high 6 1 little 4 4",
    "big 12 2 big",
    "no 14 2 little",
    "id 16 2 little",
    "all 18 3 little",
    "name 21  little",
  ]);
  expect(sources.get("scale")).toMatchObject({
    format: "binary",
    layout: { length: 21, constants: [{ at: 0, bytes: Uint8Array.of(0xa5, 0x5a) }] },
  });
});

test("fields of registers and coils are counted in them", () => {
  expect(places("meter")).toEqual(["volt 0 2 cdab", "kwh 6 4 cdab", "flag 10 2 cdab 0 1", "alarm 10 2 cdab 15 1"]);
  expect(sources.get("meter")).toMatchObject({ unit: 17, function: 4, address: 100, count: 6 });
  expect(places("coils")).toEqual(["a 0 1 big 0 1", "j 1 1 big 1 1", "k 1 1 big 2 1"]);
  expect(sources.get("coils")).toMatchObject({ count: 11, layout: { length: 2 } });
});

test("bits that have no room after the bits before them begin the next byte", () => {
  const next = formats.replace('"low:bits(0,3)", "high:bits(4, 4)"', '"low:bits(4,3)", "high:bits(0,1)"');
  const decode = read(next).get("scale");
  expect(decode).toMatchObject({ layout: { parts: [{}, { at: 6 }, { at: 7 }, {}, {}, {}, {}, {}] } });
});

test("columns of sentences are fields, or skipped", () => {
  const lon = field("lon", "nmea_lon", { unit: "°" });
  expect(sources.get("gps")).toEqual({
    format: "nmea",
    sentences: { RMC: [field("utc"), undefined, field("lat", "nmea_lat"), lon], GGA: [field("utc")] },
    fields: [field("utc"), field("lat", "nmea_lat"), lon],
  });
});

test("fields of lists are as the device sends them, if no type is written", () => {
  expect(sources.get("aiko")).toEqual({
    format: "sexpr",
    envelope: "(node {node} {time} …)",
    template: undefined,
    fields: [field("temperature", "f32"), field("other", "json")],
  });
});

test("hex and base64 have one field of text", () => {
  expect(sources.get("hex")).toEqual({ format: "hex", fields: [] });
  expect(sources.get("base64")).toEqual({ format: "base64", fields: [field("payload")] });
});

test("a configuration that was written again is the same", () => {
  expect(read(stringify(parse(formats)))).toEqual(sources);
});
