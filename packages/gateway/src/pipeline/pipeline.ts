/**
 * The pipeline of a source: bytes become frames, frames fields, fields records. Pure: knows nothing of sockets, timers and spools, so that
 * `explain` can show exactly what the running gateway does.
 */

import type { SpoolRecord } from "@aiko/mqtt-store";
import { type Codec, createCodec } from "../codec/codec.js";
import { CommandEncoder } from "../command/command-encoder.js";
import { createPolls } from "../command/polls.js";
import type { Poll, Request, RequestResult } from "../command/request.js";
import type { Taken } from "../command/requests.js";
import type { GatewaySettings, PipelineSettings } from "../configuration/configuration.js";
import type { DropReason } from "../drop-reason.js";
import { Failure } from "../failure.js";
import { createFramer, mayLackBeginning } from "../frame/create-framer.js";
import type { BrokenReason, Framer, FrameSink, Range } from "../frame/framer.js";
import { filtered, LastRecords, type Lookup } from "../route/condition.js";
import { DeviceTemplate } from "../route/device-template.js";
import { Limits, type Repeatable } from "../route/limits.js";
import { createPayloadBuilder, type Message, type PayloadBuilder } from "../route/payload.js";
import { type Origin, placeholderValue } from "../route/placeholder-values.js";
import { Template } from "../route/template.js";
import { TopicTemplate } from "../route/topic-template.js";
import { encodedText } from "../text/encoded.js";
import { hex } from "../text/hex.js";
import { utf8Bytes } from "../text/utf8.js";
import type { DeviceSink, Fields, FieldValue, Outcome, Peer, Wire } from "./outcome.js";

export interface PipelineOptions {
  /** The wall clock, in milliseconds since 1970. It is only written, never compared. */
  readonly wallTime: () => number;
  /** Called when a poll is answered, or is not. @param index its place in the configuration. Default: nothing */
  readonly polled?: (index: number, result: RequestResult) => void;
  /** Is called for each record of a device. Default: none. */
  readonly devices?: DeviceSink | undefined;
}

/** What the devices of a connection are asked. */
export interface Asking {
  /** A frame came. Returns what it answers. @param fieldsOf returns what the frame says as an answer to a request */
  take(frame: Uint8Array, fieldsOf: (request: Request) => Fields | undefined, now: number): Taken;
}

/** What all connections of a source share. */
export interface Pipeline {
  /**
   * Begins a connection. Datagrams of one sender may be one connection: `end` completes each.
   *
   * @param asking what the devices of the connection are asked. Default: nothing
   */
  open(peer: Peer, asking?: Asking): Wire;
  /** What the devices are asked again and again. */
  readonly polls: readonly Poll[];
  /** How messages become what the devices understand. */
  readonly commands: readonly CommandEncoder[];
  /** Returns the name of the device that has sent a frame. Undefined: it has none. */
  deviceOf(peer: Peer, fields: Fields): string | undefined;
  /** Returns what to write to the device once the outcome's records are in the spool. Undefined: nothing. */
  acknowledgement(peer: Peer, outcome: Outcome): Uint8Array | undefined;
  /** Returns what to write to the device when its frame was dropped. Undefined: nothing. @param reason as "full", if it is not the outcome's own */
  refusal(peer: Peer, outcome: Outcome, reason?: DropReason): Uint8Array | undefined;
  /** The outcome's records are in the spool, or were passed on. */
  accepted(peer: Peer, outcome: Outcome): void;
  /** Whether the record that the outcome, a duplicate, repeats is accepted. */
  isRepeatOfAccepted(peer: Peer, outcome: Outcome): boolean;
  /**
   * The outcome's records did not get into the spool, and are not tried again by the gateway. If the device repeats them, they are not dropped
   * as unchanged or as duplicates.
   */
  notAccepted(peer: Peer, outcome: Outcome): void;
  /** Returns the record for the `deadletter` topic. Undefined if there is no such topic, or nothing in the frame that could not be decoded. */
  deadLetter(peer: Peer, outcome: Outcome): SpoolRecord | undefined;
  /** Returns the record for the `deadletter` topic, of a record that the server refused. Undefined if there is no such topic. */
  refusedLetter(record: SpoolRecord, reason: DropReason): SpoolRecord | undefined;
}

