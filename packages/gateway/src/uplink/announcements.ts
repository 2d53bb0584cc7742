/**
 * Publishes the gateway's own state: retained, the latest of each topic, a bounded number at a time. Knows nothing of what it says, and keeps
 * nothing when there is no connection: all of it is announced anew on the next one.
 */

/** A retained message of the gateway itself. */
export interface Announcement {
  readonly topic: string;
  /** "": removes the retained message. */
  readonly payload: string;
  /**
   * Called when the outcome is known, if that matters. Then the message has QoS 1. Otherwise it has QoS 0, so that it is not sent again on the
   * next connection: each connection that fails would add to the messages in flight.
   */
  readonly done?: (isPublished: boolean) => void;
}

/** Messages at a time. */
const MOST_AT_A_TIME = 50;

export class Announcements {
  /** What is still to come of all that is announced on a new connection. */
  private rest: Iterator<Announcement> | undefined;
  private readonly waiting = new Map<string, Announcement>();
  private atATime = 0;
  /** Called when all has been announced. */
  private finished: (() => void) | undefined;

  /** @param publish rejects if there is no connection any more */
  constructor(private readonly publish: (announcement: Announcement) => Promise<unknown>) {}

  /** Whether what is announced on a new connection is not yet published. */
  get isRunning(): boolean {
    return this.finished !== undefined;
  }

  /** A connection was established. @param finished called when all was published, unless the connection is lost before */
  begin(all: Iterable<Announcement>, finished: () => void): void {
    this.waiting.clear();
    this.rest = all[Symbol.iterator]();
    this.finished = finished;
    this.pump();
  }

  /** The connection was lost. */
  end(): void {
    for (const { done } of this.waiting.values()) done?.(false);
    this.waiting.clear();
    this.rest = undefined;
    this.finished = undefined;
  }

  /** Something has changed while there is a connection. */
  add(announcement: Announcement): void {
    this.waiting.get(announcement.topic)?.done?.(false);
    this.waiting.set(announcement.topic, announcement);
    this.pump();
  }

  private pump(): void {
    while (this.atATime < MOST_AT_A_TIME) {
      const next = this.next();
      if (next === undefined) break;
      this.atATime++;
      const over = (isPublished: boolean): void => {
        this.atATime--;
        next.done?.(isPublished);
        this.pump();
      };
      this.publish(next).then(
        () => over(true),
        () => over(false),
      );
    }
    if (this.rest !== undefined || this.finished === undefined) return;
    const { finished } = this;
    this.finished = undefined;
    finished();
  }

  /** What was read of all there is comes before what has changed since. */
  private next(): Announcement | undefined {
    const found = this.rest?.next();
    if (found !== undefined && found.done !== true) return found.value;
    this.rest = undefined;
    for (const [topic, first] of this.waiting) {
      this.waiting.delete(topic);
      return first;
    }
    return undefined;
  }
}
