/**
 * Decodes nothing while it is held. What a client sends after CONNECT, or while the application decides about a packet,
 * waits as bytes, which take less memory than packets.
 */

import { type Packet, PacketStream } from "@aiko/mqtt/codec";

export class HeldPacketStream extends PacketStream {
  held = false;
  /** How many decisions of the application are open. */
  decisions = 0;

  get isHeld(): boolean {
    return this.held || this.decisions > 0;
  }

  override next(): Packet | undefined {
    return this.isHeld ? undefined : super.next();
  }
}
