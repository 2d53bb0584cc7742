/**
 * QoS 0 messages that are encoded and not yet with the transport, by the take of the output buffer that they leave with: all that
 * leave with one take have one outcome, so that one message may stand for many.
 */

import type { OutgoingMessage } from "./outgoing-message.js";

export class Unflushed {
  /** What leaves with take number `take`, the latest; and what leaves or has left with those before. */
  private latest: OutgoingMessage[] = [];
  private earlier: OutgoingMessage[] = [];
  private take = -1;
  /** What stands for messages without objects of their own that leave with the latest take. */
  private group: OutgoingMessage | undefined;
  private count = 0;

  /** How many messages there are, those included that another stands for. */
  get length(): number {
    return this.count;
  }

  /** The message leaves with this take; never one before the last that was named. */
  add(message: OutgoingMessage, take: number): void {
    this.reach(take);
    this.latest.push(message);
    this.count++;
  }

  /**
   * A message without an object of its own leaves with this take. Returns what stands for it.
   *
   * @param newGroup makes that if there is nothing yet, given the topic of the first
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

  /** Takes out those that left with takes before this one. */
  takeBefore(take: number): readonly OutgoingMessage[] {
    this.reach(take);
    const { earlier } = this;
    this.earlier = [];
    for (const message of earlier) this.count -= message.count;
    return earlier;
  }

  /**
   * Takes all out: there is no connection any more, and the next counts its takes anew.
   *
   * @param take the latest take of the output buffer: what left with one before may have arrived
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
