/**
 * The text of a recording: what devices sent, when, and on which connection. One line is one JSON object. The first line has the version of the
 * format. Knows nothing of files, clocks and pipelines.
 */

import type { Peer } from "../pipeline/outcome.js";
import { hex, hexBytes } from "../text/hex.js";
import { shown } from "../text/shown.js";
import { readUtf8, utf8Bytes } from "../text/utf8.js";

/** The version of the format. A change that this reader could misread gets another number. */
const VERSION = 1;
const HEAD = "aiko-gateway-recording";
/** The most events of a recording that is read. */
const MOST_EVENTS = 2 ** 22;

/** What happened on a connection. Times are milliseconds since the recording was started. */
export type RecordedEvent =
  | {
      readonly kind: "open";
      readonly at: number;
      readonly connection: number;
      readonly source: string;
      readonly peer: Peer;
    }
  | { readonly kind: "data"; readonly at: number; readonly connection: number; readonly bytes: Uint8Array }
  /** "end": the connection or a datagram has ended. "timeout": a deadline of the pipeline has passed. */
  | { readonly kind: "end" | "timeout"; readonly at: number; readonly connection: number };

/** A recording: what sources received, in order. */
export interface Recording {
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly events: readonly RecordedEvent[];
}

/** A recording, or why the text is not one: the line, what is wrong, what to do. */
export type RecordingRead =
  | { readonly recording: Recording; readonly problem?: undefined }
  | { readonly recording?: undefined; readonly problem: string };

/** @param startedAt milliseconds since 1970 */
export function headLine(startedAt: number): string {
  return `${JSON.stringify({ [HEAD]: VERSION, started: startedAt })}\n`;
}

export function eventLine(event: RecordedEvent): string {
  const ms = Math.round(event.at * 1_000) / 1_000;
  const { connection } = event;
  switch (event.kind) {
    case "open": {
      const { peer, port, fields, topic } = event.peer; // without the properties, which no device sends
      return `${JSON.stringify({ ms, open: connection, source: event.source, peer, port, fields, topic })}\n`;
    }
    case "data": {
      const text = readUtf8(event.bytes, 0, event.bytes.length);
      const content = typeof text === "string" ? { text } : { hex: hex(event.bytes) };
      return `${JSON.stringify({ ms, data: connection, ...content })}\n`;
    }
    default:
      return `${JSON.stringify({ ms, [event.kind]: connection })}\n`;
  }
}

/** Reads a recording. Each error names its line. */
export function readRecording(text: string): RecordingRead {
  const events: RecordedEvent[] = [];
  const opened = new Set<number>();
  let startedAt: number | undefined;
  let last = 0;
  let number = 0;
  for (let from = 0; from < text.length; ) {
    const end = text.indexOf("\n", from);
    const line = end < 0 ? text.slice(from) : text.slice(from, end);
    from = end < 0 ? text.length : end + 1;
    number++;
    const wrong = (why: string): RecordingRead => ({ problem: `line ${number}: ${why}` });
    const entry = objectOf(line);
    if (startedAt === undefined) {
      if (entry?.[HEAD] === undefined) return wrong(`is not the head of a recording, {"${HEAD}":${VERSION},…}`);
      if (entry[HEAD] !== VERSION) {
        return wrong(
          `the recording has the version ${shown(String(entry[HEAD]))}; this gateway reads version ${VERSION}`,
        );
      }
      if (!isCount(entry["started"])) return wrong("started: must be milliseconds since 1970");
      startedAt = entry["started"];
      continue;
    }
    if (entry === undefined) {
      const hint = end < 0 ? "; the recording is cut off here, remove the line to replay the others" : "";
      return wrong(`${shown(line)} is not a JSON object${hint}`);
    }
    const event = eventOf(entry, opened);
    if (typeof event === "string") return wrong(event);
    if (event.at < last) return wrong(`ms: ${event.at} is earlier than ${last} of the line before`);
    if (events.length === MOST_EVENTS) return wrong(`a recording may have ${MOST_EVENTS} events`);
    last = event.at;
    if (event.kind === "open") opened.add(event.connection);
    events.push(event);
  }
  return startedAt === undefined ? { problem: "line 1: the recording is empty" } : { recording: { startedAt, events } };
}

type Entry = Readonly<Record<string, unknown>>;

function objectOf(line: string): Entry | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Entry) : undefined;
  } catch {
    return undefined;
  }
}

const KINDS = ["open", "data", "end", "timeout"] as const;

/** Returns the event, or what is wrong with it. */
function eventOf(entry: Entry, opened: ReadonlySet<number>): RecordedEvent | string {
  const at = entry["ms"];
  if (typeof at !== "number" || !(at >= 0 && at < Infinity)) return "ms: must be a number of milliseconds, at least 0";
  const kind = KINDS.find((each) => entry[each] !== undefined);
  if (kind === undefined) return "must have one of open, data, end and timeout";
  const connection = entry[kind];
  if (!isCount(connection)) return `${kind}: must be the number of a connection`;
  if (kind === "open") {
    return opened.has(connection)
      ? `open: the connection ${connection} is already open`
      : openOf(entry, at, connection);
  }
  if (!opened.has(connection)) return `${kind}: the connection ${connection} was not opened`;
  if (kind !== "data") return { kind, at, connection };
  const bytes = bytesOf(entry);
  return typeof bytes === "string" ? bytes : { kind, at, connection, bytes };
}

function openOf(entry: Entry, at: number, connection: number): RecordedEvent | string {
  const { source, peer, port, fields, topic } = entry;
  if (typeof source !== "string") return "source: must be the id of a source";
  if (typeof peer !== "string") return "peer: must be the address of the device, or the id of the source";
  if (!isCount(port)) return "port: must be a port, or 0";
  if (fields !== undefined && !isTexts(fields)) return "fields: must be an object of strings";
  if (topic !== undefined && typeof topic !== "string") return "topic: must be a string";
  const known: Peer = { peer, port, ...(fields && { fields }), ...(topic !== undefined && { topic }) };
  return { kind: "open", at, connection, source, peer: known };
}

function bytesOf({ text, hex: digits }: Entry): Uint8Array | string {
  if (typeof text === "string" && digits === undefined) {
    return utf8Bytes(text) ?? "text: has half of a surrogate pair; write the bytes as hex";
  }
  if (typeof digits === "string" && text === undefined) {
    return hexBytes(digits) ?? "hex: must be pairs of hexadecimal digits";
  }
  return "data: must have either text or hex";
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((each) => typeof each === "string");
}
