/** CONNECT, the gateway's questions for the will, and CONNACK [SN 6.2, 6.3]. */

import type { SnPacket } from "../packets.js";
import { type Exchange, FINISH, IGNORE, REPEAT, refused, type Step } from "./exchange.js";

/** The message that the gateway publishes when it loses the client. */
export interface Will {
  readonly topic: string;
  readonly message: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
}

export interface ConnectData {
  readonly clientId: string;
  readonly cleanSession: boolean;
  /** Seconds. */
  readonly keepAlive: number;
  readonly will: Will | undefined;
}

export class ConnectExchange implements Exchange {
  readonly what = "CONNECT";
  private stage: "connect" | "willTopic" | "willMessage" = "connect";

  constructor(private readonly data: ConnectData) {}

  begin(): Step {
    const { clientId, cleanSession, keepAlive, will } = this.data;
    const packet: SnPacket = {
      type: "connect",
      clientId,
      cleanSession,
      will: will !== undefined,
      protocolId: 1,
      duration: keepAlive,
    };
    return { to: "send", packet };
  }

  receive(packet: SnPacket): Step {
    const { will } = this.data;
    if (packet.type === "connack") {
      return packet.returnCode === 0 ? FINISH : refused("CONNECT_REFUSED", "the connection", packet.returnCode);
    }
    if (will === undefined) return IGNORE;
    if (packet.type === "willtopicreq") {
      if (this.stage === "willTopic") return REPEAT;
      if (this.stage === "willMessage") return IGNORE; // a late repetition: the gateway has asked for the message
      this.stage = "willTopic";
      return { to: "send", packet: { type: "willtopic", will } };
    }
    if (packet.type === "willmsgreq") {
      if (this.stage === "willMessage") return REPEAT;
      this.stage = "willMessage";
      return { to: "send", packet: { type: "willmsg", message: will.message } };
    }
    return IGNORE;
  }
}
