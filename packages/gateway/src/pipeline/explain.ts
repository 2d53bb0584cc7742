/** What `gateway explain` prints: what becomes of bytes, by the pipeline that the running gateway uses. */

import { type Codec, createCodec } from "../codec/codec.js";
import type { Poll, Request } from "../command/request.js";
import type { Taken } from "../command/requests.js";
import type {
  FieldSettings,
  GatewaySettings,
  HomeAssistantSettings,
  SourceSettings,
} from "../configuration/configuration.js";
import type { DropReason } from "../drop-reason.js";
import { Failure } from "../failure.js";
import { ExplainedPresence } from "../presence/explained-presence.js";
import { valueText } from "../route/placeholder-values.js";
import { explainMessage } from "../sn/explain-message.js";
import { hex } from "../text/hex.js";
import { escaped, shown } from "../text/shown.js";
import { readUtf8 } from "../text/utf8.js";
import type { Fields, Outcome, Peer, Wire } from "./outcome.js";
import { type Asking, createPipeline, type Pipeline } from "./pipeline.js";

/** Options of `explain`. */
export interface ExplainOptions {
  readonly wallTime: () => number;
  /** Default: a connection of the source without an address. */
  readonly peer?: Peer;
  /** Default: devices are not announced to Home Assistant. */
  readonly homeAssistant?: HomeAssistantSettings | undefined;
}

/**
 * Shows what the gateway makes of bytes: frames with their place, fields, topic and payload, or why they are dropped. Uses the pipeline that the
 * running gateway uses. Needs no server, spool or device.
 *
 * @param source the source that the bytes come from
 * @param bytes as the device sends them
 * @param options the wall clock, what is known of the connection, and the section [homeassistant]
 * @returns lines of text
 */
export function explain(
  source: SourceSettings,
  gateway: GatewaySettings,
  bytes: Uint8Array,
  options: ExplainOptions,
): string {
  if (source.kind === "mqtt-sn") return explainMessage(bytes);
  const peer = options.peer ?? { peer: source.id, port: 0 };
  const presence = new ExplainedPresence(source, gateway, options.homeAssistant);
  const pipeline = createPipeline(source, gateway, { wallTime: options.wallTime, devices: presence.sink });
  const codec = createCodec(source.decode, source.encoding);
  const wire = openAsked(pipeline, peer);
  const outcomes = [...wire.push(bytes, 0), ...wire.end(0)];
  const explanation = new WireExplanation(source, pipeline, codec, peer, bytes);
  const lines = explanation.outcomes(outcomes);
  lines.push(...(outcomes.length === 0 ? ["no frame was found"] : explanation.rest(bytes.length)));
  for (const { every, bytes: question } of pipeline.polls) {
    lines.push(line("", `asked every ${every / 1_000} s  0x${hex(question)}  ${shownBytes(question)}`));
  }
  for (const text of presence.lines) lines.push(line("", text));
  lines.push(line("", promise(source)));
  return `${lines.join("\n")}\n`;
}

/** Shows what becomes of the bytes of one connection, outcome after outcome. */
export class WireExplanation {
  /** Where the bytes begin that are not shown yet. */
  private at = 0;

  /** @param bytes all bytes of the connection */
  constructor(
    private readonly source: SourceSettings,
    private readonly pipeline: Pipeline,
    private readonly codec: Codec,
    private readonly peer: Peer,
    private readonly bytes: Uint8Array,
  ) {}

  /** Returns the lines for what a wire of this pipeline has returned. */
  outcomes(outcomes: readonly Outcome[]): string[] {
    const { source, codec, bytes } = this;
    const lines: string[] = [];
    for (const outcome of outcomes) {
      if (outcome.range.from > this.at) lines.push(...skipped(bytes, this.at, outcome.range.from));
      this.at = outcome.range.to;
      lines.push(...frameLines(source, codec, outcome), ...this.answers(outcome));
    }
    return lines;
  }

  /** Returns the lines for the bytes between the last frame and `to`. */
  rest(to: number): string[] {
    const from = this.at;
    this.at = Math.max(from, to);
    return from < to ? skipped(this.bytes, from, to) : [];
  }

  private answers(outcome: Outcome): string[] {
    const { pipeline, peer } = this;
    const lines: string[] = [];
    // A device that repeats until it is acknowledged must not repeat for ever what is filtered on purpose.
    const isDone = outcome.dropped === undefined || DONE.has(outcome.dropped);
    const answer = isDone ? pipeline.acknowledgement(peer, outcome) : pipeline.refusal(peer, outcome);
    if (answer !== undefined) lines.push(line("", `answer ${shownBytes(answer)}`));
    const dead = pipeline.deadLetter(peer, outcome);
    if (dead !== undefined) lines.push(line("", `dead letter ${escaped(dead.topic)}  ${shownBytes(dead.payload)}`));
    return lines;
  }
}

/**
 * Shows what the gateway makes of a command's message: what is written to the device, and which answer it awaits. Needs no server and no device.
 *
 * @param topic the topic of the message
 * @param payload its payload
 * @returns lines of text, and whether something would be written
 */
