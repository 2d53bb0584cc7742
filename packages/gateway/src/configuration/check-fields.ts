/** The tables of `check`: how a frame shows that it arrived as it was sent. */

import {
  choice,
  integer,
  type Kind,
  nameOrTable,
  optional,
  type Place,
  preset,
  required,
  table,
  variants,
} from "@aiko/mqtt-configuration";
import { SUMS, type SumKind } from "../frame/crc.js";
import type { CheckSettings, FrameSettings } from "./configuration.js";

/** `check` as it is written. */
export type WrittenCheck =
  | { readonly kind: "none" }
  | { readonly kind: "nmea" }
  | {
      readonly kind: SumKind;
      readonly at: "end" | number;
      readonly from: number;
      readonly as: "bytes" | "hex" | undefined;
      readonly endian: "big" | "little" | undefined;
    };

const SUM_KINDS = Object.keys(SUMS) as SumKind[];
const LAST_PLACE = 65_535;

const places = integer(0, LAST_PLACE);
const place: Kind<"end" | number> = {
  label: `"end" or ${places.label}`,
  schema: { anyOf: [{ const: "end" }, places.schema] },
  read: (value, where) => (value === "end" ? value : places.read(value, where)),
};

const kindField = <const Names extends readonly string[]>(...names: Names) =>
  required(choice(...names), "The kind of the check.");

const none: Kind<WrittenCheck> = table({
  title: 'check, kind = "none"',
  about: "No check.",
  fields: { kind: kindField("none") },
  build: (values) => values,
});

const nmea: Kind<WrittenCheck> = table({
  title: 'check, kind = "nmea"',
  about: "NMEA 0183: `*` and two hexadecimal digits at the end of the frame. They stay in it.",
  fields: { kind: kindField("nmea") },
  build: (values) => values,
});

const sum: Kind<WrittenCheck> = table({
  title: "check",
  about: 'A checksum or CRC. The short form `"crc8"` stands for `{ kind = "crc8" }`.',
  fields: {
    kind: kindField(...SUM_KINDS),
    at: preset(place, "end", "The place of the check, from the first byte of the frame."),
    from: preset(places, 0, "The first byte that the check covers. It covers all bytes from there on, without itself."),
    as: optional(
      choice("bytes", "hex"),
      "Whether the check is bytes, or hexadecimal digits. Default: `hex` if `frame` is `line`, otherwise `bytes`.",
    ),
    endian: optional(
      choice("big", "little"),
      "The order of its bytes. Default: `little` for `crc16-modbus` and `crc32`, `big` for `crc16-ccitt`.",
    ),
  },
  check({ values: { kind, endian }, place: where }) {
    if (endian === undefined || kind === undefined || SUMS[kind].width > 1) return;
    where.at("endian").problem(`is not possible for ${kind}, which has one byte; remove it`);
  },
  build: (values) => values,
});

const kinds: Kind<WrittenCheck> = {
  ...variants<WrittenCheck>("kind", { none, nmea, ...Object.fromEntries(SUM_KINDS.map((kind) => [kind, sum])) }),
  schema: { oneOf: [none, nmea, sum].map(({ schema }) => schema) },
  // The kinds without options need no section of their own.
  ...(sum.sections === undefined ? {} : { sections: sum.sections }),
};

/** "crc8", or a table. */
export const check = nameOrTable("kind", ["none", "nmea", ...SUM_KINDS], kinds);

/** The settings of a check. Reports what does not fit to the frames. */
export function completeCheck(
  written: WrittenCheck,
  frame: FrameSettings["kind"],
  where: Place,
): CheckSettings | undefined {
  if (written.kind === "none") return written;
  if (frame === "modbus-rtu")
    return where.problem('is not possible if frame is "modbus-rtu", which has a CRC; remove it');
  if (frame === "paren")
    return where.problem('is not possible if frame is "paren": nothing follows the parentheses; remove it');
  if (written.kind === "nmea") {
    if (frame !== "length") return written;
    return where.problem('"nmea" is a check of text, but frame has the kind "length"; use line or delimiter');
  }
  const { as = frame === "line" ? "hex" : "bytes", endian = SUMS[written.kind].endian, ...same } = written;
  if (frame === "line" && as === "bytes") {
    return where.at("as").problem('must be "hex" if frame is "line": a byte of the check could end the line');
  }
  return { ...same, as, endian };
}
