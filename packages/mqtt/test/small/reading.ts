// Owns the ways in which tests pass bytes to the small client's PacketReader, and the errors that they catch.

import { ProtocolError } from "../../src/errors.ts";
import { PacketReader, type ServerPacket } from "../../src/small/packet-reader.ts";
import type { MalformedVector, ValidVector } from "../codec/vectors.ts";

export type SmallVersion = 4 | 5;

const LONGEST = 268_435_460;
const CONNACK = 2;

/** Whether a server of a version that the small client supports may send this. */
export function isForSmallClients<V extends ValidVector | MalformedVector>(
  vector: V,
): vector is V & { readonly version: SmallVersion } {
  return vector.version !== 3 && vector.direction !== "c2s";
}

/** A reader for bytes after CONNACK, or starting with CONNACK. */
export function readerFor(version: SmallVersion, first: Uint8Array | undefined, most = LONGEST): PacketReader {
  const reader = new PacketReader(version, most);
  if ((first?.[0] ?? 0) >> 4 === CONNACK) return reader;
  reader.append(version === 5 ? Uint8Array.of(0x20, 3, 0, 0, 0) : Uint8Array.of(0x20, 2, 0, 0));
  reader.next();
  return reader;
}

/** All packets of these chunks, passed one after the other. */
export function readChunks(version: SmallVersion, chunks: Iterable<Uint8Array>, most = LONGEST): ServerPacket[] {
  let reader: PacketReader | undefined;
  const packets: ServerPacket[] = [];
  for (const chunk of chunks) {
    if (chunk.length === 0) continue;
    reader ??= readerFor(version, chunk, most);
    reader.append(chunk);
    for (let packet = reader.next(); packet !== undefined; packet = reader.next()) packets.push(packet);
  }
  return packets;
}

/** The error that these chunks cause: a ProtocolError, or whatever was thrown instead. */
export function readFault(version: SmallVersion, chunks: Iterable<Uint8Array>, most = LONGEST): ProtocolError {
  try {
    const packets = readChunks(version, chunks, most);
    throw new Error(`no fault, but ${packets.length} packets: ${packets.map(({ type }) => type).join(", ")}`);
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
}
