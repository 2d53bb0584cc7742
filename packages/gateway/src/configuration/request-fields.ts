/** The tables of polls and commands: what a source asks of its devices. */

import {
  boolean,
  choice,
  dictionary,
  duration,
  integer,
  type Kind,
  list,
  number,
  optional,
  type Place,
  preset,
  type Read,
  required,
  scalar,
  shortOr,
  table,
  text,
} from "@aiko/mqtt-configuration";
import { createCodec } from "../codec/codec.js";
import { capturesOf } from "../command/command-topic.js";
import { checkMatch } from "./check-answers.js";
import { completeDecode } from "./complete-decode.js";
import type { DecodeSettings, FrameSettings } from "./configuration.js";
import { decode, type WrittenDecode } from "./decode-fields.js";
import { hexText } from "./frame-fields.js";
import type {
  AnswerSettings,
  CommandSettings,
  MatchSettings,
  PollSettings,
  QuestionSettings,
} from "./request-settings.js";
import { checkPlaceholders, commandTopic, template } from "./template.js";
import { fieldName, fields, MAXIMUM_FIELDS, type WrittenPart } from "./value-fields.js";

const match: Kind<MatchSettings> = shortOr<string, Readonly<Record<string, string | number | boolean>>>(
  template("text"),
  dictionary(scalar(), MAXIMUM_FIELDS),
);

const MATCH = 'text with which its frame begins, or values that its fields have: `{ relay = "{value}" }`';

const timeout = preset(duration("10ms", "10m"), "1s", "How long the answer is awaited.");

const retries = (usual: number) =>
  preset(integer(0, 100), usual, "How often the request is sent again if no answer comes.");

const framed = preset(
  boolean(),
  true,
  "Whether what is sent becomes a frame, with its check, as the source's `frame` and `check` say. A line that ends with an end of line stays as it is.",
);

/** Where a Modbus request reads. */
const modbusPlace = table({
  title: "modbus",
  about: "A Modbus request that reads the registers or coils of `fields`.",
  fields: {
    unit: required(integer(1, 247), "The address of the device on the bus."),
    function: preset(choice(1, 2, 3, 4), 3, "1 and 2 read coils, 3 and 4 registers."),
    address: preset(integer(0, 65_535), 0, "The first register or coil. Fields without `at` follow it."),
    count: optional(integer(1, 2000), "How many registers or coils are read. Default: as many as `fields` need."),
    endian: preset(
      choice("big", "little", "cdab", "badc"),
      "big",
      "The order of the bytes of numbers, as in `decode`.",
    ),
  },
  build: (values) => values,
});

type WrittenPlace = Read<typeof pollFields>["modbus"];

const pollFields = {
  every: required(duration("10ms", "7d"), "How often the devices are asked."),
  jitter: preset(number(), 0.1, "The part of `every` by which a poll may be early or late, at random: 0 to 0.5."),
  send: optional(template(), 'What is sent, such as `"READ?"`. Placeholders: `{gateway}` and `{source}`.'),
  hex: optional(hexText(1024), 'What is sent, as hexadecimal bytes: `"0501"`.'),
  modbus: optional(modbusPlace, "What is sent: a Modbus request to read. The answer has the registers of `fields`."),
  framed,
  expect: optional(match, `The answer: ${MATCH}. Default: the next frame; for \`modbus\`, the answer to the request.`),
  refused: optional(match, "An answer that says that the device does not do it, in the same form. Default: none."),
  timeout,
  retries: retries(2),
  decode: optional(decode, "How the answer becomes fields. Default: as the source says."),
  fields: optional(fields, "The fields of the answer, if they are not written in `decode`."),
  topic: optional(template("topic template"), "The topic of the record. Default: that of the source."),
};

/** A poll as it is written: without what belongs to the source. */
type WrittenPoll = Read<typeof pollFields>;

const poll: Kind<WrittenPoll> = table({
  title: "[[source.poll]]",
  about:
    "What the gateway asks the devices of a source again and again. One request is under way on a wire at a time. Write one of `send`, `hex` and `modbus`.",
  fields: pollFields,
  check({ values: { jitter, send, hex, modbus, decode: written, expect }, wrong, place }) {
    if (jitter !== undefined && (jitter < 0 || jitter > 0.5)) place.at("jitter").problem("must be from 0 to 0.5");
    const count = [send, hex, modbus].filter((each) => each !== undefined).length;
    const isWrong = wrong.has("send") || wrong.has("hex") || wrong.has("modbus");
    if (count === 0 && !isWrong) place.problem("must have one of send, hex and modbus; write what is sent");
    if (count > 1) place.problem("must have only one of send, hex and modbus; remove the others");
    if (send !== undefined) checkPlaceholders(send, new Set(["gateway", "source"]), place.at("send"));
    if (modbus === undefined) return;
    if (written !== undefined)
      place.at("decode").problem("cannot be combined with modbus, which says how the answer is decoded; remove it");
    if (expect !== undefined)
      place.at("expect").problem("cannot be combined with modbus, whose answers are known; remove it");
  },
  build: (values) => values,
});

