/** The packet identifiers of received messages, which a message itself does not have. */

import type { Client, Message } from "@aiko/mqtt";

export class ReceivedIdentifiers {
  private readonly waiting: number[] = [];

  constructor(client: Client) {
    client.on("packet", (packet) => {
      if (packet.type === "publish" && packet.qos > 0) this.waiting.push(packet.packetIdentifier);
    });
  }

  /** Returns the identifier of the next message. Messages are handled in the order in which they arrived. */
  next({ qos }: Message): number {
    return qos === 0 ? 0 : (this.waiting.shift() ?? 0);
  }
}
