/** The tables of the formats of bytes: `decode` with "binary", "modbus", "hex" and "base64". */

import { choice, integer, type Kind, preset, required, table } from "@aiko/mqtt-configuration";
import { READ_FUNCTIONS, WRITE_FUNCTIONS } from "../codec/modbus-frame.js";
import { ENDIANS, type Endian } from "./field-types.js";
import { fieldsOfFormat, formatField, type WithFields } from "./text-format-fields.js";

const FUNCTIONS = [...READ_FUNCTIONS, ...WRITE_FUNCTIONS] as const;

export type WrittenBytes = WithFields &
  (
    | { readonly format: "hex" | "base64" }
    | { readonly format: "binary"; readonly endian: Endian }
    | {
        readonly format: "modbus";
        readonly endian: Endian;
        readonly unit: number;
        readonly function: (typeof FUNCTIONS)[number];
        readonly address: number;
      }
  );

const endian = preset(
  choice(...ENDIANS),
  "big",
  "The order of the bytes of numbers. `big`: ABCD, `little`: DCBA, `cdab`: the words are swapped, `badc`: the bytes of each word are.",
);

const hex = table({
  title: 'decode, format = "hex"',
  about:
    "The bytes of the frame as hexadecimal digits, as one field. Its name is `value`, if `fields` does not name another.",
  fields: { format: formatField("hex"), fields: fieldsOfFormat },
  build: (values) => values,
});

const base64 = table({
  title: 'decode, format = "base64"',
  about: "The bytes of the frame as base64, as one field. Its name is `value`, if `fields` does not name another.",
  fields: { format: formatField("base64"), fields: fieldsOfFormat },
  build: (values) => values,
});

const binary = table({
  title: 'decode, format = "binary"',
  about:
    'Values in bytes, in the order of `fields`, or at the offset `at`. The frame must have as many bytes as they need. `{ const = "A5" }` is a byte that is always the same.',
  fields: { format: formatField("binary"), endian, fields: fieldsOfFormat },
  build: (values) => values,
});

const modbus = table({
  title: 'decode, format = "modbus"',
  about:
    "Registers or coils in Modbus frames: unit, function and data, without a CRC. Frames of other units and functions, and requests to read, are dropped as `filtered`; an exception is dropped as `decode`.",
  fields: {
    format: formatField("modbus"),
    unit: required(integer(0, 255), "The address of the device on the bus, 1 to 247. Modbus TCP has 0 and 255 too."),
    function: preset(
      choice(...FUNCTIONS),
      3,
      "1 and 2 read coils, 3 and 4 registers: the fields are in the answer. 5 and 15 write coils, 6 and 16 registers: the fields are in the request.",
    ),
    address: preset(integer(0, 65_535), 0, "The first register or coil. Fields without `at` follow it."),
    endian,
    fields: fieldsOfFormat,
  },
  build: (values) => values,
});

/** The formats of bytes, by name. */
export const bytesFormats: Readonly<Record<WrittenBytes["format"], Kind<WrittenBytes>>> = {
  binary,
  modbus,
  hex,
  base64,
};
