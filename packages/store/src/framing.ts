/**
 * The header of a session's file. It contains the mark with which the frames after it begin, and the seed of their
 * checksums. Knows nothing of the contents of frames.
 *
 *     header   "AIKOMQTT", version (4 bytes), checksum of these twelve bytes (4), mark (4), seed (4),
 *              checksum of all this (4), zeros up to 4096, and the first 28 bytes a second time
 *
 * Mark and seed are random for each file: received messages become part of the file, and nothing in them may look like
 * a frame. The file cannot be read without mark and seed, so they are stored twice, on different sectors. Integers are
 * big-endian, checksums CRC-32. The header's checksums begin with the checksum of the session's name, so that a file is
 * never taken for another session's.
 *
 * Version 1 ended after the first checksum. Its frames had the same mark in every file, and a seed derived from the
 * name.
 */

import { randomBytes } from "node:crypto";
import { StoreError } from "@aiko/mqtt";
import { crc32 } from "./crc32.js";
import type { OpenFile } from "./file-system.js";

/** The size of a frame's header. */
export const FRAME_HEADER_SIZE = 16;
const VERSION = 2;
const MAGIC = Buffer.from("AIKOMQTT");
/** The bytes of the header that every version has. */
const ENVELOPE = 16;
const FIELDS = 28;
/** The offset of the second copy of the fields: beyond the largest sector of disks. */
const COPY_AT = 4096;

const MARK_OF_VERSION_1 = 0x414b4a42;

/** How the frames of one file are distinguished from other bytes. */
export interface Framing {
  readonly header: Buffer;
  readonly mark: number;
  /** The start value of the checksum of a frame's header. */
  readonly seed: number;
  /** The start value of the checksum of a frame's body. */
  readonly bodySeed: number;
  /**
   * Whether a frame can be found without an intact frame before it. It cannot if received data can look like a frame.
   */
  readonly isUnforgeable: boolean;
}

/** Makes the framing of a new file. */
export function newFraming(name: string): Framing {
  const random = randomBytes(8);
  return framingOf(random.readUInt32BE(0), random.readUInt32BE(4), name);
}

/** The framing of an existing file, and how many bytes of its header are damaged. */
export interface FoundFraming {
  readonly framing: Framing;
  readonly damaged: number;
}

/**
 * Reads the framing of a file. Returns undefined if the file does not belong to this session, or can no longer be
 * recognized.
 *
 * @throws StoreError if a later version of this package wrote the file, which is not damage
 */
export async function readFraming(file: OpenFile, name: string): Promise<FoundFraming | undefined> {
  const bytes = Buffer.alloc(COPY_AT + FIELDS);
  const start = bytes.subarray(0, await file.read(bytes, 0));
  assertNotLater(start, name);
  const first = framingOfVersion1(name);
  if (start.subarray(0, ENVELOPE).equals(first.header)) return { framing: first, damaged: 0 };
  const framing = fieldsAt(start, 0, name) ?? copyOf(start, name);
  if (framing !== undefined) return { framing, damaged: start.equals(framing.header) ? 0 : start.length };
  const second = start.subarray(ENVELOPE, ENVELOPE + FRAME_HEADER_SIZE);
  return frameLength(second, first) === undefined ? undefined : { framing: first, damaged: ENVELOPE };
}

/**
 * Returns the length of the body that the frame's header announces; undefined if the bytes do not begin with a frame's
 * header.
 */
export function frameLength(bytes: Buffer, { mark, seed }: Framing): number | undefined {
  if (bytes.length < FRAME_HEADER_SIZE || bytes.readUInt32BE(0) !== mark) return undefined;
  return bytes.readUInt32BE(12) === crc32(bytes.subarray(0, 12), seed) ? bytes.readUInt32BE(4) : undefined;
}

function framingOf(mark: number, seed: number, name: string): Framing {
  const header = Buffer.alloc(COPY_AT + FIELDS);
  writeEnvelope(header, VERSION, name);
  header.writeUInt32BE(mark, ENVELOPE);
  header.writeUInt32BE(seed, ENVELOPE + 4);
  header.writeUInt32BE(crc32(header.subarray(0, FIELDS - 4), nameSeed(name)), FIELDS - 4);
  header.copyWithin(COPY_AT, 0, FIELDS);
  return { header, mark, seed, bodySeed: seed, isUnforgeable: true };
}

function framingOfVersion1(name: string): Framing {
  const header = Buffer.alloc(ENVELOPE);
  writeEnvelope(header, 1, name);
  return { header, mark: MARK_OF_VERSION_1, seed: nameSeed(name), bodySeed: 0, isUnforgeable: false };
}

function writeEnvelope(header: Buffer, version: number, name: string): void {
  header.set(MAGIC);
  header.writeUInt32BE(version, MAGIC.length);
  header.writeUInt32BE(crc32(header.subarray(0, ENVELOPE - 4), nameSeed(name)), ENVELOPE - 4);
}

function fieldsAt(start: Buffer, at: number, name: string): Framing | undefined {
  const fields = start.subarray(at, at + FIELDS);
  if (fields.length < FIELDS) return undefined;
  const framing = framingOf(fields.readUInt32BE(ENVELOPE), fields.readUInt32BE(ENVELOPE + 4), name);
  return framing.header.subarray(0, FIELDS).equals(fields) ? framing : undefined;
}

/**
 * There are zeros between a header and its copy. A file of version 1 has no copy, and may have a message in its place.
 */
function copyOf(start: Buffer, name: string): Framing | undefined {
  const between = start.subarray(FIELDS, COPY_AT);
  return between.every((byte) => byte === 0) ? fieldsAt(start, COPY_AT, name) : undefined;
}

function assertNotLater(start: Buffer, name: string): void {
  if (start.length < ENVELOPE || !start.subarray(0, MAGIC.length).equals(MAGIC)) return;
  if (start.readUInt32BE(ENVELOPE - 4) !== crc32(start.subarray(0, ENVELOPE - 4), nameSeed(name))) return;
  const version = start.readUInt32BE(MAGIC.length);
  if (version <= VERSION) return;
  throw new StoreError(
    "STORE_FAILED",
    `the file has version ${version}, but this store supports versions up to ${VERSION}; update @aiko/mqtt-store`,
  );
}

function nameSeed(name: string): number {
  return crc32(Buffer.from(name, "utf16le"));
}
