/** How the answer to a request is recognized: by how it begins, by its fields, or by the rules of Modbus. */

import type { AnswerSettings, MatchSettings } from "../configuration/request-settings.js";
import type { Fields } from "../pipeline/outcome.js";
import { valueText } from "../route/placeholder-values.js";
import { encodedText } from "../text/encoded.js";
import { parsePlaceholders } from "../text/placeholders.js";
import type { AnswerRule, Match } from "./request.js";

type Test = (frame: Uint8Array, fields: Fields | undefined) => boolean;

/** @param values what placeholders in the settings stand for */
export function answerRule({ match, refused, encoding, timeout, retries }: AnswerSettings, values: Fields): AnswerRule {
  const isAnswer = match === undefined ? () => true : testOf(match, values, encoding);
  const isRefusal = refused === undefined ? () => false : testOf(refused, values, encoding);
  return {
    timeout,
    retries,
    matches(frame, fields): Match {
      if (isRefusal(frame, fields)) return "refused";
      return isAnswer(frame, fields) ? "answer" : undefined;
    },
  };
}

function testOf(match: MatchSettings, values: Fields, encoding: AnswerSettings["encoding"]): Test {
  if (typeof match === "string") {
    const beginning = encodedText(filled(match, values), encoding) ?? new Uint8Array(0);
    return (frame) => frame.length >= beginning.length && beginning.every((byte, i) => frame[i] === byte);
  }
  const wanted = Object.entries(match).map(([name, value]) => [name, filled(String(value), values)] as const);
  return (_, fields) =>
    wanted.every(([name, value]) => {
      const found = fields?.get(name);
      return found !== undefined && valueText(found) === value;
    });
}

function filled(template: string, values: Fields): string {
  const { first, rest } = parsePlaceholders(template);
  let text = first;
  for (const { name, literal } of rest) text += valueText(values.get(name) ?? "") + literal;
  return text;
}

/** Set in the function code of an answer that is an exception. */
const EXCEPTION = 0x80;
/** Registers are read by 3 and 4, coils by 1 and 2; the others write. */
const REGISTERS = [3, 4];
const WRITES = 5;

/** The answer to a Modbus request. Both are unit and PDU, without a CRC. */
export function modbusAnswer(request: Uint8Array, timeout: number, retries: number): AnswerRule {
  const [unit, code = 0] = request;
  const count = (request[4] ?? 0) * 256 + (request[5] ?? 0);
  const bytes = REGISTERS.includes(code) ? 2 * count : Math.ceil(count / 8);
  return {
    timeout,
    retries,
    matches(answer): Match {
      if (answer[0] !== unit) return undefined;
      if (answer[1] === (code | EXCEPTION)) return answer.length === 3 ? "refused" : undefined;
      if (answer[1] !== code) return undefined;
      // What was written is repeated: address and value, or address and count.
      if (code >= WRITES)
        return answer.length === 6 && answer.every((byte, i) => byte === request[i]) ? "answer" : undefined;
      return answer[2] === bytes && answer.length === bytes + 3 ? "answer" : undefined;
    },
  };
}
