/**
 * Topic templates. A device never chooses the levels of a topic: in its values, what has a meaning in topics is percent-escaped, and so is what
 * servers refuse as a character of a topic.
 */

import { wrongOption } from "@aiko/mqtt/options";
import { topicNameProblem } from "@aiko/mqtt/topic";
import { Failure } from "../failure.js";
import type { Fields, FieldValue, Peer } from "../pipeline/outcome.js";
import { parsePlaceholders } from "../text/placeholders.js";
import { shown } from "../text/shown.js";
import { utf8Bytes, utf8Length } from "../text/utf8.js";
import { constantValue, type Origin, placeholderValue } from "./placeholder-values.js";

/** The most bytes of a topic [MQTT-4.7.3-3]. */
const LONGEST = 65_535;

export class TopicTemplate {
  private readonly first: string;
  private readonly steps: { readonly name: string; literal: string }[] = [];

  /**
   * @param option the field of the configuration, for errors
   * @throws UsageError if no topic can come of it
   */
  constructor(option: string, template: string, origin: Origin) {
    let { first, rest } = parsePlaceholders(template);
    let sample = first;
    for (const { name, literal } of rest) {
      sample += `x${literal}`;
      const constant = constantValue(name, origin);
      const last = this.steps.at(-1);
      if (constant === undefined) this.steps.push({ name, literal });
      else if (last === undefined) first += escapedLevel(constant, first === "") + literal;
      else last.literal += escapedLevel(constant, false) + literal;
    }
    this.first = first;
    const problem = topicNameProblem(sample);
    if (problem) throw wrongOption(option, `${shown(template)} ${problem}`);
    if (sample.includes("{") || sample.includes("}")) {
      throw wrongOption(option, `${shown(template)} has a brace outside a placeholder, such as {node}`);
    }
  }

  /** Returns the topic, or why there is none. */
  topic(peer: Peer, fields: Fields): string | Failure {
    let topic = this.first;
    for (const { name, literal } of this.steps) {
      if (name === "topic" && peer.topic !== undefined) {
        // It was a topic already, and keeps its levels. It is a server's, so it may begin with "$", which is not the gateway's to publish to.
        topic += (topic === "" && peer.topic.startsWith("$") ? `%24${peer.topic.slice(1)}` : peer.topic) + literal;
        continue;
      }
      const level = levelOf(name, placeholderValue(name, peer, fields), topic === "");
      if (level instanceof Failure) return level;
      topic += level + literal;
    }
    return bounded(topic);
  }
}

/** Returns the topic one level below `topic` that a field's own message has, or why there is none. */
export function topicBelow(topic: string, field: string): string | Failure {
  const level = levelOf("field", field, false);
  return level instanceof Failure ? level : bounded(`${topic}/${level}`);
}

function levelOf(name: string, value: FieldValue | undefined, isFront: boolean): string | Failure {
  if (value === undefined || value === null) return new Failure("topic", `the topic's {${name}} has no value`);
  if (value === "") return new Failure("topic", `the topic's {${name}} is empty`);
  if (typeof value === "object") return new Failure("topic", `the topic's {${name}} is an object or array`);
  const text = String(value); // escaped also if it is a number: 1e+21 has a "+"
  if (utf8Length(text) < 0) {
    return new Failure(
      "topic",
      `the topic's {${name}}, ${shown(text)}, has a lone surrogate, which UTF-8 cannot encode`,
    );
  }
  return escapedLevel(text, isFront);
}

function bounded(topic: string): string | Failure {
  // A UTF-16 unit takes at most three bytes.
  if (3 * topic.length <= LONGEST) return topic;
  const length = utf8Length(topic);
  return length <= LONGEST ? topic : new Failure("topic", `the topic takes ${length} bytes; the limit is ${LONGEST}`);
}

/** Escapes / + # % and NUL, other control characters and noncharacters, and a $ where it would be the topic's first character. */
function escapedLevel(value: string, isFront: boolean): string {
  let result = "";
  let copied = 0;
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    const isSpecial =
      unit === 0x2f || unit === 0x2b || unit === 0x23 || unit === 0x25 || (unit === 0x24 && i === 0 && isFront);
    const isControl = unit < 0x20 || (unit >= 0x7f && unit < 0xa0);
    if (!isSpecial && !isControl && unit < 0xd800) continue;
    const size = unit >= 0xd800 && unit < 0xdc00 ? 2 : 1;
    if (isSpecial || isControl || isNoncharacter(value.codePointAt(i) ?? 0)) {
      result += value.slice(copied, i) + percentEscaped(value.slice(i, i + size));
      copied = i + size;
    }
    i += size - 1;
  }
  return copied === 0 ? value : result + value.slice(copied);
}

/** What Unicode assigns no character to, ever: servers may refuse it [MQTT-1.5.4]. */
function isNoncharacter(point: number): boolean {
  return (point >= 0xfdd0 && point <= 0xfdef) || (point & 0xfffe) === 0xfffe;
}

function percentEscaped(character: string): string {
  let result = "";
  for (const byte of utf8Bytes(character) ?? []) result += `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  return result;
}
