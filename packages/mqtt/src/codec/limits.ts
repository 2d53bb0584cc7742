/** What a decoder accepts beyond the specification's own limits. */

export interface DecoderLimits {
  /**
   * The longest packet in bytes, header included; a longer one is refused as soon as its length is known, before memory
   * is taken for it. Default 268,435,460, the protocol's own limit.
   */
  maximumPacketSize?: number | undefined;
  /** Takes client identifiers of more than 23 characters on MQTT 3.1, as most servers do. Default false [MQTT31-6]. */
  longClientIdentifiers?: boolean | undefined;
}