/** Reasons for which a frame becomes a dead letter: what the device sent does not fit the configuration, or did not arrive as it was sent. */
const UNDECODABLE: ReadonlySet<DropReason> = new Set<DropReason>([
  "checksum",
  "decode",
  "encoding",
  "malformed",
  "topic",
]);

/** @throws UsageError if a template of the source cannot be used */
export function createPipeline(
  source: PipelineSettings,
  gateway: Pick<GatewaySettings, "id" | "timestamps">,
  options: PipelineOptions,
): Pipeline {
  const origin: Origin = { gateway: gateway.id, source: source.id };
  const memory = { last: new LastRecords(source.when), limits: new Limits(source) };
  const routerOf = (settings: PipelineSettings) => new Router(settings, gateway.timestamps, origin, memory, options);
  const router = routerOf(source);
  const polls = createPolls(source, origin, options.polled ?? (() => {}));
  const routes = new Map<Request, Router>();
  for (const [i, poll] of polls.entries()) {
    const { decode = source.decode, topic = source.topic } = source.polls[i] ?? {};
    routes.set(poll, routerOf({ ...source, decode, topic }));
  }
  const commands = source.commands.map((command) => new CommandEncoder(command, source, origin));
  const device = new DeviceTemplate(source, origin);
  const acknowledge = source.acknowledge === undefined ? undefined : new Template(source.acknowledge, origin);
  const refuse = source.refuse === undefined ? undefined : new Template(source.refuse, origin);
  const deadletter =
    source.deadletter === undefined ? undefined : new TopicTemplate("deadletter", source.deadletter, origin);
  const letter = (
    peer: Peer,
    fields: Fields,
    content: Readonly<Record<string, string | number>>,
  ): SpoolRecord | undefined => {
    const topic = deadletter?.topic(peer, fields);
    if (topic === undefined || topic instanceof Failure) return undefined;
    const payload = utf8Bytes(JSON.stringify({ source: source.id, ...content }));
    return payload && { topic, payload, qos: source.qos };
  };
  const bytesOf = (text: string) => encodedText(text, source.encoding);
  return {
    open: (peer, asking) => new SourceWire(source, router, peer, asking && { asking, routes }),
    polls,
    commands,
    deviceOf: (peer, fields) => device.nameOf(peer, fields),
    acknowledgement: (peer, { fields }) => acknowledge && bytesOf(acknowledge.answer(peer, fields, undefined)),
    refusal: (peer, { fields, dropped }, reason = dropped) =>
      refuse && reason && bytesOf(refuse.answer(peer, fields, reason)),
    accepted: (peer, { fields }) => fields && router.accepted(peer, fields),
    isRepeatOfAccepted: (peer, { fields }) => fields !== undefined && router.isAccepted(peer, fields),
    notAccepted(peer, { fields }) {
      if (fields === undefined) return;
      for (const each of [router, ...routes.values()]) each.forget(peer, fields);
    },
    deadLetter: (peer, { fields, dropped, bytes }) => {
      if (dropped === undefined || bytes === undefined || !UNDECODABLE.has(dropped)) return undefined;
      return letter(peer, fields ?? NO_FIELDS, { reason: dropped, hex: hex(bytes) });
    },
    refusedLetter: ({ topic, payload }, reason) =>
      letter({ peer: source.id, port: 0 }, NO_FIELDS, {
        reason,
        topic,
        bytes: payload.length,
        hex: hex(payload.subarray(0, MOST_SHOWN)),
      }),
  };
}

/** Bytes of a refused payload in its dead letter: the server may have refused the record because of its size. */
const MOST_SHOWN = 256;

const NO_FIELDS: Fields = new Map();
const FIRST = "the first frame after opening may lack its beginning";

/** What became of a frame's text. */
interface Routed {
  readonly fields: Fields | undefined;
  readonly messages: readonly Message[] | Failure;
}

