/** A new will, or none, during a session: WILLTOPICUPD and WILLMSGUPD, one after the other [SN 6.4]. */

import type { SnPacket } from "../packets.js";
import type { Will } from "./connect-exchange.js";
import { type Exchange, FINISH, IGNORE, refused, type Step } from "./exchange.js";

export class WillExchange implements Exchange {
  readonly what = "the new will";
  private isAtMessage = false;

  /** @param will undefined removes the will */
  constructor(private readonly will: Will | undefined) {}

  begin(): Step {
    return { to: "send", packet: { type: "willtopicupd", will: this.will } };
  }

  receive(packet: SnPacket): Step {
    const { will } = this;
    if (packet.type !== (this.isAtMessage ? "willmsgresp" : "willtopicresp")) return IGNORE;
    const { returnCode } = packet as { readonly returnCode: number };
    if (returnCode !== 0) return refused("PUBLISH_REFUSED", this.what, returnCode);
    if (this.isAtMessage || will === undefined) return FINISH;
    this.isAtMessage = true;
    return { to: "send", packet: { type: "willmsgupd", message: will.message } };
  }
}
