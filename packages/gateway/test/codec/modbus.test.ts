// Frames of the Modbus Application Protocol 1.1b3, most of them its own examples (§6), with a unit before them.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { answerProblem, modbusData, readRequest, writeRequest } from "../../src/codec/modbus-frame.ts";
import { Failure } from "../../src/failure.ts";
import type { FieldValue } from "../../src/pipeline/outcome.ts";
import { bytesOfHex, codecOf, decoded, encoded, hexOf } from "./codecs.ts";

const modbus = (more: string, fields: string) =>
  codecOf(`{ format = "modbus", unit = 17, ${more} fields = [${fields}] }`);

const holding = modbus("", '"a:u16", "b:u16", "c:i16"');
const input = modbus(
  "function = 4,",
  '{ name = "v", type = "u16", scale = 0.1, unit = "V" }, { name = "e", type = "u32", at = 2 }',
);
const words = modbus("endian = 'cdab',", '"f:f32", "on:bool", "low:bits(0,4)", "high:bits(12,4)", "name:text(4)"');
const coils = modbus("function = 1,", '"a:bool", "b", { name = "k", at = 9, values = { 0 = "off", 1 = "on" } }');

test.each([
  ["registers", holding, "11 03 06 022b 0000 ffff", { a: 555, b: 0, c: -1 }],
  ["registers at their places", input, "11 04 08 0901 0000 0001 0000", { v: 230.5, e: 65_536 }],
  [
    "swapped words, booleans, bits and text",
    words,
    "11 03 0c cccd 3dcc 0001 a005 61620000",
    {
      f: 0.1,
      on: true,
      low: 5,
      high: 10,
      name: "ab",
    },
  ],
  ["coils", coils, "11 01 02 01 02", { a: true, b: false, k: "on" }],
])("%s are read, and written as a device answers", (_, codec, frame, fields) => {
  expect(decoded(codec, frame)).toEqual(fields);
  expect(encoded(codec, fields as Record<string, FieldValue>)).toBe(frame.replaceAll(" ", ""));
});

test.each([
  ["one coil", modbus("function = 5, address = 172,", '"on"'), { on: true }, "11 05 00ac ff00"],
  ["one coil, off", modbus("function = 5, address = 172,", '"on"'), { on: "off" }, "11 05 00ac 0000"],
  ["one register", modbus("function = 6, address = 1,", '"n:u16"'), { n: 3 }, "11 06 0001 0003"],
  [
    "coils",
    modbus("function = 15, address = 19,", '"a", "b", "c", { name = "j", at = 9 }'),
    { a: 1, b: 0, c: 1, j: 1 },
    "11 0f 0013 000a 02 0502",
  ],
  [
    "registers",
    modbus("function = 16, address = 1,", '"a:u16", "b:u16"'),
    { a: 10, b: 258 },
    "11 10 0001 0002 04 000a 0102",
  ],
])("the request that writes %s", (_, codec, fields, request) => {
  expect(encoded(codec, fields as Record<string, FieldValue>)).toBe(request.replaceAll(" ", ""));
  const found = decoded(codec, request) as Record<string, unknown>;
  for (const [name, value] of Object.entries(fields)) {
    expect([value, value === "off" ? false : value === 1 || value === 0 ? value === 1 : value]).toContain(found[name]);
  }
});

