/**
 * The pipeline of a source: bytes become frames, frames fields, fields records. Pure: knows nothing of sockets, timers and spools, so that
 * `explain` can show exactly what the running gateway does.
 */

import type { SpoolRecord } from "@aiko/mqtt-store";
import { createDecoder, type Decoder } from "../codec/decoder.js";
import type { GatewaySettings, PipelineSettings } from "../configuration/configuration.js";
import type { DropReason } from "../drop-reason.js";
import { Failure } from "../failure.js";
import { DatagramFramer } from "../frame/datagram.js";
import type { Framer, FrameSink, Range } from "../frame/framer.js";
import { LineFramer } from "../frame/line.js";
import { filtered, LastRecords, type Lookup } from "../route/condition.js";
import { createPayloadBuilder, type Message, type PayloadBuilder } from "../route/payload.js";
import { type Origin, placeholderValue } from "../route/placeholder-values.js";
import { Template } from "../route/template.js";
import { TopicTemplate } from "../route/topic-template.js";
import { hex } from "../text/hex.js";
import { latin1Bytes, readLatin1, readUtf8, utf8Bytes } from "../text/utf8.js";
import type { Fields, FieldValue, Outcome, Peer, Wire } from "./outcome.js";

export interface PipelineOptions {
  /** The wall clock, in milliseconds since 1970. It is only written, never compared. */
  readonly wallTime: () => number;
}

/** What all connections of a source share. */
export interface Pipeline {
  /** Begins a connection. Datagrams of one sender may be one connection: `end` completes each. */
  open(peer: Peer): Wire;
  /** Returns what to write to the device once the outcome's records are in the spool. Undefined: nothing. */
  acknowledgement(peer: Peer, outcome: Outcome): Uint8Array | undefined;
  /** Returns what to write to the device when its frame was dropped. Undefined: nothing. @param reason as "full", if it is not the outcome's own */
  refusal(peer: Peer, outcome: Outcome, reason?: DropReason): Uint8Array | undefined;
  /**
   * The outcome's records did not get into the spool, and are not tried again by the gateway. If the device repeats them, they are not dropped
   * as unchanged.
   */
  notAccepted(peer: Peer, outcome: Outcome): void;
  /** Returns the record for the `deadletter` topic. Undefined if there is no such topic, or nothing in the frame that could not be decoded. */
  deadLetter(peer: Peer, outcome: Outcome): SpoolRecord | undefined;
}

/** Reasons for which a frame becomes a dead letter: what the device sent does not fit the configuration. */
const UNDECODABLE: ReadonlySet<DropReason> = new Set<DropReason>(["decode", "encoding", "topic"]);

/** @throws UsageError if a template of the source cannot be used */
export function createPipeline(
  source: PipelineSettings,
  gateway: Pick<GatewaySettings, "id" | "timestamps">,
  options: PipelineOptions,
): Pipeline {
  const origin: Origin = { gateway: gateway.id, source: source.id };
  const router = new Router(source, gateway.timestamps, origin, options.wallTime);
  const acknowledge = source.acknowledge === undefined ? undefined : new Template(source.acknowledge, origin);
  const refuse = source.refuse === undefined ? undefined : new Template(source.refuse, origin);
  const deadletter =
    source.deadletter === undefined ? undefined : new TopicTemplate("deadletter", source.deadletter, origin);
  const bytesOf = (text: string) => (source.encoding === "latin1" ? latin1Bytes(text) : utf8Bytes(text));
  return {
    open: (peer) => new SourceWire(source, router, peer),
    acknowledgement: (peer, { fields }) => acknowledge && bytesOf(acknowledge.answer(peer, fields, undefined)),
    refusal: (peer, { fields, dropped }, reason = dropped) =>
      refuse && reason && bytesOf(refuse.answer(peer, fields, reason)),
    notAccepted: (peer, { fields }) => fields && router.forget(peer, fields),
    deadLetter: (peer, { fields, dropped, bytes }) => {
      if (deadletter === undefined || dropped === undefined || bytes === undefined) return undefined;
      if (!UNDECODABLE.has(dropped)) return undefined;
      const topic = deadletter.topic(peer, fields ?? NO_FIELDS);
      const payload = utf8Bytes(JSON.stringify({ source: source.id, reason: dropped, hex: hex(bytes) }));
      return topic instanceof Failure || payload === undefined ? undefined : { topic, payload, qos: source.qos };
    },
  };
}

const NO_FIELDS: Fields = new Map();

