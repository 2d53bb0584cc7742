// Owns the ways in which tests pass bytes to a PacketStream, and the errors that they catch.

import { type DecoderLimits, type Packet, PacketStream, type ProtocolVersion } from "@aiko/mqtt/codec";
import { ProtocolError } from "../../src/errors.ts";

export type Version = ProtocolVersion | "any";

/** All packets of these chunks, pushed one after the other. */
export function decodeChunks(version: Version, chunks: Iterable<Uint8Array>, limits?: DecoderLimits): Packet[] {
  const stream = new PacketStream(version, limits);
  const packets: Packet[] = [];
  for (const chunk of chunks) packets.push(...stream.push(chunk));
  return packets;
}

/** The only packet in `bytes`. */
export function decodeOne(version: Version, bytes: Uint8Array, limits?: DecoderLimits): Packet {
  const packets = decodeChunks(version, [bytes], limits);
  const [packet] = packets;
  if (packet === undefined || packets.length > 1) throw new Error(`expected one packet, got ${packets.length}`);
  return packet;
}

/** The error that these chunks cause: a ProtocolError, or whatever was thrown instead. */
export function faultOf(version: Version, chunks: Iterable<Uint8Array>, limits?: DecoderLimits): ProtocolError {
  try {
    const packets = decodeChunks(version, chunks, limits);
    throw new Error(`no fault, but ${packets.length} packets: ${packets.map(({ type }) => type).join(", ")}`);
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
}

export function* byteByByte(bytes: Uint8Array): Generator<Uint8Array> {
  for (let i = 0; i < bytes.length; i++) yield bytes.subarray(i, i + 1);
}

export function concatenation(chunks: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(chunks));
}

/** `bytes` split at the given positions, which may be in any order and may repeat. */
export function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [0, ...[...places].sort((a, b) => a - b), bytes.length];
  return sorted.slice(1).map((end, i) => bytes.subarray(sorted[i], end));
}
