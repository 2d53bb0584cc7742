/** What placeholders stand for: the gateway, the source, the connection, and the fields of a record. */

import type { Fields, FieldValue, Peer } from "../pipeline/outcome.js";

/** What is the same for all records of a source. */
export interface Origin {
  readonly gateway: string;
  readonly source: string;
}

/** Names that a field cannot take over: no device chooses where the gateway's own names stand. */
const CONSTANT: ReadonlySet<string> = new Set(["gateway", "source"]);

/** Returns the value of a placeholder that does not depend on the record; undefined for any other. */
export function constantValue(name: string, origin: Origin): string | undefined {
  return CONSTANT.has(name) ? origin[name as keyof Origin] : undefined;
}

/** Returns the value of any other placeholder. The connection's own fields, as from an HTTP path, precede those of the frame. */
export function placeholderValue(name: string, peer: Peer, fields: Fields | undefined): FieldValue | undefined {
  if (name === "peer") return peer.peer;
  if (name === "port") return peer.port;
  if (peer.topic !== undefined && name.startsWith("topic")) {
    const value = topicValue(name, peer.topic);
    if (value !== undefined) return value;
  }
  if (peer.fields !== undefined && Object.hasOwn(peer.fields, name)) return peer.fields[name];
  return fields?.get(name);
}

/** Returns the value of `topic`, or of one of its levels, `topic[0]` being the first. Undefined for any other name, and without such a level. */
function topicValue(name: string, topic: string): string | undefined {
  if (name === "topic") return topic;
  if (!name.startsWith("topic[")) return undefined;
  let [level, from] = [Number(name.slice("topic[".length, -1)), 0];
  for (; level > 0; level--) {
    const slash = topic.indexOf("/", from);
    if (slash < 0) return undefined;
    from = slash + 1;
  }
  const end = topic.indexOf("/", from);
  return topic.slice(from, end < 0 ? topic.length : end);
}

/** Returns a value as text: objects and arrays as JSON. */
export function valueText(value: FieldValue): string {
  if (typeof value === "string") return value;
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}