/** What became of a frame's text. */
interface Routed {
  readonly fields: Fields | undefined;
  readonly messages: readonly Message[] | Failure;
}

/** From a frame to its messages. Has no connection of its own. */
class Router {
  private readonly decode: Decoder;
  private readonly topic: TopicTemplate;
  private readonly payload: PayloadBuilder;
  private readonly last: LastRecords;

  constructor(
    private readonly source: PipelineSettings,
    timestamps: GatewaySettings["timestamps"],
    origin: Origin,
    private readonly wallTime: () => number,
  ) {
    this.decode = createDecoder(source.decode);
    this.topic = new TopicTemplate("topic", source.topic, origin);
    this.payload = createPayloadBuilder(source.payload, timestamps, origin);
    this.last = new LastRecords(source.when);
  }

  route(peer: Peer, frame: Uint8Array): Routed {
    const text = this.text(frame);
    if (typeof text === "number") {
      const rule = `byte ${text} of the frame, 0x${hex(frame, text, text + 1)}, is not UTF-8`;
      return { fields: undefined, messages: new Failure("encoding", rule) };
    }
    const fields = this.decode(text);
    if (fields instanceof Failure) return { fields: undefined, messages: fields };
    return { fields, messages: this.messages(peer, fields, frame) };
  }

  forget(peer: Peer, fields: Fields): void {
    const topic = this.topic.topic(peer, fields);
    if (!(topic instanceof Failure)) this.last.forget(topic);
  }

  private messages(peer: Peer, fields: Map<string, FieldValue>, frame: Uint8Array): readonly Message[] | Failure {
    const { when } = this.source;
    const lookup: Lookup = (name) => placeholderValue(name, peer, fields);
    const kept = when.length === 0 ? undefined : filtered(when, lookup);
    if (kept !== undefined) return kept;
    const topic = this.topic.topic(peer, fields);
    if (topic instanceof Failure) return topic;
    const messages = this.payload({ topic, peer, fields, frame, wallTime: this.wallTime });
    // Last, because a record that is dropped for another reason is none to compare with.
    return messages instanceof Failure ? messages : (this.last.filtered(topic, lookup) ?? messages);
  }

  /** Returns the frame as text, or the offset of the first byte that is ill-formed. */
  private text(frame: Uint8Array): string | number {
    switch (this.source.encoding) {
      case "utf8":
        return readUtf8(frame, 0, frame.length);
      case "latin1":
        return readLatin1(frame, 0, frame.length);
      case "hex":
        return hex(frame);
    }
  }
}

class SourceWire implements Wire, FrameSink {
  private readonly framer: Framer;
  private outcomes: Outcome[] = [];
  /** Whether the next frame may lack its beginning, and so counts only if it can be decoded. */
  private isFirst: boolean;

  constructor(
    private readonly source: PipelineSettings,
    private readonly router: Router,
    private readonly peer: Peer,
  ) {
    const isLine = source.frame === "line";
    this.isFirst = isLine && source.first === "drop";
    this.framer = isLine ? new LineFramer(source, source.first === "keep", this) : new DatagramFramer(source, this);
  }

  push(bytes: Uint8Array, now: number): Outcome[] {
    this.framer.push(bytes, now);
    return this.taken();
  }

  end(): Outcome[] {
    this.framer.end();
    return this.taken();
  }

  deadline(): number {
    return this.framer.deadline();
  }

  advance(now: number): Outcome[] {
    this.framer.advance(now);
    return this.taken();
  }

  frame(chunk: Uint8Array, start: number, end: number, range: Range): void {
    const bytes = chunk.subarray(start, end);
    const { fields, messages } = this.router.route(this.peer, bytes);
    const isFirst = this.isFirst;
    this.isFirst = false;
    if (!(messages instanceof Failure)) {
      const records = messages.map((message) => this.record(message));
      this.outcomes.push({ range, fields, records, dropped: undefined, detail: undefined, bytes });
      return;
    }
    const { reason, detail } = messages;
    if (isFirst && fields === undefined) {
      const why = `the first line after opening may lack its beginning; ${detail}`;
      this.outcomes.push({ range, fields, records: [], dropped: "incomplete", detail: why, bytes });
    } else {
      this.outcomes.push({ range, fields, records: [], dropped: reason, detail, bytes });
    }
  }

  broken(reason: "too-long" | "incomplete", detail: string, bytes: Uint8Array | undefined, range: Range): void {
    this.isFirst = false;
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
