/** The fields that sources have in common, and the rules between them. Knows no kind: each kind of source has a file in `kinds/`. */

import {
  boolean,
  choice,
  duration,
  optional,
  type Place,
  preset,
  type Read,
  required,
  seconds,
  size,
  table,
  type Written,
} from "@aiko/mqtt-configuration";
import { check } from "./check-fields.js";
import { completeDecode } from "./complete-decode.js";
import type { DecodeSettings } from "./configuration.js";
import { decode } from "./decode-fields.js";
import { decodedNames } from "./decoded-names.js";
import { completeFraming, frame } from "./frame-fields.js";
import { checkPresence, presence, USUAL_DEVICE } from "./presence-fields.js";
import { payload, when } from "./record-fields.js";
import { completeRequests, requests, type WrittenRequests } from "./request-fields.js";
import { identifier } from "./section-fields.js";
import { checkPlaceholders, template, topicTemplate } from "./template.js";
import { fields } from "./value-fields.js";

export const common = {
  id: required(
    identifier(),
    "The name of this source in the spool and in metrics. It must be unique, and should never change.",
  ),
  enabled: preset(boolean(), true, "Whether the source is opened."),
  first: preset(
    choice("drop", "keep"),
    "keep",
    "Whether the first frame of a connection counts if its beginning may be missing. `drop`: only if it can be decoded.",
  ),
  frame_timeout: preset(
    duration("10ms", "1h", 0),
    "1s",
    "A frame that is incomplete for this time is dropped as `incomplete`. 0: no limit.",
  ),
  encoding: preset(
    choice("utf8", "latin1", "hex"),
    "utf8",
    "The encoding of text in frames. `hex`: bytes are shown as hexadecimal digits.",
  ),
  decode: preset(decode, "json", "How a frame becomes fields."),
  fields: optional(fields, "The fields, if they are not written in `decode`."),
  when: optional(when, "Conditions that all must hold, or the record is dropped as `filtered`. Default: none."),
  topic: preset(
    topicTemplate(),
    "{gateway}/{source}/{node}",
    "The topic. Placeholders: `{gateway}`, `{source}`, `{port}`, `{peer}` and the fields. A value cannot add a topic level.",
  ),
  payload: preset(
    payload,
    "json",
    "The payload: all fields as JSON, the frame as it is, one message a field (to TOPIC/FIELD), or a template.",
  ),
  qos: preset(choice(0, 1, 2), 1, "The QoS of the messages."),
  retain: preset(boolean(), false, "Whether the server retains the messages."),
  expiry: preset(
    seconds("1s", "4294967295s", 0),
    0,
    "How long the server keeps a message for clients that are away, with MQTT 5. 0: no limit.",
  ),
  ...presence,
  deadletter: optional(
    topicTemplate(),
    "The topic to which undecodable frames are published. Placeholders as in `topic`, without the decoded fields. Default: none.",
  ),
};

export const answers = {
  acknowledge: optional(
    template(),
    'What is written to the device after its record was accepted, such as `"ok\\n"`. Default: nothing.',
  ),
  refuse: optional(
    template(),
    'What is written to the device if its frame was dropped, such as `"no {reason}\\n"`. Default: nothing.',
  ),
};

export const framing = (usual: "line" | "datagram", maximum: string) => ({
  frame: preset(
    frame,
    usual,
    "How bytes become frames, see the tables below. `line`: a frame ends at LF, CR LF or CR. `datagram`: all that is sent until the end is one frame.",
  ),
  check: preset(
    check,
    "none",
    "How a frame is verified. A frame that fails is dropped as `checksum`. The check is not part of the frame that is decoded, except with `nmea`.",
  ),
  max_frame: preset(
    size("1B", "16MiB"),
    maximum,
    "A longer frame is dropped as `too-long`. At most a quarter of `spool.segment`.",
  ),
});

/** The first frame of a wire that the gateway opens, on which the device may be in the middle of a frame. */
export const firstOfWire = preset(
  choice("drop", "keep"),
  "drop",
  "Whether the first frame counts if its beginning may be missing, and the last one if its end is. `drop`: the first only if it can be decoded, the last never.",
);

const lineControl = {
  line_control: optional(
    table({
      title: "[source.line_control]",
      about: "What is done to a wire.",
      fields: {
        greeting: optional(
          template(),
          'What is written to the device as soon as the wire is open, such as `"start\\n"`. It has no placeholders. Default: nothing.',
        ),
      },
      build: ({ greeting }) => ({ greeting }),
    }),
    "What is done to the wire.",
  ),
};

/** The fields of a source whose wire can be written to. */
export const wireFields = { ...common, ...framing("line", "4KiB"), ...answers, ...lineControl, ...requests };

/** What the documentation shows once. */
export const everySource = {
  title: "[[source]]",
  about: "The fields of every source. Each kind has more.",
  fields: common,
};

type Common = Read<typeof common & typeof answers & ReturnType<typeof framing>>;

/** The placeholders that are not fields. */
const PLACEHOLDERS = ["gateway", "source", "port", "peer"];
/** What a source of the kind "mqtt" knows in addition: the topic of a message, and its levels. */
export const TOPIC_PLACEHOLDERS: readonly string[] = [
  "topic",
  ...Array.from({ length: 128 }, (_, level) => `topic[${level}]`),
];

/**
 * What all kinds of sources check between their fields.
 *
 * @param fromPath the fields that the path of a request has
 * @param own placeholders that only this kind has
 */
