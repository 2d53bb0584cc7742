/** The tables of the sources: what all have, and what each kind has. */

import { fieldsOfEnvelope, parseEnvelope } from "../codec/sexpr-envelope.js";
import { address, claimAddress, network } from "./address.js";
import { check } from "./check-fields.js";
import { completeDecode } from "./complete-decode.js";
import type {
  DecodeSettings,
  HttpSettings,
  SourceSettings,
  StdinSettings,
  TcpServerSettings,
} from "./configuration.js";
import { decode } from "./decode-fields.js";
import { completeFraming, frame } from "./frame-fields.js";
import { boolean, choice, integer, type Kind, list, secret, syntax } from "./kind.js";
import type { Place } from "./place.js";
import { payload, when } from "./record-fields.js";
import { identifier } from "./section-fields.js";
import { NOT_YET, optional, preset, type Read, required, table, variants, type Written } from "./table.js";
import { checkPlaceholders, placeholdersOf, template, topicTemplate } from "./template.js";
import { duration, seconds, size } from "./units.js";
import { fields } from "./value-fields.js";

const common = {
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
  deadletter: optional(
    topicTemplate(),
    "The topic to which undecodable frames are published. Placeholders as in `topic`, without the decoded fields. Default: none.",
  ),
};

const answers = {
  acknowledge: optional(
    template(),
    'What is written to the device after its record was accepted, such as `"ok\\n"`. Default: nothing.',
  ),
  refuse: optional(
    template(),
    'What is written to the device if its frame was dropped, such as `"no {reason}\\n"`. Default: nothing.',
  ),
};

