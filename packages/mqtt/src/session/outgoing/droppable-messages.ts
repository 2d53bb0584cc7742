/** The QoS 0 messages in a server's outbox, oldest first: those that are dropped when there is no room for others. */

import { Queue } from "../queue.js";
import type { OutgoingMessage } from "./outgoing-message.js";

export class DroppableMessages {
  /** May contain messages that have left the outbox; never as the first one. */
  private readonly queue = new Queue<OutgoingMessage>();
  private readonly present = new Set<OutgoingMessage>();
  private size = 0;

  get count(): number {
    return this.present.size;
  }

  get bytes(): number {
    return this.size;
  }

  get oldest(): OutgoingMessage | undefined {
    return this.queue.peek();
  }

  add(message: OutgoingMessage, size: number): void {
    this.queue.push(message);
    this.present.add(message);
    this.size += size;
  }

  delete(message: OutgoingMessage, size: number): void {
    if (!this.present.delete(message)) return;
    this.size -= size;
    for (let first = this.queue.peek(); first !== undefined && !this.present.has(first); first = this.queue.peek())
      this.queue.shift();
  }
}
