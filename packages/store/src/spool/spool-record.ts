/**
 * Records of the spool, and the body of a frame in a segment's file. Knows nothing of files, of sources' names beyond their definitions, or of
 * when a record is settled.
 *
 *     body         first sequence (6 bytes), accepted at (6), entries
 *     definition   0x80, source (2), records that were accepted from it (6), length of its id (2), id
 *     record       flags (1), source (2), place among its source's records (6), [expiry (4)], length of the topic (2), topic,
 *                  [length of the properties (4), properties], length of the payload (4), payload
 *     flags        QoS (bits 0 and 1), retain (2), has an expiry (3), has properties (4)
 *
 * Integers are big-endian. The first record of a frame has the frame's first sequence, the next one follows it. A frame's records were
 * accepted at one time.
 */

import { StoreError } from "@aiko/mqtt";

/** A message to be spooled. */
export interface SpoolRecord {
  /** The topic name: at most 65,535 bytes in UTF-8. */
  readonly topic: string;
  /** The payload. It is copied. */
  readonly payload: Uint8Array;
  /** The QoS to publish with. Default 1. */
  readonly qos?: 0 | 1 | 2 | undefined;
  /** Whether the server retains the message. Default false. */
  readonly retain?: boolean | undefined;
  /** The message expiry interval in seconds, 0 to 4,294,967,295. Default: the message does not expire. */
  readonly expiry?: number | undefined;
  /** Further properties, in the caller's own format. They are copied. Default: none. */
  readonly properties?: Uint8Array | undefined;
}

/** A record that was read from the spool. */
export interface SpooledRecord {
  /** The record's place among all records of the spool, from 1. Pass it to `settle`. */
  readonly sequence: number;
  /** The source that the record came from. */
  readonly source: string;
  /** When the record was accepted, in milliseconds since the Unix epoch. 0 if the clock was not set at that time. */
  readonly acceptedAt: number;
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly expiry: number | undefined;
  readonly properties: Uint8Array | undefined;
}

/** What `eachEntry` finds in a body. */
export interface Entries {
  /** @param accepted records of the source that were accepted before this place */
  definition(source: number, id: string, accepted: number): void;
  /** @param own the record's place among its source's records, from 1 */
  record(sequence: number, source: number, own: number, fields: RecordFields): void;
}

/** A record's own bytes in a body, not yet decoded. */
export interface RecordFields {
  readonly flags: number;
  readonly expiry: number | undefined;
  readonly topic: Buffer;
  readonly properties: Buffer | undefined;
  readonly payload: Buffer;
}

const BODY_START = 12;
const DEFINITION = 0x80;
const RETAIN = 0x04;
const HAS_EXPIRY = 0x08;
const HAS_PROPERTIES = 0x10;
const KNOWN_FLAGS = 0x1f;
/** The most bytes of a record's entry besides its topic, properties and payload. */
const RECORD_OVERHEAD = 23;

/**
 * Returns the bytes that a record takes in a spool at most. `append` rejects a record that takes more than `segmentSize`. A UTF-16 code unit is at
 * most three bytes of UTF-8.
 */
export function recordSize({ topic, payload, properties }: SpoolRecord): number {
  return RECORD_OVERHEAD + topic.length * 3 + payload.length + (properties?.length ?? 0);
}

/** Writes the body of one frame. */
export class BodyWriter {
  private bytes: Buffer;
  private at = BODY_START;
  private records = 0;

  constructor(
    private readonly first: number,
    acceptedAt: number,
    size = 4096,
  ) {
    this.bytes = Buffer.allocUnsafe(Math.max(size, BODY_START));
    this.bytes.writeUIntBE(first, 0, 6);
    this.bytes.writeUIntBE(acceptedAt, 6, 6);
  }

  get size(): number {
    return this.at;
  }

  /** The sequence of the next record. */
  get next(): number {
    return this.first + this.records;
  }

  get hasRecords(): boolean {
    return this.records > 0;
  }

  get body(): Buffer {
    return this.bytes.subarray(0, this.at);
  }

  definition(source: number, id: string, accepted: number): void {
    const name = Buffer.from(id);
    this.reserve(11 + name.length);
    const { bytes } = this;
    bytes[this.at] = DEFINITION;
    bytes.writeUInt16BE(source, this.at + 1);
    bytes.writeUIntBE(accepted, this.at + 3, 6);
    bytes.writeUInt16BE(name.length, this.at + 9);
    bytes.set(name, this.at + 11);
    this.at += 11 + name.length;
  }

