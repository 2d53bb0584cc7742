/** Pipelines and bytes of all kinds, for properties. */

import fc from "fast-check";
import type {
  CheckSettings,
  DecodeSettings,
  FrameSettings,
  StdinSettings,
} from "../../src/configuration/configuration.ts";
import { decodeOf } from "../codec/codecs.ts";
import { everyKind } from "../frame/every-kind.ts";
import { csv, field, json } from "../settings.ts";

const nmea = [field("node"), field("t", "nmea_lat"), field("n", "u8")];
const fields = [field("node"), field("t", "f32", { scale: 0.1, min: -1000 }), field("n", "u64"), field("b", "bool")];

/** Each format, with fields of several types. */
export const anyDecode = fc.constantFrom<DecodeSettings>(
  { format: "raw", fields: [] },
  json(),
  json(...fields),
  { format: "json", pick: { node: "/node", t: "/a/0/t" }, fields: [field("t", "json")] },
  csv(...fields),
  csv(field("node")),
  { format: "text", template: "T={t:f32} N={node}%", fields: [] },
  { format: "text", template: "{node}", fields: [] },
  { format: "sexpr", envelope: undefined, template: undefined, fields },
  { format: "sexpr", envelope: "(node {node} {t} …)", template: undefined, fields: [] },
  { format: "sexpr", envelope: "(node {node} {t})", template: undefined, fields },
  { format: "nmea", sentences: { RMC: nmea, GLL: [undefined, ...nmea] }, fields: nmea },
  decodeOf('{ format = "binary", fields = ["t:i16", "node:text(2)", "n:bits(0,3)", "b:bits(4,1)"] }'),
  decodeOf('{ format = "binary", endian = "little", fields = [{ const = "70" }, "n:u8", "node:text"] }'),
  decodeOf('{ format = "modbus", unit = 112, fields = ["t:i16", "node:hex(2)"] }'),
  decodeOf('{ format = "modbus", unit = 112, function = 5, fields = ["b"] }'),
  { format: "hex", fields: [field("node")] },
  { format: "base64", fields: [] },
);

export const anySettings: fc.Arbitrary<Partial<StdinSettings>> = fc.record({
  decode: anyDecode,
  frame: fc.constantFrom<FrameSettings>({ kind: "line" }, { kind: "line" }, ...everyKind.map(({ frame }) => frame)),
  check: fc.constantFrom<CheckSettings>(
    ...new Array<CheckSettings>(20).fill({ kind: "none" }),
    ...everyKind.map(({ check }) => check),
  ),
  first: fc.constantFrom("drop", "keep"),
  maxFrame: fc.constantFrom(8, 40, 4096),
  encoding: fc.constantFrom("utf8", "utf8", "latin1", "hex"),
  when: fc.constantFrom(
    [],
    [{ field: "t", op: "changed", value: undefined } as const],
    [{ field: "t", op: ">", value: 0 } as const],
    [{ field: "t", op: "delta", value: 1 } as const],
  ),
  topic: fc.constantFrom("{gateway}/{source}", "{node}/x", "a/{node}/{t}", "{value}"),
  payload: fc.constantFrom(
    { kind: "json" } as const,
    { kind: "raw" } as const,
    { kind: "fields" } as const,
    { kind: "template", template: "{node}={t}" } as const,
  ),
  deviceName: fc.constantFrom("{node}", "{peer}", "a {node}{t}"),
  rate: fc.constantFrom(undefined, undefined, { perSecond: 1, burst: 2 }),
  dedupe: fc.constantFrom(undefined, undefined, { key: "t", within: 1_000 }),
  acknowledge: fc.constantFrom(undefined, "ok {node}{value}\n"),
  refuse: fc.constantFrom(undefined, "no {reason}\n"),
  deadletter: fc.constantFrom(undefined, "dead/{node}", "dead"),
});

const word = fc.constantFrom(
  ...[
    "\n",
    "\r\n",
    "\r",
    ";",
    '"',
    '""',
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    '"node":',
    '"t":',
    "null",
    "true",
    "1e+21",
    "-0",
  ],
  ...['{"node":"p","t":1}', '{"node":"a/b","a":[{"t":5}]}', "p;21.5;7;on", "T=1 N=", "%", "/", "+", "#", "$SYS", "\0"],
  ...[
    "(",
    ")",
    "(node p ? ",
    "(t 1 C)",
    "(a (1 2))",
    "(b on)",
    "?",
    "$GPRMC,",
    "$GPGLL,,",
    "p,4807.038,N,1",
    "*",
    "*55",
  ],
  ...["\u0003\u0004", "\u0003\u0002", "\u0005\u0000\u0000\u0000\u0000", "p\u0003"],
  ...["\\ud800", "\\u0000", "é", "€", "🌡", "18446744073709551615", "0.1", " "],
);

/** Bytes that are nearly what the formats expect, and bytes that are nothing. */
export const anyBytes = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.array(word, { maxLength: 30 }).map((words) => new Uint8Array(Buffer.from(words.join("")))),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 120 }) },
);