test.each([
  [holding, "11 83 02", "decode: modbus: exception 2 (illegal data address) to function 3"],
  [holding, "11 83 63", "decode: modbus: exception 99 (unknown) to function 3"],
  [holding, "11 83 02 00", "decode: modbus: an exception has 3 bytes; the frame has 4"],
  [
    holding,
    "12 03 06 022b 0000 0064",
    "filtered: modbus: the frame is of unit 18, function 3, not unit 17, function 3",
  ],
  [holding, "11 04 02 0000", "filtered: modbus: the frame is of unit 17, function 4, not unit 17, function 3"],
  [holding, "11 03 0000 0003", "filtered: modbus: the frame is a request"],
  [holding, "11 03 06 022b 0000", "decode: modbus: the frame has 7 bytes; by its content, it must have 9"],
  [holding, "11 03 04 022b 0000", "decode: modbus: the frame has 4 bytes of values, but the fields need 6"],
  [holding, "11", "decode: modbus: the frame has 1 bytes; it must have at least 3"],
  [
    modbus("function = 6, address = 1,", '"n:u16"'),
    "11 06 0002 0003",
    "filtered: modbus: the frame writes at address 2, not 1",
  ],
  [
    modbus("function = 6, address = 1,", '"n:u16"'),
    "11 06 0001 0003 00",
    "decode: modbus: the frame has 7 bytes; by its content, it must have 6",
  ],
  [
    modbus("function = 6, address = 1,", '"n:u16"'),
    "11 06 0001",
    "decode: modbus: the frame has 4 bytes; by its content, it must have 6",
  ],
  [modbus("function = 5,", '"on"'), "11 05 0000 ff01", "decode: modbus: the value of a coil must be 0xff00 or 0x0000"],
  [modbus("function = 5,", '"on"'), "11 05 0000 0100", "decode: modbus: the value of a coil must be 0xff00 or 0x0000"],
  [modbus("function = 16,", '"n:u16"'), "11 10 0000 0001", "filtered: modbus: the frame confirms what was written"],
  [
    modbus("function = 16,", '"n:u16"'),
    "11 10 0000 0001 02 00",
    "decode: modbus: the frame has 8 bytes; by its content, it must have 9",
  ],
])("%# %s gives no values", (codec, frame, detail) => {
  expect(decoded(codec, frame)).toBe(detail);
});

describe("requests and answers", () => {
  const place = { unit: 17, address: 0x6b } as const;

  test("a request to read names registers or coils", () => {
    expect(hexOf(readRequest({ ...place, function: 3 }, 3))).toBe("1103006b0003");
    expect(hexOf(readRequest({ ...place, address: 0x0113, function: 1 }, 300))).toBe("11010113012c");
  });

  test("an answer confirms what was written by repeating it", () => {
    const request = writeRequest({ unit: 17, function: 16, address: 1 }, bytesOfHex("000a0102"), 2);
    const problem = (answer: string) => answerProblem(request, bytesOfHex(answer))?.detail;
    expect(problem("11 10 0001 0002")).toBeUndefined();
    expect(problem("11 10 0001 0001")).toBe("modbus: the answer does not repeat what was written");
    expect(problem("11 10 0001")).toBe("modbus: the answer does not repeat what was written");
    expect(problem("11 90 04")).toBe("modbus: exception 4 (server device failure) to function 16");
    expect(problem("12 10 0001 0002")).toBe("modbus: the frame is of unit 18, function 16, not unit 17, function 16");
    expect(problem("")).toBe("modbus: the frame has 0 bytes; it must have at least 3");
  });

  test("an answer to a read is not an exception, and has the values", () => {
    const request = readRequest({ ...place, function: 3 }, 1);
    expect(answerProblem(request, bytesOfHex("11 03 02 0001"))).toBeUndefined();
    expect(answerProblem(request, bytesOfHex("11 83 01"))?.detail).toContain("illegal function");
    expect(modbusData(bytesOfHex("11 03 02 0001"), { ...place, function: 3 })).toEqual(Uint8Array.of(0, 1));
  });
});

test("any bytes give values, or say why there are none", () => {
  const codecs = [holding, input, words, coils, modbus("function = 16,", '"n:u16"'), modbus("function = 5,", '"on"')];
  const code = fc.constantFrom(1, 3, 4, 5, 16, 0x83);
  const near = fc.tuple(code, fc.uint8Array({ maxLength: 16 })).map(([each, rest]) => Uint8Array.of(17, each, ...rest));
  fc.assert(
    fc.property(fc.constantFrom(...codecs), fc.oneof(near, fc.uint8Array({ maxLength: 20 })), (codec, bytes) => {
      const found = codec.decode(bytes);
      if (found instanceof Failure) {
        expect(["decode", "filtered"]).toContain(found.reason);
        return;
      }
      const frame = codec.encode(found);
      if (frame instanceof Failure) throw new Error(frame.detail);
      expect(codec.decode(frame)).toEqual(found);
    }),
    { numRuns: 5000 },
  );
});
