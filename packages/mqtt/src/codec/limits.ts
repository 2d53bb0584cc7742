/** What a decoder accepts beyond the specification's own limits, and the limits of memory for a decoded packet. */

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

/** The most bytes of a packet that is not a PUBLISH. */
export const MAXIMUM_CONTROL_SIZE = 4_194_304;
/**
 * The most bytes of a packet's properties. Each may contain a text or data of 64 KiB, but a packet has few of those.
 */
export const MAXIMUM_PROPERTIES_SIZE = 1_048_576;
/** The most entries of a list in one packet: topic filters, reason codes, user properties, subscription identifiers. */
export const MAXIMUM_ENTRIES = 65_535;
