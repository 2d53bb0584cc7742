/** Pipelines and bytes of all kinds, for properties. */

import fc from "fast-check";
import type {
  CheckSettings,
  DecodeSettings,
  FrameSettings,
  StdinSettings,
} from "../../src/configuration/configuration.ts";
import { everyKind } from "../frame/every-kind.ts";
import { csv, field, json } from "../settings.ts";

const fields = [field("node"), field("t", "f32", { scale: 0.1, min: -1000 }), field("n", "u64"), field("b", "bool")];

const decode = fc.constantFrom<DecodeSettings>(
  { format: "raw", fields: [] },
  json(),
  json(...fields),
  { format: "json", pick: { node: "/node", t: "/a/0/t" }, fields: [field("t", "json")] },
  csv(...fields),
  csv(field("node")),
  { format: "text", template: "T={t:f32} N={node}%", fields: [] },
  { format: "text", template: "{node}", fields: [] },
);

export const anySettings: fc.Arbitrary<Partial<StdinSettings>> = fc.record({
  decode,
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