/** What is remembered of the records of a source, whatever they are made of. */
interface Memory {
  readonly last: LastRecords;
  readonly limits: Limits;
}

/** From a frame to its messages. Has no connection of its own. */
class Router {
  private readonly codec: Codec;
  private readonly topic: TopicTemplate;
  private readonly payload: PayloadBuilder;
  private readonly device: DeviceTemplate;

  constructor(
    private readonly source: PipelineSettings,
    timestamps: GatewaySettings["timestamps"],
    origin: Origin,
    private readonly memory: Memory,
    private readonly options: PipelineOptions,
  ) {
    this.codec = createCodec(source.decode, source.encoding);
    this.topic = new TopicTemplate("topic", source.topic, origin);
    this.payload = createPayloadBuilder(source.payload, timestamps, origin);
    this.device = new DeviceTemplate(source, origin);
  }

  decode(frame: Uint8Array): Map<string, FieldValue> | Failure {
    return this.codec.decode(frame);
  }

  /** @param fields what `decode` has made of the frame */
  route(peer: Peer, frame: Uint8Array, fields: Map<string, FieldValue> | Failure, now: number): Routed {
    if (fields instanceof Failure) return { fields: undefined, messages: fields };
    return { fields, messages: this.messages(peer, fields, frame, now) };
  }

  accepted(peer: Peer, fields: Fields): void {
    if (this.source.dedupe !== undefined) this.memory.limits.accepted(this.repeatable(peer, fields));
  }

  isAccepted(peer: Peer, fields: Fields): boolean {
    return this.memory.limits.isAccepted(this.repeatable(peer, fields));
  }

  forget(peer: Peer, fields: Fields): void {
    const topic = this.topic.topic(peer, fields);
    if (!(topic instanceof Failure)) this.memory.last.forget(topic);
    this.memory.limits.forget(this.repeatable(peer, fields));
  }

  private repeatable(peer: Peer, fields: Fields): Repeatable {
    const device = this.source.dedupe && this.device.nameOf(peer, fields);
    return { lookup: lookupIn(peer, fields), device };
  }

  private messages(
    peer: Peer,
    fields: Map<string, FieldValue>,
    frame: Uint8Array,
    now: number,
  ): readonly Message[] | Failure {
    const { when } = this.source;
    const lookup = lookupIn(peer, fields);
    const kept = when.length === 0 ? undefined : filtered(when, lookup);
    if (kept !== undefined) return kept;
    const topic = this.topic.topic(peer, fields);
    if (topic instanceof Failure) return topic;
    this.see(peer, fields, topic, now);
    const messages = this.payload({ topic, peer, fields, frame, wallTime: this.options.wallTime });
    if (messages instanceof Failure) return messages;
    const dropped =
      this.memory.last.filtered(topic, lookup) ?? this.memory.limits.dropped(this.repeatable(peer, fields), now);
    if (dropped !== undefined) return dropped;
    // Last, because a record that is dropped for another reason is none to compare with.
    this.memory.last.remember(topic, lookup);
    return messages;
  }

  private see(peer: Peer, fields: Fields, topic: string, now: number): void {
    const { devices } = this.options;
    const name = devices && this.device.nameOf(peer, fields);
    if (name !== undefined) devices?.seen(name, now, topic, () => this.device.availabilityOf(peer, fields, topic));
  }
}

function lookupIn(peer: Peer, fields: Fields): Lookup {
  return (name) => placeholderValue(name, peer, fields);
}

/** What a connection needs for its requests. */
interface Requesting {
  readonly asking: Asking;
  /** How the answer of each poll becomes a record. */
  readonly routes: ReadonlyMap<Request, Router>;
}

class SourceWire implements Wire, FrameSink {
  private readonly framer: Framer;
  private outcomes: Outcome[] = [];
  /** The time of what is being framed. */
  private now = 0;
  /** Whether the next frame may lack its beginning, and so counts only if it can be decoded. */
  private isFirst: boolean;

