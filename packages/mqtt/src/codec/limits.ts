/** What a decoder accepts beyond the specification's own limits, and the bounds that keep a packet from growing when it is decoded. */

import { type PacketType, packetTypes } from "./packets.js";

/** Limits of the decoder, in addition to those of the specification. */
export interface DecoderLimits {
  /**
   * The longest packet in bytes, including the header, up to 268,435,460 (default), the limit of the protocol. A longer
   * packet is refused when its length is known, before memory is allocated. Packets other than PUBLISH have at most
   * 4,194,304 bytes in any case.
   */
  maximumPacketSize?: number | undefined;
  /**
   * Whether to accept client identifiers of more than 23 characters on MQTT 3.1, as most servers do. Default false
   * [MQTT31-6].
   */
  longClientIdentifiers?: boolean | undefined;
  /**
   * The packet types that may arrive now, as made by `packetTypeBits`. Any other packet is refused by its first byte.
   * Default: all.
   */
  expected?: number | undefined;
}

/**
 * Returns packet types as a set of bits, for `DecoderLimits.expected`.
 *
 * @example packetTypeBits("connect", "auth")
 */
export function packetTypeBits(...types: readonly PacketType[]): number {
  return types.reduce((bits, type) => bits | (1 << packetTypes.indexOf(type)), 0);
}

/** Bytes of the longest packet that is no PUBLISH. */
export const MAXIMUM_CONTROL_SIZE = 4_194_304;
/** Bytes of a packet's properties. Each of them may have a text or data of 64 KiB, and there are few of those. */
export const MAXIMUM_PROPERTIES_SIZE = 1_048_576;
/** Entries of a list in one packet: topic filters, reason codes, user properties, subscription identifiers. */
export const MAXIMUM_ENTRIES = 65_535;
