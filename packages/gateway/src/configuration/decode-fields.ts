/** `decode`: which format a frame has. Each group of formats has a file with their tables. */

import { type Kind, variants } from "@aiko/mqtt-configuration";
import { bytesFormats, type WrittenBytes } from "./bytes-format-fields.js";
import { nmea, type WrittenNmea } from "./nmea-fields.js";
import { textFormats, type WrittenText } from "./text-format-fields.js";

/** `decode` as it is written. */
export type WrittenDecode = WrittenText | WrittenBytes | WrittenNmea;

const formats = variants<WrittenDecode>("format", { ...textFormats, nmea, ...bytesFormats });

/** Formats that need nothing but fields. */
const SHORT = ["json", "csv", "raw", "sexpr", "binary", "hex", "base64"];

/** What the others need, as it is written. */
const NEEDS: Readonly<Record<string, readonly [string, string]>> = {
  text: ["a template", 'template = "T={temp:f32}"'],
  nmea: ["sentences", 'sentences = { RMC = ["time"] }'],
  modbus: ["a unit", "unit = 1"],
};

/** "json", or a table. */
export const decode: Kind<WrittenDecode> = {
  ...formats,
  label: `${SHORT.map((name) => `"${name}"`).join(" \\| ")} or table`,
  schema: { anyOf: [{ enum: SHORT }, formats.schema] },
  read: (value, place) => {
    if (typeof value !== "string") return formats.read(value, place);
    const need = Object.hasOwn(NEEDS, value) ? NEEDS[value] : undefined;
    if (need === undefined) return formats.read({ format: value }, place);
    return place.problem(`the format "${value}" needs ${need[0]}; write { format = "${value}", ${need[1]} }`);
  },
};