const framing = (usual: "line" | "datagram", maximum: string) => ({
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

/** What the documentation shows once. */
const everySource = { title: "[[source]]", about: "The fields of every source. Each kind has more.", fields: common };

/** Keys of the design that a later version brings. */
const later = Object.fromEntries(
  ["key", "dedupe", "rate", "silence", "device", "poll", "command", "line_control", "tls", "at_open"].map((key) => [
    key,
    NOT_YET,
  ]),
);

type Common = Read<typeof common & typeof answers & ReturnType<typeof framing>>;

/** The placeholders that are not fields. */
const PLACEHOLDERS = ["gateway", "source", "port", "peer"];

/** What all kinds of sources check between their fields. @param fromPath the fields that the path of a request has */
function checkSource(
  { values, wrong, place }: Written<typeof common & ReturnType<typeof framing>>,
  answer: Partial<Read<typeof answers>>,
  fromPath: readonly string[] = [],
): void {
  const { id, deadletter, decode: written } = values;
  const line = id === undefined ? undefined : place.reading.claim(`source ${id}`, place.path);
  if (line !== undefined)
    place.at("id").problem(`"${id}" is the id of the source in line ${line} too; ids must be unique`);
  if (deadletter !== undefined) {
    checkPlaceholders(deadletter, new Set([...PLACEHOLDERS, ...fromPath]), place.at("deadletter"));
  }
  const { frame: framed, check: checked, max_frame, frame_timeout } = values;
  if (framed !== undefined && checked !== undefined && max_frame !== undefined && frame_timeout !== undefined) {
    completeFraming({ frame: framed, check: checked, max_frame, frame_timeout }, place);
  }
  if (written === undefined || wrong.has("fields")) return;
  const settings = completeDecode(written, values.fields, place);
  const names = settings === undefined ? undefined : decodedNames(settings);
  checkNames(names ?? [], fromPath, place);
  if (settings === undefined) return;
  checkBytes(settings.format, values, place);
  const fields = names && new Set([...fromPath, ...names]);
  checkTemplates({ ...values, ...answer }, fields && new Set([...PLACEHOLDERS, ...fields]), place);
  for (const [i, { field }] of (values.when ?? []).entries()) {
    if (fields?.has(field) !== false) continue;
    const known = [...fields].join(", ");
    place.at("when").at(i).at("field").problem(`the source has no field "${field}"; it has ${known}`);
  }
}

/** The fields that a decoder makes. Undefined: those that the device sends. */
function decodedNames(settings: DecodeSettings): readonly string[] | undefined {
  switch (settings.format) {
    case "raw":
    case "hex":
    case "base64":
      return [settings.fields[0]?.name ?? "value"];
    case "json": {
      const names = Object.keys(settings.pick);
      return names.length === 0 ? undefined : names;
    }
    case "sexpr": {
      const envelope = settings.envelope === undefined ? undefined : parseEnvelope(settings.envelope);
      return envelope === undefined || envelope.isOpen ? undefined : fieldsOfEnvelope(envelope);
    }
    case "nmea":
      return ["talker", "sentence", ...settings.fields.map(({ name }) => name)];
    default:
      return settings.fields.map(({ name }) => name);
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
function checkNames(decoded: readonly string[], fromPath: readonly string[], place: Place): void {
  for (const name of PLACEHOLDERS) {
    if (decoded.includes(name))
      place.at("decode").problem(`a field cannot have the name of the placeholder {${name}}; rename it`);
    if (fromPath.includes(name))
      place.at("path").problem(`{${name}} has another meaning in topics; choose another name`);
  }
  const both = fromPath.find((name) => decoded.includes(name));
  if (both !== undefined) place.at("path").problem(`{${both}} is the name of a decoded field too; choose another name`);
}

function checkTemplates(values: Partial<Common>, known: ReadonlySet<string> | undefined, place: Place): void {
  const { topic, payload: made, acknowledge, refuse } = values;
  if (topic !== undefined) checkPlaceholders(topic, known, place.at("topic"));
  if (made?.kind === "template") checkPlaceholders(made.template, known, place.at("payload"));
  if (acknowledge !== undefined) checkPlaceholders(acknowledge, known, place.at("acknowledge"));
  if (refuse !== undefined) checkPlaceholders(refuse, known && new Set([...known, "reason"]), place.at("refuse"));
}

/** What all kinds build. Undefined if there was a problem, which `checkSource` reported. */
function buildSource<Answers>(values: Omit<Common, "acknowledge" | "refuse">, answer: Answers, place: Place) {
  const { frame_timeout, max_frame, fields: beside, decode: written, when: conditions, expiry, ...same } = values;
  const settings = completeDecode(written, beside, place);
  const framed = completeFraming(values, place);
  if (settings === undefined || framed === undefined) return undefined;
  const changed = {
    ...framed,
    maxFrame: max_frame,
    frameTimeout: frame_timeout,
    decode: settings,
    when: conditions ?? [],
    expiry: expiry / 1000,
  };
  return { ...same, ...changed, ...answer };
}

const NO_ANSWERS = { acknowledge: undefined, refuse: undefined };

const tcpFields = {
  kind: required(choice("tcp-server"), "The kind of the source: devices connect by TCP."),
  listen: required(address(), "The address to listen on."),
  allow: optional(list(network(), 1, 1024), "The addresses and networks that may connect. Default: all."),
  max_connections: preset(integer(1, 100_000), 64, "The most connections at a time. Others are closed."),
  idle: preset(duration("1s", "7d", 0), "5m", "A connection without a byte for this time is closed. 0: never."),
  ...common,
  ...framing("line", "4KiB"),
  ...answers,
};

const tcpServer: Kind<TcpServerSettings> = table({
  title: '[[source]], kind = "tcp-server"',
  about: "Devices connect by TCP and send frames.",
  fields: tcpFields,
  inherits: everySource,
  refused: later,
  check({ values, wrong, place }) {
    checkSource({ values, wrong, place }, values);
    if (values.listen !== undefined && values.enabled === true) claimAddress(values.listen, place.at("listen"));
  },
  build({ kind, listen, allow, max_connections, idle, acknowledge, refuse, ...values }, place) {
    const built = buildSource(values, { acknowledge, refuse }, place);
    return built && { ...built, kind, listen, allow: allow ?? [], maxConnections: max_connections, idle };
  },
});

const nobody = "is not possible for stdin: there is nobody to write to; remove it";

const stdin: Kind<StdinSettings> = table({
  title: '[[source]], kind = "stdin"',
  about: "Another program writes frames to the gateway's standard input. Only one source can be of this kind.",
  fields: {
    kind: required(choice("stdin"), "The kind of the source: standard input."),
    ...common,
    ...framing("line", "4KiB"),
  },
  inherits: everySource,
  refused: { ...later, acknowledge: nobody, refuse: nobody },
  check({ values, wrong, place }) {
    checkSource({ values, wrong, place }, {});
    const line = values.enabled === true ? place.reading.claim("stdin", place.path) : undefined;
    if (line !== undefined)
      place.at("kind").problem(`the source in line ${line} reads stdin already; only one source can`);
  },
  build({ kind, ...values }, place) {
    const built = buildSource(values, NO_ANSWERS, place);
    return built && { ...built, kind };
  },
});

const status = "is not possible for http: the status code is the answer; remove it";

/** The path of an HTTP source: each level is literal, or a placeholder. */
const httpPath = syntax({
  label: "path",
  rule: 'must be a path of literal levels and placeholders, such as "/ingest/{node}"',
  pattern: "^(/([A-Za-z0-9_.~-]*|\\{[A-Za-z0-9_.-]+\\}))+$",
  read(value, place) {
    const [before, ...levels] = value.split("/");
    if (before !== "" || value.length > 1024) return undefined;
    if (!levels.every((level) => /^(?:[\w.~-]*|\{[\w.-]{1,64}\})$/.test(level))) return undefined;
    const names = placeholdersOf(value);
    const twice = names.find((name, i) => names.indexOf(name) < i);
    return twice === undefined ? value : place.broken(value, `must not have {${twice}} twice`);
  },
});

const http: Kind<HttpSettings> = table({
  title: '[[source]], kind = "http"',
  about:
    "Devices send frames as the bodies of POST and PUT requests. The answer 202 means that the record was accepted.",
  fields: {
    kind: required(choice("http"), "The kind of the source: HTTP requests."),
    listen: preset(address(), "127.0.0.1:8080", "The address to listen on."),
    path: preset(httpPath, "/ingest/{node}", "The path. `{name}` stands for one level, which becomes a field."),
    token: optional(secret(), "The Bearer token that each request must have. Default: none."),
    max_body: preset(size("1B", "16MiB"), "64KiB", "A longer body is answered with 413."),
    max_requests: preset(integer(1, 10_000), 32, "The most requests at a time."),
    ...common,
    ...framing("datagram", "64KiB"),
  },
  inherits: everySource,
  refused: { ...later, acknowledge: status, refuse: status },
  check({ values, wrong, place }) {
    checkSource({ values, wrong, place }, {}, placeholdersOf(values.path ?? ""));
    if (values.frame?.kind === "gap")
      place.at("frame").problem('"gap" is not possible for http: a body has no silence');
    if (values.listen !== undefined && values.enabled === true) claimAddress(values.listen, place.at("listen"));
  },
  build({ kind, listen, path, token, max_body, max_requests, ...values }, place) {
    const built = buildSource(values, NO_ANSWERS, place);
    return built && { ...built, kind, listen, path, token, maxBody: max_body, maxRequests: max_requests };
  },
});

const LATER_KINDS = ["serial", "tcp", "unix", "udp", "exec", "mqtt", "mqtt-sn"];

export const source: Kind<SourceSettings> = variants<SourceSettings>(
  "kind",
  { "tcp-server": tcpServer, stdin, http },
  LATER_KINDS,
);
