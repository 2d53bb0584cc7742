/** The messages of one side that are on their way: found by packet identifier, and told in the order they were first sent. */

import { messageSize, type OutgoingMessage } from "./outgoing-message.js";

export class Inflight {
  /** By packet identifier: these ascend from 1, so that a table is as small as the identifiers are. */
  private readonly table: (OutgoingMessage | undefined)[] = [];
  private count = 0;
  private size = 0;
  private sent = 0;

  get length(): number {
    return this.count;
  }

  /** Of topics, payloads and properties. */
  get bytes(): number {
    return this.size;
  }

  /** How many were here and are not any more. */
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

  /** Behind all that are there. */
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
