/** The polls of a source, ready to be sent. Knows no wire. */

import { readRequest } from "../codec/modbus-frame.js";
import type { PipelineSettings } from "../configuration/configuration.js";
import type { PollSettings } from "../configuration/request-settings.js";
import { Failure } from "../failure.js";
import type { Origin } from "../route/placeholder-values.js";
import { Template } from "../route/template.js";
import { encodedText } from "../text/encoded.js";
import { exactLatin1Bytes } from "../text/utf8.js";
import { answerRule, modbusAnswer } from "./answer-rule.js";
import type { Poll, RequestResult } from "./request.js";
import { requestFramer } from "./request-framer.js";

const NO_FIELDS = new Map();

/**
 * @param settled is called with the place of a poll when it is answered, or not
 * @throws Error if a poll cannot become a frame
 */
export function createPolls(
  source: PipelineSettings,
  origin: Origin,
  settled: (index: number, result: RequestResult) => void,
): readonly Poll[] {
  return source.polls.map((settings, index): Poll => {
    const { every, jitter, answer } = settings;
    const body = bodyOf(settings, source.encoding, origin);
    const bytes = framed(body, settings, source);
    if (bytes instanceof Failure) throw new Error(`poll ${index}: ${bytes.detail}`);
    const isModbus = settings.question.kind === "modbus";
    return {
      kind: "poll",
      bytes,
      answer:
        isModbus && !(body instanceof Failure)
          ? modbusAnswer(body, answer.timeout, answer.retries)
          : answerRule(answer, NO_FIELDS),
      every,
      jitter,
      settle: (result) => settled(index, result),
    };
  });
}

/** Returns why a poll cannot become a frame. Undefined: it can. */
export function pollProblem(poll: PollSettings, source: PipelineSettings, origin: Origin): string | undefined {
  const bytes = framed(bodyOf(poll, source.encoding, origin), poll, source);
  return bytes instanceof Failure ? bytes.detail : undefined;
}

function framed(body: Uint8Array | Failure, poll: PollSettings, source: PipelineSettings): Uint8Array | Failure {
  return body instanceof Failure ? body : requestFramer(source, poll.framed)(body);
}

function bodyOf(
  { question, decode }: PollSettings,
  encoding: PipelineSettings["encoding"],
  origin: Origin,
): Uint8Array | Failure {
  switch (question.kind) {
    case "hex":
      return question.bytes;
    case "text": {
      const text = new Template(question.text, origin).answer({ peer: "", port: 0 }, undefined, undefined);
      if (encoding === "latin1" && exactLatin1Bytes(text) === undefined)
        return new Failure("encode", "a character that Latin-1 does not have cannot be sent");
      return encodedText(text, encoding) ?? new Failure("encode", "half a surrogate pair cannot be sent");
    }
    case "modbus": {
      if (decode?.format !== "modbus" || decode.function > 4) return new Failure("encode", "a poll must read");
      const { unit, address, count } = decode;
      return readRequest({ unit, address, function: decode.function as 1 | 2 | 3 | 4 }, count);
    }
  }
}
