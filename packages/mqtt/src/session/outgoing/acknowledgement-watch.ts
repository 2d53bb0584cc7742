/**
 * Detects a message that the peer does not acknowledge although it answers otherwise: PINGREQ, or messages sent later.
 * The keep-alive detects a silent peer; a slow link is not an error.
 */

import type { OutgoingMessage, OutgoingState } from "./outgoing-message.js";

/** What the watch needs of the sender. */
export interface Acknowledged {
  /** The oldest message in flight; undefined if there is none. */
  readonly oldest: OutgoingMessage | undefined;
  /** A counter that grows with each message that is no longer in flight. */
  readonly acknowledged: number;
}

interface Watched {
  readonly message: OutgoingMessage;
  readonly state: OutgoingState;
  readonly since: number;
  readonly acknowledged: number;
  /** Whether a PINGREQ sent after the message was answered, so that the peer has read the message. */
  read: boolean;
}

export class AcknowledgementWatch {
  private watched: Watched | undefined;

  /** @param patience milliseconds that a message may be unacknowledged, counted from the first `look` that sees it */
  constructor(private readonly patience: number) {}

  /** Called when PINGRESP is received. */
  heard(): void {
    if (this.watched !== undefined) this.watched.read = true;
  }

  /** Called for a new connection, on which messages are resent. */
  clear(): void {
    this.watched = undefined;
  }

  /**
   * Returns the message that the peer should have acknowledged by now; undefined if there is none. Call it
   * periodically.
   */
  look({ oldest, acknowledged }: Acknowledged, now: number): OutgoingMessage | undefined {
    const { watched } = this;
    if (oldest === undefined || watched?.message !== oldest || watched.state !== oldest.state) {
      this.watched = oldest && { message: oldest, state: oldest.state, since: now, acknowledged, read: false };
      return undefined;
    }
    const answers = watched.read || acknowledged > watched.acknowledged;
    return answers && now - watched.since >= this.patience ? oldest : undefined;
  }
}
