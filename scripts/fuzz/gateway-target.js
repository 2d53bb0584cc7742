// @ts-check
// The gateway's pipeline: bytes of devices, in any pieces, for sources of every kind.
import { topicNameProblem } from "@aiko/mqtt/topic";
import { Food } from "./food.js";

// The package's entry does not have the pipeline.
const built = new URL("../../packages/gateway/dist/", import.meta.url);
/** @type {typeof import("../../packages/gateway/src/pipeline/pipeline.ts")} */
const { createPipeline } = await import(new URL("pipeline/pipeline.js", built).href);

/** @typedef {import("../../packages/gateway/src/configuration/configuration.ts").PipelineSettings} PipelineSettings */
/** @typedef {import("../../packages/gateway/src/configuration/configuration.ts").FieldType} FieldType */
/** @typedef {import("../../packages/gateway/src/pipeline/outcome.ts").Outcome} Outcome */

const peer = { peer: "192.0.2.1", port: 2000, fields: { path: "p" } };

/** @param {string} name @param {FieldType} type @param {number} [scale] */
function field(name, type, scale = 1) {
  const nothing = { unit: undefined, min: undefined, max: undefined, class: undefined };
  return { name, type, scale, offset: 0, values: { off: false }, ...nothing };
}

const fields = [field("node", "text"), field("t", "f32", 0.1), field("n", "u64"), field("j", "json")];

/** @type {readonly PipelineSettings["decode"][]} */
const formats = [
  { format: "raw", fields: [] },
  { format: "json", pick: {}, fields: [] },
  { format: "json", pick: { node: "/node", t: "/a/0/t", all: "" }, fields },
  { format: "csv", separator: ";", quote: '"', fields },
  { format: "text", template: "T={t:f32} N={node}%", fields },
];

/** @type {readonly PipelineSettings["payload"][]} */
const payloads = [{ kind: "json" }, { kind: "raw" }, { kind: "fields" }, { kind: "template", template: "{node}={t}" }];

/** @type {readonly PipelineSettings["frame"][]} */
const frames = [
  { kind: "line" },
  { kind: "datagram" },
  { kind: "paren" },
  { kind: "cobs" },
  { kind: "slip" },
  { kind: "modbus-rtu" },
  { kind: "gap", gap: 5 },
  { kind: "delimiter", end: Uint8Array.of(0x0d, 0x0a), start: undefined, keep: false },
  { kind: "delimiter", end: Uint8Array.of(3), start: Uint8Array.of(2), keep: true },
  { kind: "length", offset: 0, width: 1, endian: "big", adjust: 0, magic: undefined, total: false, keep: false },
  {
    kind: "length",
    offset: 1,
    width: 2,
    endian: "little",
    adjust: 0,
    magic: Uint8Array.of(0x7b),
    total: true,
    keep: true,
  },
];

/** @type {readonly PipelineSettings["check"][]} */
const checks = [
  { kind: "none" },
  { kind: "nmea" },
  { kind: "xor8", at: "end", from: 1, as: "bytes", endian: "big" },
  { kind: "crc16-ccitt", at: 2, from: 0, as: "hex", endian: "little" },
];

/** @param {Food} food @returns {PipelineSettings} */
function settingsOf(food) {
  /** @template Choice @param {readonly Choice[]} choices @returns {Choice} */
  const one = (choices) => /** @type {Choice} */ (choices[food.byte() % choices.length]);
  return {
    id: "meter",
    enabled: true,
    frame: one(frames),
    check: one(checks),
    first: one(/** @type {const} */ (["drop", "keep"])),
    maxFrame: one([16, 4096]),
    frameTimeout: 1000,
    encoding: one(/** @type {const} */ (["utf8", "utf8", "latin1", "hex"])),
    decode: one(formats),
    when: one([[], [{ field: "t", op: /** @type {const} */ ("changed"), value: undefined }]]),
    topic: one(["{gateway}/{source}", "{node}/{path}", "a/{value}", "{t}{n}"]),
    payload: one(payloads),
    qos: 1,
    retain: false,
    expiry: 0,
    deviceName: "{node}",
    silence: 0,
    availability: "{topic}/availability",
    rate: undefined,
    dedupe: one([undefined, { key: "t", within: 1000 }]),
    acknowledge: "ok {node}{value}\n",
    refuse: "no {reason}\n",
    polls: [],
    commands: [],
    deadletter: one([undefined, "dead/{node}", "dead"]),
  };
}

