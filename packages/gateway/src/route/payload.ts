/** Payloads: what a record's message says, of its fields and its frame. Wall-clock time is an argument. */

import type { PayloadSettings } from "../configuration/configuration.js";
import { Failure } from "../failure.js";
import type { Fields, Peer } from "../pipeline/outcome.js";
import { jsonObject } from "../text/json-writer.js";
import { shown } from "../text/shown.js";
import { Utf8Encoder } from "../text/utf8.js";
import { isoTime } from "./iso-time.js";
import { type Origin, valueText } from "./placeholder-values.js";
import { Template } from "./template.js";
import { topicBelow } from "./topic-template.js";

export interface Message {
  readonly topic: string;
  readonly payload: Uint8Array;
}

/** What a payload is made of. */
interface PayloadInput {
  readonly topic: string;
  readonly peer: Peer;
  readonly fields: Fields;
  /** The frame's bytes. They are not copied. */
  readonly frame: Uint8Array;
  /** When the record is accepted, in milliseconds since 1970. */
  readonly wallTime: () => number;
}

/** Returns the messages of a record, at least one, or why there are none. */
export type PayloadBuilder = (input: PayloadInput) => readonly Message[] | Failure;

export function createPayloadBuilder(
  settings: PayloadSettings,
  timestamps: "off" | "ms" | "iso",
  origin: Origin,
): PayloadBuilder {
  const encoder = new Utf8Encoder();
  switch (settings.kind) {
    case "json":
      return ({ topic, fields, wallTime }) => {
        // A field that is called "time" stays as the device sent it; then no time is added.
        const time = timestamps === "off" || fields.has("time") ? undefined : wallTime();
        return one(
          encoder,
          topic,
          jsonObject(fields, time === undefined || timestamps === "ms" ? time : isoTime(time)),
        );
      };
    case "raw":
      return ({ topic, frame }) => [{ topic, payload: frame }];
    case "fields":
      return (input) => fieldMessages(encoder, input);
    case "template": {
      const template = new Template(settings.template, origin);
      return ({ topic, peer, fields }) => {
        const filled = template.fill(peer, fields);
        if ("text" in filled) return one(encoder, topic, filled.text);
        return new Failure("decode", `the payload's {${filled.missing}} has no value`);
      };
    }
  }
}

function fieldMessages(encoder: Utf8Encoder, { topic, fields }: PayloadInput): readonly Message[] | Failure {
  const messages: Message[] = [];
  for (const [name, value] of fields) {
    const below = topicBelow(topic, name);
    if (below instanceof Failure) return below;
    const message = one(encoder, below, valueText(value));
    if (message instanceof Failure) return message;
    messages.push(...message);
  }
  return messages.length > 0 ? messages : new Failure("decode", "the frame has no fields");
}

function one(encoder: Utf8Encoder, topic: string, text: string): readonly Message[] | Failure {
  const payload = encoder.bytes(text);
  if (payload !== undefined) return [{ topic, payload }];
  return new Failure("encoding", `the payload ${shown(text)} has a lone surrogate, which UTF-8 cannot encode`);
}