export function checkSource(
  { values, wrong, place }: Written<typeof common & ReturnType<typeof framing>>,
  answer: Partial<Read<typeof answers>>,
  fromPath: readonly string[] = [],
  own: readonly string[] = [],
): void {
  const { id, deadletter, decode: written } = values;
  const line = id === undefined ? undefined : place.reading.claim(`source ${id}`, place.path);
  if (line !== undefined)
    place.at("id").problem(`"${id}" is the id of the source in line ${line} too; ids must be unique`);
  if (deadletter !== undefined) {
    checkPlaceholders(deadletter, new Set([...PLACEHOLDERS, ...fromPath]), place.at("deadletter"), own);
  }
  const { frame: framed, check: checked, max_frame, frame_timeout } = values;
  if (framed !== undefined && checked !== undefined && max_frame !== undefined && frame_timeout !== undefined) {
    completeFraming({ frame: framed, check: checked, max_frame, frame_timeout }, place, baudOf(values));
  }
  if (written === undefined || wrong.has("fields")) return;
  const settings = completeDecode(written, values.fields, place);
  const names = settings === undefined ? undefined : decodedNames(settings);
  checkNames(names ?? [], fromPath, [...PLACEHOLDERS, ...own], place);
  if (settings === undefined) return;
  checkBytes(settings.format, values, place);
  const fields = names && new Set([...fromPath, ...names]);
  checkPresence(values, fields, [...PLACEHOLDERS, ...own], place);
  checkTemplates({ ...values, ...answer }, fields && new Set([...PLACEHOLDERS, ...fields]), own, place);
  for (const [i, { field }] of (values.when ?? []).entries()) {
    if (fields?.has(field) !== false) continue;
    const known = [...fields].join(", ");
    place.at("when").at(i).at("field").problem(`the source has no field "${field}"; it has ${known}`);
  }
}

/** Formats whose numbers may be any bytes. */
const BINARY_FORMATS: readonly DecodeSettings["format"][] = ["binary", "modbus"];

/** What has no meaning for a format of bytes. */
function checkBytes(format: DecodeSettings["format"], { encoding, frame }: Partial<Common>, place: Place): void {
  if (!BINARY_FORMATS.includes(format)) return;
  if (frame?.kind === "line") {
    const rule = `"line" ends a frame at each byte 0x0a and 0x0d, which the format ${format} may have in values`;
    place.at("frame").problem(`${rule}; choose another frame`);
  }
  if (encoding === "hex") {
    place.at("encoding").problem(`"hex" is not possible for the format ${format}; use fields of the type "hex"`);
  }
}

/** A name has one meaning. */
function checkNames(
  decoded: readonly string[],
  fromPath: readonly string[],
  placeholders: readonly string[],
  place: Place,
): void {
  for (const name of placeholders) {
    if (decoded.includes(name))
      place.at("decode").problem(`a field cannot have the name of the placeholder {${name}}; rename it`);
    if (fromPath.includes(name))
      place.at("path").problem(`{${name}} has another meaning in topics; choose another name`);
  }
  const both = fromPath.find((name) => decoded.includes(name));
  if (both !== undefined) place.at("path").problem(`{${both}} is the name of a decoded field too; choose another name`);
}

function checkTemplates(
  values: Partial<Common>,
  known: ReadonlySet<string> | undefined,
  own: readonly string[],
  place: Place,
): void {
  const { topic, payload: made, acknowledge, refuse } = values;
  if (topic !== undefined) checkPlaceholders(topic, known, place.at("topic"), own);
  if (made?.kind === "template") checkPlaceholders(made.template, known, place.at("payload"), own);
  if (acknowledge !== undefined) checkPlaceholders(acknowledge, known, place.at("acknowledge"));
  if (refuse !== undefined) checkPlaceholders(refuse, known && new Set([...known, "reason"]), place.at("refuse"));
}

/** The baud rate, which only serial lines have. */
function baudOf(values: object): number | undefined {
  return "baud" in values && typeof values.baud === "number" ? values.baud : undefined;
}

/** What all kinds build. Undefined if there was a problem, which `checkSource` reported. */
export function buildSource<Answers>(
  values: Omit<Common, "acknowledge" | "refuse"> & { readonly baud?: number } & WrittenRequests,
  answer: Answers,
  place: Place,
) {
  const { frame_timeout, max_frame, fields: separate, decode: written, when: conditions, expiry, ...others } = values;
  const { device_name, poll, command, ...same } = others;
  const settings = completeDecode(written, separate, place);
  const framed = completeFraming(values, place, baudOf(values));
  if (settings === undefined || framed === undefined) return undefined;
  const before = place.reading.problems.length;
  const asked = completeRequests({ poll, command }, { ...framed, encoding: values.encoding, decode: settings }, place);
  if (place.reading.problems.length > before) return undefined;
  const changed = {
    ...framed,
    ...asked,
    maxFrame: max_frame,
    frameTimeout: frame_timeout,
    decode: settings,
    when: conditions ?? [],
    expiry: expiry / 1000,
    deviceName: device_name ?? USUAL_DEVICE,
  };
  return { ...same, ...changed, ...answer };
}

/** Why a source without a wire to its devices cannot ask them. */
export function noRequests(why: string): Readonly<Record<"poll" | "command", string>> {
  return { poll: why, command: why };
}

/** What a source has that writes nothing. */
export const NO_ANSWERS = { acknowledge: undefined, refuse: undefined };
