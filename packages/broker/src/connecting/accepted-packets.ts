/** Which packets a client accepts, by its CONNECT: their size, and what they may contain [MQTT5-3.1.2-24]. */

import { type ConnectPacket, encode, type Packet, type ProtocolVersion } from "@aiko/mqtt/codec";
import { PROTOCOL_MAXIMUM } from "../options/broker-options.js";

/** A packet that ends a connection, or continues an authentication. */
type WithProperties = Extract<Packet, { type: "connack" | "disconnect" | "auth" }>;

export class AcceptedPackets {
  readonly version: ProtocolVersion;
  /** In bytes. */
  private readonly maximum: number;
  private readonly wantsProblemInformation: boolean;

  constructor({ protocolVersion, properties }: ConnectPacket) {
    this.version = protocolVersion;
    this.maximum = properties?.maximumPacketSize ?? PROTOCOL_MAXIMUM;
    this.wantsProblemInformation = properties?.requestProblemInformation ?? true;
  }

  /**
   * Returns the bytes of the packet. If they are too many, leaves out reason string and user properties, and then the
   * server reference. Does the same if the application set one that is not valid. Undefined if nothing helps.
   */
  fitting(packet: WithProperties): Uint8Array | undefined {
    const { properties } = packet;
    if (properties === undefined) return this.encoded(packet);
    const short = { ...properties, reasonString: undefined, userProperties: undefined };
    return (
      (this.wantsProblemInformation ? this.encoded(packet) : undefined) ??
      this.encoded({ ...packet, properties: short } as WithProperties) ??
      this.encoded({ ...packet, properties: { ...short, serverReference: undefined } } as WithProperties)
    );
  }

  private encoded(packet: Packet): Uint8Array | undefined {
    try {
      const bytes = encode(packet, this.version);
      return bytes.length <= this.maximum ? bytes : undefined;
    } catch {
      return undefined;
    }
  }
}
