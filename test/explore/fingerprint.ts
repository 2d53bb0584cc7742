// The state of objects as text: the same text means the same state. It visits everything that can be reached, so that
// later additions to the code count automatically. It leaves out what cannot affect the exploration: times, and
// constants.
import { End } from "./network.ts";

/** Constant, or owned by another object, or empty between two actions. */
const LEFT_OUT = new Set([
  "clock",
  "settings",
  "options",
  "platform",
  "stream",
  "out",
  "random",
  "emitter",
  "servers",
  "policy",
  "network",
]);
/** Times: no timers run except those of attempts and sessions, which have their own actions. */
const TIMES = new Set(["queuedAt", "lastReceived", "since", "until", "roundBegan", "lastSent", "sentAt"]);

/** The replacement of # by scripts/explore.js. */
const OPENED = "private_";
/** The positions of the two times in the record of a message. */
const MOMENTS_IN_RECORD = [3, 19] as const;

/** The content of a store. */
export function storedText(sessions: ReadonlyMap<string, ReadonlyMap<number, Uint8Array>>): string {
  const [start, end] = MOMENTS_IN_RECORD;
  const records = [...sessions.values()].flatMap((session) => [...session]);
  const timeless = (record: Uint8Array): string => hexOf(record.subarray(0, start)) + hexOf(record.subarray(end));
  return records.map(([key, record]) => `${key}${timeless(record)}`).join();
}

/** Numbers from here on are times. */
const MOMENTS = 1e12;

/**
 * @param endNumbers names for the ends of connections
 * @param now the time that times are relative to: differences are a second or more
 */
export function textOf(root: unknown, endNumbers: ReadonlyMap<End, string>, now: number): string {
  const seen = new Map<object, number>();
  const parts: string[] = [];
  const walk = (value: unknown): void => {
    if (typeof value === "function") {
      parts.push("f");
    } else if (typeof value === "number" && value > MOMENTS && value < Infinity) {
      parts.push("at", String(Math.floor((value - now) / 1000)));
    } else if (typeof value !== "object" || value === null) {
      parts.push(typeof value === "string" ? JSON.stringify(value) : String(value));
    } else {
      walkObject(value);
    }
    parts.push(" ");
  };
  const walkObject = (value: object): void => {
    const before = seen.get(value);
    if (before !== undefined) {
      parts.push("^", String(before));
      return;
    }
    seen.set(value, seen.size);
    if (value instanceof End) parts.push(endNumbers.get(value) ?? "gone");
    else if (value instanceof Uint8Array) parts.push(hexOf(value));
    else if (ArrayBuffer.isView(value)) parts.push(String(value));
    else if (value instanceof Promise || value instanceof WeakMap) parts.push("?");
    else if (value instanceof Map) walkAll("m", [...value].flat());
    else if (value instanceof Set || Array.isArray(value)) walkAll("a", [...value]);
    else if (value instanceof Error) parts.push(value.name);
    else if ("cancel" in value) parts.push("t");
    else walkFields(value as Readonly<Record<string, unknown>>);
  };
  const walkAll = (kind: string, values: readonly unknown[]): void => {
    parts.push(kind, "[");
    for (const value of values) walk(value);
    parts.push("]");
  };
  const walkFields = (value: Readonly<Record<string, unknown>>): void => {
    parts.push("{");
    for (const name of Object.keys(value)) {
      const known = name.startsWith(OPENED) ? name.slice(OPENED.length) : name;
      if (LEFT_OUT.has(known) || TIMES.has(known)) continue;
      const field = value[name];
      if (field === undefined || typeof field === "function") continue;
      parts.push(name, ":");
      walk(field);
    }
    parts.push("}");
  };
  walk(root);
  return parts.join("");
}

export function hexOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return JSON.stringify(text);
}
