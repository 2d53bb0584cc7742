/**
 * Decodes nothing while it is held. What a client sends after CONNECT waits as bytes, which take less memory than
 * packets.
 */

import { type Packet, PacketStream } from "@aiko/mqtt/codec";

export class HeldPacketStream extends PacketStream {
  held = false;

  override next(): Packet | undefined {
    return this.held ? undefined : super.next();
  }
}
