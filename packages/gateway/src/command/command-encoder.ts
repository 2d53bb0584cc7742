/** From a message to what is written to a device: the payload becomes fields, the fields a frame. Knows no wire. */

import { type Codec, createCodec } from "../codec/codec.js";
import { parseJson } from "../codec/json-text.js";
import type { PipelineSettings } from "../configuration/configuration.js";
import type { CommandSettings } from "../configuration/request-settings.js";
import { Failure } from "../failure.js";
import type { FrameEncoder } from "../frame/frame-encoder.js";
import type { Fields, FieldValue } from "../pipeline/outcome.js";
import type { Origin } from "../route/placeholder-values.js";
import { shown } from "../text/shown.js";
import { readUtf8 } from "../text/utf8.js";
import { answerRule, modbusAnswer } from "./answer-rule.js";
import { CommandTopic } from "./command-topic.js";
import type { AnswerRule } from "./request.js";
import { requestFramer } from "./request-framer.js";

/** What a message becomes. */
export interface EncodedCommand {
  /** What is written to the device. */
  readonly bytes: Uint8Array;
  /** What it was made of: the captures of the topic and the payload. */
  readonly fields: Fields;
  /** How the answer is recognized. Undefined: none is awaited. */
  readonly answer: AnswerRule | undefined;
}

export class CommandEncoder {
  readonly topic: CommandTopic;
  private readonly codec: Codec;
  private readonly frame: FrameEncoder;
  private readonly values: ReadonlyMap<string, FieldValue>;

  constructor(
    readonly settings: CommandSettings,
    source: PipelineSettings,
    origin: Origin,
  ) {
    this.topic = new CommandTopic(settings.topic, origin);
    this.codec = createCodec(settings.encode, source.encoding);
    this.frame = requestFramer(source, settings.framed);
    this.values = new Map(Object.entries(settings.values));
  }

  /** @param captures those of the message's topic */
  encode(captures: Fields, payload: Uint8Array): EncodedCommand | Failure {
    const fields = this.fields(captures, payload);
    if (fields instanceof Failure) return fields;
    const body = this.codec.encode(fields);
    if (body instanceof Failure) return body;
    const bytes = this.frame(body);
    return bytes instanceof Failure ? bytes : { bytes, fields, answer: this.answer(body, fields) };
  }

  private answer(body: Uint8Array, fields: Fields): AnswerRule | undefined {
    const { answer, encode } = this.settings;
    if (answer === undefined) return undefined;
    if (encode.format === "modbus" && answer.match === undefined)
      return modbusAnswer(body, answer.timeout, answer.retries);
    return answerRule(answer, fields);
  }

  /** The captures precede the payload: a message cannot speak for another device than its topic says. */
  private fields(captures: Fields, payload: Uint8Array): Fields | Failure {
    const text = readUtf8(payload, 0, payload.length);
    if (typeof text === "number") return new Failure("encode", `byte ${text} of the payload is not UTF-8`);
    if (this.settings.decode === "raw") return this.withValue(captures, text);
    const value = parseJson(text);
    if (value instanceof Failure) return new Failure("encode", `the payload ${value.detail}`);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return this.withValue(captures, value);
    const members = new Map(Object.entries(value as Readonly<Record<string, FieldValue>>));
    const given = members.get("value");
    const mapped = given === undefined ? members : this.withValue(members, given);
    return mapped instanceof Failure ? mapped : new Map([...mapped, ...captures]);
  }

  private withValue(fields: Fields, value: FieldValue): Fields | Failure {
    if (this.values.size === 0) return new Map([["value", value], ...fields]);
    const mapped = this.values.get(String(value));
    if (mapped !== undefined) return new Map([...fields, ["value", mapped]]);
    const names = [...this.values.keys()].map(shown).join(", ");
    return new Failure("encode", `the value ${shown(String(value))} must be one of ${names}`);
  }
}
