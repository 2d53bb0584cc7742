/**
 * The outbox of a server. When a limit is reached, its oldest QoS 0 messages are dropped for a new message of any QoS. A
 * message that still has no room is refused.
 */

import { DroppableMessages } from "./droppable-messages.js";
import { Outbox } from "./outbox.js";
import { messageSize, type OutgoingMessage } from "./outgoing-message.js";

export class ServerOutbox extends Outbox {
  /** Created for the first QoS 0 message that waits: most sessions have none. */
  private droppable: DroppableMessages | undefined;

  override add(message: OutgoingMessage, offline: boolean): boolean {
    const size = messageSize(message);
    if (!this.hasRoom(size)) this.makeRoom(size);
    if (!super.add(message, offline)) return false;
    if (message.qos > 0) return true;
    this.droppable ??= new DroppableMessages();
    this.droppable.add(message, size);
    return true;
  }

  override remove(message: OutgoingMessage): boolean {
    if (message.qos === 0) this.droppable?.delete(message, messageSize(message));
    return super.remove(message);
  }

  /** Drops all queued QoS 0 messages: their memory is needed. */
  dropQos0(): void {
    const { droppable } = this;
    for (let oldest = droppable?.oldest; oldest !== undefined; oldest = droppable?.oldest) this.drop(oldest);
  }

  /** Drops the oldest QoS 0 messages, if that makes enough room for a message of this size. */
  private makeRoom(size: number): void {
    const { droppable } = this;
    if (droppable === undefined) return;
    if (!this.hasRoom(size, this.length - droppable.count, this.bytes - droppable.bytes)) return;
    for (let { oldest } = droppable; oldest !== undefined && !this.hasRoom(size); oldest = droppable.oldest)
      this.drop(oldest);
  }
}
