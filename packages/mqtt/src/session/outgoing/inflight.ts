/**
 * The messages in flight of one side. They are found by packet identifier, and listed in the order in which they were
 * first sent.
 */

import { messageSize, type OutgoingMessage } from "./outgoing-message.js";

export class Inflight {
  /** Indexed by packet identifier. Identifiers ascend from 1, so that the table is only as large as the highest one. */
  private readonly table: (OutgoingMessage | undefined)[] = [];
  private count = 0;
  private size = 0;
  private sent = 0;

  get length(): number {
    return this.count;
  }

  /** The bytes of topics, payloads and properties. */
  get bytes(): number {
    return this.size;
  }

  /** How many messages were removed so far. */
  get gone(): number {
    return this.sent - this.count;
  }

  /** The message that was sent first; undefined if there is none. */
  get oldest(): OutgoingMessage | undefined {
    let oldest: OutgoingMessage | undefined;
    for (const message of this.table) if (message && !(oldest && oldest.order < message.order)) oldest = message;
    return oldest;
  }

  get(packetIdentifier: number): OutgoingMessage | undefined {
    return this.table[packetIdentifier];
  }

  /** Adds a message after all others. */
  add(message: OutgoingMessage): void {
    const { packetIdentifier } = message;
    while (this.table.length <= packetIdentifier) this.table.push(undefined);
    this.table[packetIdentifier] = message;
    message.order = ++this.sent;
    this.count++;
    this.size += messageSize(message);
  }

  delete(message: OutgoingMessage): void {
    if (this.table[message.packetIdentifier] !== message) return;
    this.table[message.packetIdentifier] = undefined;
    this.count--;
    this.size -= messageSize(message);
  }

  clear(): void {
    this.table.length = 0;
    this.count = 0;
    this.size = 0;
  }

  inOrder(): OutgoingMessage[] {
    const messages: OutgoingMessage[] = [];
    for (const message of this.table) if (message !== undefined) messages.push(message);
    return messages.sort((one, other) => one.order - other.order);
  }
}
