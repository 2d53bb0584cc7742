/**
 * The header of a session's file, and what it says of the frames behind it: the mark that they begin with, and the seed that their
 * checksums begin with. Knows nothing of what is in frames.
 *
 *     header   "AIKOMQTT", version (4 bytes), checksum of these twelve bytes (4), mark (4), seed (4), checksum of all this (4),
 *              zeros up to 4096, and the first 28 bytes once more
 *
 * Mark and seed are random, for each file: what a stranger sends becomes part of the file, and nothing in it may look like a frame.
 * Without them the file cannot be read, so they stand there twice, on different sectors. Integers are big-endian, checksums CRC-32; the
 * header's begin with the checksum of the session's name, so that no file is taken for another session's.
 *
 * Version 1 ended behind the first checksum. Its frames had the same mark in every file, and a seed that followed from the name.
 */

import { randomBytes } from "node:crypto";
import { StoreError } from "@aiko/mqtt";
import { crc32 } from "./crc32.js";
import type { OpenFile } from "./file-system.js";

/** Of a frame's header. */
export const FRAME_HEADER_SIZE = 16;
const VERSION = 2;
const MAGIC = Buffer.from("AIKOMQTT");
/** Bytes of the header that every version has. */
const ENVELOPE = 16;
const FIELDS = 28;
/** Where the fields stand once more: behind the largest sector that disks have. */
const COPY_AT = 4096;

const MARK_OF_VERSION_1 = 0x414b4a42;

/** How the frames of one file are distinguished from other bytes. */
export interface Framing {
  readonly header: Buffer;
  readonly mark: number;
  /** What the checksum of a frame's header begins with. */
  readonly seed: number;
  /** What the checksum of a frame's body begins with. */
  readonly bodySeed: number;
  /** Whether a frame can be found where no intact one leads to it: not if what a stranger sent can look like one. */
  readonly isUnforgeable: boolean;
}

/** For a new file. */
export function newFraming(name: string): Framing {
  const random = randomBytes(8);
  return framingOf(random.readUInt32BE(0), random.readUInt32BE(4), name);
}

/** What an existing file says, and how many bytes of its header are damaged. */
export interface FoundFraming {
  readonly framing: Framing;
  readonly damaged: number;
}

/**
 * Undefined if the file is not, or cannot be recognized any more as, a file of this session.
 *
 * @throws StoreError if a later version of this package wrote the file, which is no damage
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

/** The length of the body that the frame's header announces; undefined if the bytes do not begin with a frame's header. */
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

/** Between a header and its copy are zeros. In a file of version 1, which has no copy, a message may stand at its place. */
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
