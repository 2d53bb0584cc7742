/** How an application names a topic, and what the rules allow. */

import { UsageError } from "@aiko/mqtt";
import { assertTopicFilter, assertTopicName, hasWildcard } from "@aiko/mqtt/topic";
import type { FilterTopic } from "../packets.js";

/**
 * A topic: its name; an identifier that client and gateway know from their configuration, 1 … 65,534; or a name of two
 * octets, which needs no identifier. To subscribe, a name may be a filter with wildcards.
 */
export type SnTopic = string | { readonly predefined: number } | { readonly short: string };

/** The octets of a short topic name. */
const SHORT = 2;

/** @throws UsageError TOPIC_NAME_INVALID or OPTION_INVALID */
export function topicOf(given: SnTopic): FilterTopic {
  if (typeof given === "string") {
    assertTopicName(given);
    return { kind: "normal", name: given };
  }
  const topic = shorter(given);
  if (topic.kind === "short") assertTopicName(topic.name);
  return topic;
}

/** @throws UsageError TOPIC_FILTER_INVALID or OPTION_INVALID */
export function filterOf(given: SnTopic): FilterTopic {
  if (typeof given === "string") {
    assertTopicFilter(given);
    return { kind: "normal", name: given };
  }
  const topic = shorter(given);
  if (topic.kind === "short") {
    assertTopicName(topic.name);
    if (hasWildcard(topic.name)) throw wrong("topic.short", topic.name, "must not have wildcards; pass it as a string");
  }
  return topic;
}

function shorter(given: Exclude<SnTopic, string>): Exclude<FilterTopic, { readonly kind: "normal" }> {
  const { predefined, short } = (given ?? {}) as { predefined?: unknown; short?: unknown };
  if (predefined !== undefined && short === undefined) {
    const isId = Number.isInteger(predefined) && (predefined as number) > 0 && (predefined as number) < 0xffff;
    if (!isId) throw wrong("topic.predefined", predefined, "must be an integer from 1 to 65534");
    return { kind: "predefined", id: predefined as number };
  }
  if (typeof short !== "string" || predefined !== undefined) {
    throw wrong("topic", given, "must be a string, { predefined: ID } or { short: NAME }");
  }
  if (Buffer.byteLength(short) !== SHORT) throw wrong("topic.short", short, "must have exactly two octets as UTF-8");
  return { kind: "short", name: short };
}

function wrong(option: string, value: unknown, rule: string): UsageError {
  return new UsageError("OPTION_INVALID", `${option} ${JSON.stringify(value)}: ${rule}`, { option });
}
