/**
 * What a session records of its messages, so that it continues after the process. The client's implementation is
 * SessionJournal; a server records the sessions of all clients together. Knows nothing of stores.
 */

import type { OutgoingMessage } from "../outgoing/outgoing-message.js";

/** Records the received QoS 2 messages of a session. */
export interface ReceivedMessages {
  /**
   * Returns the name of the message that is delivered or redelivered with this identifier; undefined if messages have no
   * names.
   */
  nameOf(packetIdentifier: number): string | undefined;
  /** Records that a message was received and not released. Called at each acknowledgement. */
  open(packetIdentifier: number): void;
  /** Records that the message is finished. Another message may have the identifier next. */
  close(packetIdentifier: number): void;
}

/** Records the messages of a session before packets that depend on them are sent. */
export interface MessageJournal {
  /** The received QoS 2 messages. */
  readonly incoming: ReceivedMessages;
  /** Records an outgoing message of QoS 1 or 2: it was queued, sent, or released. Called at each of these steps. */
  put(message: OutgoingMessage): void;
  /** Removes the record of an outgoing message, if it has one. */
  remove(message: OutgoingMessage): void;
}