/** An answer as it is written: without what belongs to the source. */
type WrittenAnswer = Omit<AnswerSettings, "encoding">;

const fullAnswer = table({
  title: "answer",
  about: "How the answer to a command is recognized. Without it, a command is done when it is written.",
  fields: {
    match: optional(match, `The answer: ${MATCH}. Placeholders: the fields of the command. Default: the next frame.`),
    refused: optional(match, "An answer that says that the device does not do it, in the same form. Default: none."),
    timeout,
    retries: retries(0),
  },
  build: (values): WrittenAnswer => values,
});

/** The text with which the answer begins stands for `{ match = TEXT }`. */
const answer: Kind<WrittenAnswer> = {
  ...fullAnswer,
  label: "text or table",
  schema: { anyOf: [{ type: "string", minLength: 1 }, fullAnswer.schema] },
  read: (value, place) => fullAnswer.read(typeof value === "string" ? { match: value } : value, place),
};

/** `encode` has the formats of `decode`. */
const encode: Kind<WrittenDecode> = { ...decode, label: `${decode.label}, as in \`decode\`` };

const commandFields = {
  topic: required(
    commandTopic(),
    "The topic of the command. A level in braces stands for any level, and becomes a field: `{gateway}/{source}/{node}/set/{field}`.",
  ),
  decode: preset(
    choice("raw", "json"),
    "raw",
    "`raw`: the payload is text, the field `value`. `json`: the members of an object are fields; another value is the field `value`.",
  ),
  values: optional(
    dictionary(scalar(), MAXIMUM_FIELDS),
    'What becomes of the field `value`; others are refused: `{ ON = "on", OFF = "off" }`. Default: it stays as it is.',
  ),
  field: optional(
    fieldName(),
    "The field of records that shows what the command has set. Home Assistant then gets a switch, number, select or text for the command. Default: none.",
  ),
  encode: preset(encode, "raw", "How the fields become what is sent to the device."),
  template: optional(
    template(),
    'What is sent, if `encode` is `sexpr`: `"(relay {value});\\n"`. Values are quoted as needed.',
  ),
  fields: optional(fields, "The fields of `encode`, if they are not written there."),
  framed,
  answer: optional(
    answer,
    "How the answer is recognized. Default: none is awaited; for `modbus`, the answer to the request.",
  ),
  qos: preset(choice(0, 1, 2), 1, "The highest QoS of the command's message."),
  queue: preset(integer(1, 10_000), 32, "How many commands may wait for a wire. Further ones fail as `full`."),
  expiry: preset(duration("100ms", "7d"), "30s", "How long a command may wait. Then it fails as `expired`."),
  hold: preset(
    boolean(),
    false,
    "Whether the message is acknowledged when the result is known. `false`: when the command is queued. See docs/gateway/commands.md.",
  ),
  retained: preset(boolean(), false, "Whether retained messages are commands. `false`: a restart repeats no command."),
  result: preset(
    text(0, 4096),
    "{topic}/result",
    "The topic of the result. `{topic}` stands for that of the command. Empty: none.",
  ),
};

type WrittenCommand = Read<typeof commandFields>;

const command: Kind<WrittenCommand> = table({
  title: "[[source.command]]",
  about: "Messages that become what a device understands.",
  fields: commandFields,
  check({ values: { topic, result, encode: written, template: filled }, place }) {
    if (result !== undefined) checkPlaceholders(result, new Set(["topic"]), place.at("result"));
    if (topic !== undefined && result !== undefined && result !== "" && !result.startsWith("{topic}/"))
      place.at("result").problem('must begin with "{topic}/", so that a result is not a command, or be empty');
    if (filled !== undefined && written !== undefined && written.format !== "sexpr")
      place.at("template").problem('requires encode = "sexpr"; write the template of other formats in encode');
  },
  build: (values) => values,
});

/** What a source that can be written to has in addition. */
export const requests = {
  poll: optional(list(poll, 1, 100), "What the devices are asked again and again."),
  command: optional(list(command, 1, 100), "Messages that become what a device understands."),
};

export type WrittenRequests = Partial<Read<typeof requests>>;

/** What the requests need of their source. */
interface Source {
  readonly frame: FrameSettings;
  readonly encoding: "utf8" | "latin1" | "hex";
  /** How its frames become fields. */
  readonly decode: DecodeSettings;
}

/** The settings of the requests. Reports what does not fit. */
export function completeRequests(
  { poll: polls = [], command: commands = [] }: WrittenRequests,
  source: Source,
  place: Place,
) {
  return {
    polls: polls.flatMap((each, i) => completePoll(each, source, place.at("poll").at(i)) ?? []),
    commands: commands.flatMap((each, i) => completeCommand(each, source, place.at("command").at(i)) ?? []),
  };
}

