/**
 * Notices a message that the peer leaves unacknowledged although it answers otherwise: PINGREQ, or messages sent later. Silence of every
 * kind is the keep-alive's to notice, and a slow link's is nobody's fault.
 */

import type { OutgoingMessage, OutgoingState } from "./outgoing-message.js";

/** The sender, as far as this is concerned. */
export interface Acknowledged {
  /** The message that has been in flight longest; undefined if none is. */
  readonly oldest: OutgoingMessage | undefined;
  /** A number that grows with each message that leaves those in flight. */
  readonly acknowledged: number;
}

interface Watched {
  readonly message: OutgoingMessage;
  readonly state: OutgoingState;
  readonly since: number;
  readonly acknowledged: number;
  /** Whether a PINGREQ sent after the message was answered: the peer has read it then. */
  read: boolean;
}

export class AcknowledgementWatch {
  private watched: Watched | undefined;

  /** @param patience milliseconds that a message may be unacknowledged, counted from the first `look` that sees it */
  constructor(private readonly patience: number) {}

  /** PINGRESP has come. */
  heard(): void {
    if (this.watched !== undefined) this.watched.read = true;
  }

  /** There is another connection, over which messages were sent again. */
  clear(): void {
    this.watched = undefined;
  }

  /** Returns the message that the peer should have acknowledged by now; undefined if there is none. Call it from time to time. */
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
