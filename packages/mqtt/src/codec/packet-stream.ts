/** The decoder for packets of servers and clients. It can learn the protocol version from CONNECT. */

import { ProtocolError } from "../errors.js";
import { PROTOCOL_ERROR, UNSUPPORTED_PROTOCOL_VERSION } from "../reason-code.js";
import { readConnect } from "./connect-coder.js";
import { type Cursor, malformed } from "./cursor.js";
import type { RequestType } from "./decode.js";
import { readSubscribe, readUnsubscribe } from "./decode-requests.js";
import type { DecoderLimits } from "./limits.js";
import type { Packet, ProtocolVersion } from "./packets.js";
import { ServerPacketStream } from "./server-packet-stream.js";

const CONNECT = 1;

/**
 * Decodes the packets of clients and servers from bytes in any chunks. It can learn the protocol version from CONNECT.
 *
 * @example
 * const stream = new PacketStream("any");
 * stream.append(bytes);
 * for (let packet = stream.next(); packet !== undefined; packet = stream.next()) handle(packet);
 */
export class PacketStream extends ServerPacketStream {
  private learnt: boolean;

  /**
   * @param protocolVersion the version of the connection, or "any" for a server, which learns it from CONNECT
   * @param limits read again for each packet
   */
  constructor(protocolVersion: ProtocolVersion | "any", limits: DecoderLimits = {}) {
    super(protocolVersion === "any" ? 5 : protocolVersion, limits);
    this.learnt = protocolVersion !== "any";
  }

  /** The protocol version. "any" until a CONNECT arrives, even if the rest of it is malformed. */
  get version(): ProtocolVersion | "any" {
    return this.learnt ? this.protocolVersion : "any";
  }

  /** @internal */
  override readRequest(type: RequestType, flags: number, cursor: Cursor, version: ProtocolVersion): Packet {
    switch (type) {
      case "connect": {
        return readConnect(cursor, this.limits, (learnt) => {
          this.learn(learnt);
          if (flags !== 0 && learnt !== 3) throw malformed(`connect: flags ${flags} must be 0 [MQTT-2.2.2-2]`);
        });
      }
      case "subscribe":
        return readSubscribe(flags, cursor, version);
      case "unsubscribe":
        return readUnsubscribe(flags, cursor, version);
      case "pingreq":
        return { type };
    }
  }

  protected override get possible(): number {
    return ~0;
  }

  protected override expect(first: number): void {
    if (!this.learnt && first >> 4 !== CONNECT && first >> 4 !== 0) {
      throw new ProtocolError("PROTOCOL_ERROR", PROTOCOL_ERROR, "the first packet must be CONNECT [MQTT-3.1.0-1]");
    }
    // The version is in the packet, and 3.1 allows any flags here: they are checked with the version [MQTT31-24].
    super.expect(this.learnt || first >> 4 !== CONNECT ? first : CONNECT << 4);
  }

  private learn(version: ProtocolVersion): void {
    if (this.learnt && this.protocolVersion !== version) {
      throw new ProtocolError(
        "UNSUPPORTED_PROTOCOL_VERSION",
        UNSUPPORTED_PROTOCOL_VERSION,
        `connect: protocol version ${version} on a connection that uses version ${this.protocolVersion}`,
      );
    }
    this.protocolVersion = version;
    this.learnt = true;
  }
}