function completePoll(written: WrittenPoll, source: Source, place: Place): PollSettings | undefined {
  const { every, jitter, expect, refused, timeout, retries, topic } = written;
  const asked = questionOf(written, place);
  if (written.modbus !== undefined && !isModbus(source)) return place.at("modbus").problem(NO_MODBUS);
  if (asked === undefined) return undefined;
  const { decode = source.decode } = asked;
  checkMatch(expect, NO_PLACEHOLDERS, decode, place.at("expect"));
  checkMatch(refused, NO_PLACEHOLDERS, decode, place.at("refused"));
  const answered = { match: expect, refused, encoding: source.encoding, timeout, retries };
  return { every, jitter, ...asked, framed: written.framed, answer: answered, topic };
}

const NO_PLACEHOLDERS: ReadonlySet<string> = new Set();
const NO_MODBUS = 'requires frame = "modbus-rtu" in the source, which adds the CRC and finds the answers';

function isModbus({ frame }: Source): boolean {
  return frame.kind === "modbus-rtu";
}

function questionOf(
  { send, hex, modbus, decode: written, fields: separate }: WrittenPoll,
  place: Place,
): { readonly question: QuestionSettings; readonly decode: DecodeSettings | undefined } | undefined {
  if (modbus !== undefined) {
    const settings = modbusDecode(modbus, separate, place);
    return settings && { question: { kind: "modbus" }, decode: settings };
  }
  if (written === undefined && separate !== undefined) return place.at("fields").problem("requires decode");
  const settings = written === undefined ? undefined : completeDecode(written, separate, place);
  if (written !== undefined && settings === undefined) return undefined;
  if (hex !== undefined) return { question: { kind: "hex", bytes: hex }, decode: settings };
  return send === undefined ? undefined : { question: { kind: "text", text: send }, decode: settings };
}

function modbusDecode(
  { count, ...at }: NonNullable<WrittenPlace>,
  separate: readonly WrittenPart[] | undefined,
  place: Place,
): DecodeSettings | undefined {
  const settings = completeDecode({ format: "modbus", fields: undefined, ...at }, separate, place);
  if (settings?.format !== "modbus" || count === undefined) return settings;
  if (count < settings.count)
    return place.at("modbus").at("count").problem(`must be at least ${settings.count}, which the fields need`);
  return { ...settings, count };
}

function completeCommand(written: WrittenCommand, source: Source, place: Place): CommandSettings | undefined {
  const { encoding, decode } = source;
  const shown = decode.fields;
  if (written.field !== undefined && !shown.some(({ name }) => name === written.field)) {
    const names = shown.map(({ name }) => `"${name}"`).join(", ") || "none";
    return place.at("field").problem(`"${written.field}" must be one of the fields of the source, which are ${names}`);
  }
  const { encode: format, template: filled, fields: separate, values, result, answer: awaited, ...same } = written;
  const completed = completeDecode(format, separate, place);
  if (completed === undefined) return undefined;
  const settings: DecodeSettings = completed.format === "sexpr" ? { ...completed, template: filled } : completed;
  const { oneWay } = createCodec(settings, encoding);
  if (oneWay !== undefined) return place.at("encode").problem(`cannot be used for commands: ${oneWay}`);
  const known = new Set([...capturesOf(written.topic), "value"]);
  if (written.decode === "raw") {
    for (const { name } of settings.fields) {
      if (known.has(name) || settings.format === "binary") continue;
      const names = [...known].map((each) => `"${each}"`).join(", ");
      return place
        .at("encode")
        .problem(
          `needs the field "${name}", but a command has ${names}; write decode = "json", or a level {${name}} in topic`,
        );
    }
  }
  if (written.decode === "json" && values !== undefined && Object.keys(values).length === 0)
    return place.at("values").problem("must not be empty");
  const isWrite = settings.format === "modbus";
  if (isWrite && !isModbus(source)) return place.at("encode").problem(NO_MODBUS);
  if (isWrite && settings.function <= 4)
    return place.at("encode").problem("must be a function that writes: 5, 6, 15 or 16");
  const usual: WrittenAnswer = { match: undefined, refused: undefined, timeout: 1_000, retries: 0 };
  const placeholders = written.decode === "raw" ? known : undefined;
  checkMatch(awaited?.match, placeholders, decode, place.at("answer").at("match"));
  checkMatch(awaited?.refused, placeholders, decode, place.at("answer").at("refused"));
  const answered = awaited ?? (isWrite ? usual : undefined);
  return {
    ...same,
    values: values ?? {},
    encode: settings,
    answer: answered && { ...answered, encoding },
    result: result === "" ? undefined : result,
  };
}
