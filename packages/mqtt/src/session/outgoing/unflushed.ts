/**
 * QoS 0 messages that are encoded and not passed to the transport yet, grouped by the take of the output buffer that
 * contains them. All messages of one take have one outcome, so that one object may represent many.
 */

import type { OutgoingMessage } from "./outgoing-message.js";

export class Unflushed {
  /** Messages in the latest take, number `take`. `earlier` contains those of earlier takes. */
  private latest: OutgoingMessage[] = [];
  private earlier: OutgoingMessage[] = [];
  private take = -1;
  /** The object that represents messages without their own object in the latest take. */
  private group: OutgoingMessage | undefined;
  private count = 0;

  /** The number of messages, including those that another object represents. */
  get length(): number {
    return this.count;
  }

  /** Adds a message to this take, which must not be earlier than the last one. */
  add(message: OutgoingMessage, take: number): void {
    this.reach(take);
    this.latest.push(message);
    this.count++;
  }

  /**
   * Adds a message without its own object to this take. Returns the object that represents it.
   *
   * @param newGroup creates that object if there is none yet, given the topic of the first message
   */
  join(take: number, topic: string, newGroup: (topic: string) => OutgoingMessage): OutgoingMessage {
    this.reach(take);
    if (this.group === undefined) {
      this.group = newGroup(topic);
      this.latest.push(this.group);
    } else {
      this.group.count++;
    }
    this.count++;
    return this.group;
  }

  /** Removes and returns the messages of takes before this one. */
  takeBefore(take: number): readonly OutgoingMessage[] {
    this.reach(take);
    const { earlier } = this;
    this.earlier = [];
    for (const message of earlier) this.count -= message.count;
    return earlier;
  }

  /**
   * Removes and returns all messages: the connection is lost, and the next one counts its takes from 0.
   *
   * @param take the latest take of the output buffer. Messages of earlier takes may have arrived
   */
  drain(take: number): readonly OutgoingMessage[] {
    const left = this.takeBefore(take);
    for (const message of left) message.mayHaveArrived = true;
    const all = [...left, ...this.takeBefore(Infinity)];
    this.take = -1;
    return all;
  }

  private reach(take: number): void {
    if (take === this.take) return;
    this.take = take;
    this.group = undefined;
    if (this.latest.length === 0) return;
    this.earlier = this.earlier.length === 0 ? this.latest : [...this.earlier, ...this.latest];
    this.latest = [];
  }
}
