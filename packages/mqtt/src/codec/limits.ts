/** What a decoder accepts beyond the specification's own limits, and the bounds that keep a packet from growing when it is decoded. */

import { type PacketType, packetTypes } from "./packets.js";

export interface DecoderLimits {
  /**
   * The longest packet in bytes, header included; a longer one is refused as soon as its length is known, before memory
   * is taken for it. Default 268,435,460, the protocol's own limit. A packet other than PUBLISH has at most 4,194,304 bytes in any case.
   */
  maximumPacketSize?: number | undefined;
  /** Takes client identifiers of more than 23 characters on MQTT 3.1, as most servers do. Default false [MQTT31-6]. */
  longClientIdentifiers?: boolean | undefined;
  /** The packet types that may come now, by `packetTypeBits`; any other is refused by its first byte. Default: all. */
  expected?: number | undefined;
}

/** Packet types as bits, for `DecoderLimits.expected`. */
export function packetTypeBits(...types: readonly PacketType[]): number {
  return types.reduce((bits, type) => bits | (1 << packetTypes.indexOf(type)), 0);
}

/** Bytes of the longest packet that is no PUBLISH. */
export const MAXIMUM_CONTROL_SIZE = 4_194_304;
/** Bytes of a packet's properties. Each of them may have a text or data of 64 KiB, and there are few of those. */
export const MAXIMUM_PROPERTIES_SIZE = 1_048_576;
/** Entries of a list in one packet: topic filters, reason codes, user properties, subscription identifiers. */
export const MAXIMUM_ENTRIES = 65_535;