export function explainCommand(
  source: SourceSettings,
  gateway: GatewaySettings,
  topic: string,
  payload: Uint8Array,
): { readonly text: string; readonly isWritten: boolean } {
  const pipeline = createPipeline(source, gateway, { wallTime: () => 0 });
  for (const encoder of pipeline.commands) {
    const captures = encoder.topic.match(topic);
    if (captures === undefined) continue;
    const { settings } = encoder;
    const encoded = encoder.encode(captures, payload);
    const device = pipeline.deviceOf({ peer: "", port: 0 }, captures);
    const result = settings.result?.replace("{topic}", () => topic);
    const lines = [
      line("command", `${escaped(encoder.topic.filter)}${device === undefined ? "" : `  device ${shown(device)}`}`),
    ];
    if (encoded instanceof Failure) {
      lines.push(line("", `fails "${encoded.reason}": ${encoded.detail}`));
    } else {
      const { bytes, answer } = encoded;
      lines.push(line("", `writes ${plural(bytes.length, "byte")}  0x${hex(bytes)}  ${shownBytes(bytes)}`));
      const tries = `${answer?.timeout} ms, sent at most ${(answer?.retries ?? 0) + 1} times`;
      lines.push(
        line(
          "",
          answer === undefined ? "awaits no answer: it is done when it is written" : `awaits an answer for ${tries}`,
        ),
      );
    }
    if (result !== undefined) lines.push(line("", `result ${escaped(result)}`));
    return { text: `${lines.join("\n")}\n`, isWritten: !(encoded instanceof Failure) };
  }
  const filters = pipeline.commands.map(({ topic: { filter } }) => filter);
  const others = filters.length === 0 ? "it has none" : `its commands are ${filters.join(", ")}`;
  return { text: `${shown(topic)} is not a command of ${source.id}; ${others}\n`, isWritten: false };
}

/** Begins a connection as if each poll had just been sent. */
export function openAsked(pipeline: Pipeline, peer: Peer): Wire {
  return pipeline.open(peer, pipeline.polls.length === 0 ? undefined : new EachPollAsked(pipeline.polls));
}

/** As if each poll had just been sent: a frame answers the first one that it can answer. */
class EachPollAsked implements Asking {
  constructor(private readonly polls: readonly Poll[]) {}

  take(frame: Uint8Array, fieldsOf: (request: Request) => Fields | undefined): Taken {
    const request = this.polls.find((poll) => poll.answer.matches(frame, fieldsOf(poll)) !== undefined);
    return request && { request };
  }
}
const DONE: ReadonlySet<DropReason> = new Set<DropReason>(["filtered", "duplicate"]);

const COLUMN = 13;

function line(head: string, text: string): string {
  return `${head.padEnd(COLUMN - 1)} ${text}`;
}

function bytesFromTo(from: number, to: number): string {
  if (to - from === 1) return `byte ${from}`;
  return to === from ? `at ${from}` : `bytes ${from}–${to - 1}`;
}

function skipped(bytes: Uint8Array, from: number, to: number): string[] {
  const names: string[] = [];
  for (let at = from; at < to && names.length < 3; at++) {
    if (bytes[at] === 0x0a) names.push("LF");
    else if (bytes[at] === 0x0d) names.push("CR");
    else names.length = 3;
  }
  const isEnd = to - from < 3 && names.length === to - from;
  return [line(bytesFromTo(from, to), `skipped: ${isEnd ? names.join(" ") : `${to - from} bytes`}`)];
}

function frameLines(source: SourceSettings, codec: Codec, outcome: Outcome): string[] {
  const { range, fields, records, dropped, detail, bytes } = outcome;
  const length = range.to - range.from;
  const { frame, check } = source;
  const checked = check.kind === "none" ? "" : `, check ${check.kind}`;
  const lines = [line(bytesFromTo(range.from, range.to), `frame  ${frame.kind}, ${plural(length, "byte")}${checked}`)];
  if (fields !== undefined && bytes !== undefined) {
    lines.push(line("", `fields ${fieldsText(fields, allFields(source), codec.units(bytes))}`));
  }
  for (const { topic, payload, qos, retain, expiry } of records) {
    const flags = `${retain ? "  retain" : ""}${expiry === undefined ? "" : `  expires after ${expiry} s`}`;
    const what = `qos ${qos}${flags}  ${plural(payload.length, "byte")}  ${shownBytes(payload)}`;
    lines.push(line("", `record ${escaped(topic)}  ${what}`));
  }
  if (dropped !== undefined) lines.push(line("", `dropped "${dropped}": ${detail}`));
  return lines;
}

function allFields({ decode, polls }: SourceSettings): readonly FieldSettings[] {
  return [...decode.fields, ...polls.flatMap((poll) => poll.decode?.fields ?? [])];
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** @param sent the units that the device sent, which no field of the configuration has */
function fieldsText(fields: Fields, settings: readonly FieldSettings[], sent: ReadonlyMap<string, string>): string {
  const parts: string[] = [];
  for (const [name, value] of fields) {
    const known = settings.find((each) => each.name === name);
    const text = typeof value === "string" ? shown(value) : escaped(valueText(value));
    const unit = known?.unit ?? sent.get(name);
    parts.push(
      `${escaped(name)}=${text}${unit === undefined ? "" : ` ${escaped(unit)}`}${known === undefined ? "" : ` (${known.type})`}`,
    );
  }
  return parts.length === 0 ? "none" : parts.join("  ");
}

function shownBytes(bytes: Uint8Array): string {
  const text = readUtf8(bytes, 0, bytes.length);
  return typeof text === "string" ? escaped(text) : "(not text)";
}

/** What a crash can lose of this source. */
function promise({ kind, acknowledge }: SourceSettings): string {
  if (kind === "http") {
    return "accepted when synced; a request is answered with 202 after that: a crash loses nothing that was answered so";
  }
  if (kind === "mqtt") {
    return "accepted when synced; the message is acknowledged after that: the server sends again what a crash loses, except at QoS 0";
  }
  if (acknowledge !== undefined) {
    return "accepted when synced; the acknowledgement is sent after that: a crash loses nothing that was acknowledged";
  }
  const before =
    "accepted when synced; this source sends no acknowledgement: what was read and not yet synced at a crash is lost";
  if (kind === "serial" || kind === "udp") return `${before}, and so is what came while the gateway was not running`;
  return before;
}