  /** @param own the record's place among its source's records */
  record(source: number, own: number, record: SpoolRecord): void {
    const { topic, payload, qos = 1, retain, expiry, properties } = record;
    this.reserve(recordSize(record));
    const { bytes } = this;
    let at = this.at;
    bytes[at] =
      qos | (retain ? RETAIN : 0) | (expiry === undefined ? 0 : HAS_EXPIRY) | (properties ? HAS_PROPERTIES : 0);
    bytes.writeUInt16BE(source, at + 1);
    bytes.writeUIntBE(own, at + 3, 6);
    at += 9;
    if (expiry !== undefined) at = bytes.writeUInt32BE(expiry, at);
    const length = bytes.write(topic, at + 2);
    bytes.writeUInt16BE(length, at);
    at += 2 + length;
    if (properties) {
      bytes.writeUInt32BE(properties.length, at);
      bytes.set(properties, at + 4);
      at += 4 + properties.length;
    }
    bytes.writeUInt32BE(payload.length, at);
    bytes.set(payload, at + 4);
    this.at = at + 4 + payload.length;
    this.records++;
  }

  private reserve(size: number): void {
    if (this.at + size <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.at + size));
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
  }
}

/** The sequence of a body's first record, and when its records were accepted. */
export function bodyStart(body: Buffer): { first: number; acceptedAt: number } {
  return { first: body.readUIntBE(0, 6), acceptedAt: body.readUIntBE(6, 6) };
}

const nothing: Entries = { definition: () => {}, record: () => {} };

/** Returns whether the bytes are the body of a frame and nothing else. */
export function isBody(body: Buffer): boolean {
  return eachEntry(body, nothing);
}

/** Returns whether the bytes are a body. Calls `entries` for each entry before the first that is not valid. */
export function eachEntry(body: Buffer, entries: Entries): boolean {
  if (body.length < BODY_START) return false;
  let sequence = body.readUIntBE(0, 6);
  const cursor = new Cursor(body, BODY_START);
  while (cursor.at < body.length) {
    const flags = body[cursor.at++] ?? 0;
    const source = cursor.integer(2);
    const own = cursor.integer(6);
    if (flags === DEFINITION) {
      const id = cursor.bytes(2);
      if (cursor.failed) return false;
      entries.definition(source, id.toString(), own);
      continue;
    }
    if (flags > KNOWN_FLAGS || (flags & 3) === 3) return false;
    const expiry = flags & HAS_EXPIRY ? cursor.integer(4) : undefined;
    const topic = cursor.bytes(2);
    const properties = flags & HAS_PROPERTIES ? cursor.bytes(4) : undefined;
    const payload = cursor.bytes(4);
    if (cursor.failed) return false;
    entries.record(sequence++, source, own, { flags, expiry, topic, properties, payload });
  }
  return true;
}

/** @param fields of a body whose bytes stay valid as long as the record */
export function decodeRecord(
  sequence: number,
  source: string,
  acceptedAt: number,
  fields: RecordFields,
): SpooledRecord {
  const { flags, expiry, topic, properties, payload } = fields;
  return {
    sequence,
    source,
    acceptedAt,
    topic: topic.toString(),
    payload,
    qos: (flags & 3) as 0 | 1 | 2,
    retain: (flags & RETAIN) !== 0,
    expiry,
    properties,
  };
}

/** @throws StoreError STORE_FULL if no spool of this segment size can hold the record */
export function assertFits(record: SpoolRecord, segmentSize: number): void {
  const size = recordSize(record);
  // Counting the bytes costs more than the rest; a short topic cannot have too many.
  const isTopicShort = record.topic.length * 3 <= 0xffff || Buffer.byteLength(record.topic) <= 0xffff;
  if (isTopicShort && size <= segmentSize) return;
  throw new StoreError(
    "STORE_FULL",
    `spool: the record may take ${size} bytes, but a record has at most segmentSize (${segmentSize}) bytes, and its topic 65,535`,
    { topic: record.topic },
  );
}

class Cursor {
  failed = false;

  constructor(
    private readonly body: Buffer,
    public at: number,
  ) {}

  integer(size: number): number {
    if (this.at + size > this.body.length) return this.fail();
    this.at += size;
    return this.body.readUIntBE(this.at - size, size);
  }

  /** @param lengthSize bytes of the length that precedes them */
  bytes(lengthSize: number): Buffer {
    const length = this.integer(lengthSize);
    if (this.at + length > this.body.length) this.fail();
    this.at += length;
    return this.body.subarray(this.at - length, this.at);
  }

  private fail(): number {
    this.failed = true;
    this.at = this.body.length;
    return 0;
  }
}