  constructor(
    private readonly source: PipelineSettings,
    private readonly router: Router,
    private readonly peer: Peer,
    private readonly requesting: Requesting | undefined,
  ) {
    this.isFirst = source.first === "drop" && mayLackBeginning(source.frame);
    this.framer = createFramer(source, this);
  }

  push(bytes: Uint8Array, now: number): Outcome[] {
    this.now = now;
    this.framer.push(bytes, now);
    return this.taken();
  }

  end(now: number): Outcome[] {
    this.now = now;
    this.framer.end();
    return this.taken();
  }

  deadline(): number {
    return this.framer.deadline();
  }

  advance(now: number): Outcome[] {
    this.now = now;
    this.framer.advance(now);
    return this.taken();
  }

  frame(chunk: Uint8Array, start: number, end: number, range: Range): void {
    const bytes = chunk.subarray(start, end);
    const found = this.router.decode(bytes);
    if (this.requesting === undefined) this.route(this.router, bytes, found, range);
    else this.answer(this.requesting, bytes, found, range);
  }

  /** A frame may answer what was asked. */
  private answer(
    { asking, routes }: Requesting,
    bytes: Uint8Array,
    found: Map<string, FieldValue> | Failure,
    range: Range,
  ): void {
    const fieldsOf = (request: Request): Fields | undefined => {
      const fields = routes.get(request)?.decode(bytes) ?? found;
      return fields instanceof Failure ? undefined : fields;
    };
    const taken = asking.take(bytes, fieldsOf, this.now);
    if (taken === "late") {
      this.drop("late", "the answer came after its timeout", bytes, range);
      return;
    }
    const router = taken && routes.get(taken.request);
    if (router !== undefined) {
      this.isFirst = false;
      this.route(router, bytes, router.decode(bytes), range);
    } else if (taken !== undefined && found instanceof Failure) {
      // The answer to a command says nothing but that.
      this.isFirst = false;
      this.outcomes.push({ range, fields: undefined, records: [], dropped: undefined, detail: undefined, bytes });
    } else if (taken === undefined && this.isOnlyAsked) {
      this.isFirst = false;
      this.drop("unsolicited", "the frame answers no poll", bytes, range);
    } else {
      this.route(this.router, bytes, found, range);
    }
  }

  /** Whether the source's own format has no meaning: each poll has one. */
  private get isOnlyAsked(): boolean {
    const { polls } = this.source;
    return polls.length > 0 && polls.every(({ decode }) => decode !== undefined);
  }

  private route(router: Router, bytes: Uint8Array, found: Map<string, FieldValue> | Failure, range: Range): void {
    const { fields, messages } = router.route(this.peer, bytes, found, this.now);
    const isFirst = this.isFirst;
    this.isFirst = false;
    if (!(messages instanceof Failure)) {
      const records = messages.map((message) => this.record(message));
      this.outcomes.push({ range, fields, records, dropped: undefined, detail: undefined, bytes });
      return;
    }
    const { reason, detail } = messages;
    if (isFirst && fields === undefined && reason !== "filtered") {
      this.drop("incomplete", `${FIRST}; ${detail}`, bytes, range);
    } else {
      this.outcomes.push({ range, fields, records: [], dropped: reason, detail, bytes });
    }
  }

  broken(reason: BrokenReason, detail: string, bytes: Uint8Array | undefined, range: Range): void {
    const isCut = this.isFirst && (reason === "checksum" || reason === "malformed");
    this.isFirst = false;
    if (isCut) this.drop("incomplete", `${FIRST}; ${detail}`, bytes, range);
    else this.drop(reason, detail, bytes, range);
  }

  private drop(reason: DropReason, detail: string, bytes: Uint8Array | undefined, range: Range): void {
    this.outcomes.push({ range, fields: undefined, records: [], dropped: reason, detail, bytes });
  }

  private record({ topic, payload }: Message): SpoolRecord {
    const { qos, retain, expiry } = this.source;
    const { properties } = this.peer;
    return { topic, payload, qos, retain, expiry: expiry === 0 ? undefined : expiry, properties };
  }

  private taken(): Outcome[] {
    const { outcomes } = this;
    this.outcomes = [];
    return outcomes;
  }
}