/**
 * Nothing throws; the same bytes whole and in pieces give the same; topics are valid and have the levels of their template; no answer has more than
 * one line.
 *
 * @type {import("./targets.js").Target}
 */
export function gateway(bytes) {
  const food = new Food(bytes);
  const settings = settingsOf(food);
  const piece = 1 + (food.byte() % 16);
  const input = food.rest();
  const pipeline = createPipeline(settings, { id: "attic", timestamps: "iso" }, { wallTime: () => 1e12 });
  const outcomes = run(pipeline, input, Math.max(1, input.length));
  const inPieces = run(
    createPipeline(settings, { id: "attic", timestamps: "iso" }, { wallTime: () => 1e12 }),
    input,
    piece,
  );
  if (shown(outcomes) !== shown(inPieces)) throw new Error("the bytes in pieces give other outcomes");
  for (const outcome of outcomes) {
    if (outcome.records.length > 0 !== (outcome.dropped === undefined)) throw new Error("neither records nor dropped");
    if (settings.payload.kind !== "fields") assertLevels(outcome, settings.topic.split("/").length);
    const letter = pipeline.deadLetter(peer, outcome);
    for (const { topic } of letter ? [...outcome.records, letter] : outcome.records) {
      if (topicNameProblem(topic)) throw new Error(`the topic ${JSON.stringify(topic)} is not valid`);
      if (topic.startsWith("$")) throw new Error("a device chose a topic that begins with $");
    }
    for (const answer of [pipeline.acknowledgement(peer, outcome), pipeline.refusal(peer, outcome)]) {
      if (answer?.subarray(0, -1).some((byte) => byte < 0x20)) throw new Error("a device made an answer of two lines");
    }
  }
}

/** @param {ReturnType<typeof createPipeline>} pipeline @param {Uint8Array} input @param {number} size */
function run(pipeline, input, size) {
  const wire = pipeline.open(peer);
  const outcomes = [];
  for (let at = 0; at < input.length; at += size) outcomes.push(...wire.push(input.slice(at, at + size), 0));
  return [...outcomes, ...wire.end(0)];
}

/** @param {readonly Outcome[]} outcomes */
function shown(outcomes) {
  return JSON.stringify(outcomes.map((each) => ({ ...each, fields: each.fields && [...each.fields] })));
}

/** @param {Outcome} outcome @param {number} levels */
function assertLevels({ records }, levels) {
  for (const { topic } of records) {
    if (topic.split("/").length !== levels) throw new Error(`a device chose the levels of ${JSON.stringify(topic)}`);
  }
}

/** @param {import("./inputs.js").SeededRandom} random */
export function gatewaySeeds(random) {
  const inputs = [
    '{"node":"p","t":21.5,"n":18446744073709551615,"j":{"a":[1,null,"\\u00e9"]}}\r\n{"a":[{"t":1e400}]}\n',
    'p;21.5;7;{"a":1}\n"a;""b""";-1e-3;0;[]\r',
    "T=21.5 N=p%\nT= N=%\n\nT=1",
    "é€🌡 $SYS/+/#%\n",
    '(node p (t 21.5 "\\")") ; )\n)\n$a*61\r\n',
    "\x02a61\x03\x02b\x03\x03ab\0\x02a\0{\x06\0abc\x02ab",
    "\x01\x06\0\x01\0\x03\x01\x03\x02\0\x01\x79\x04",
  ];
  const settings = 10;
  return inputs.flatMap((input) =>
    Array.from({ length: 20 }, () => {
      const choices = Array.from({ length: settings + 1 }, () => random.integer(256));
      return Uint8Array.from([0, ...choices, ...Buffer.from(input)]);
    }),
  );
}
