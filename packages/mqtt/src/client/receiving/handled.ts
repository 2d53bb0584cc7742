/** A message on its way to the application, as the subscriptions that it is for see it. */

import type { Message } from "./message.js";

/** Each subscription that the message is for calls one of its methods, once. */
export interface Handled {
  readonly message: Message;
  /** What it takes, in bytes: what `held` said, or without what its payload keeps in memory. */
  readonly size: number;
  /** The payload's buffer: what came over the network at a time, all of which is kept in memory. */
  readonly buffer: ArrayBufferLike;
  /**
   * What it takes while it is held, in bytes, with all of its buffer, unless that is the one of the message that was held before it.
   *
   * @param before that message's buffer
   */
  held(before: ArrayBufferLike | undefined): number;
  /** When it began to wait, in the clock's milliseconds; 0 while it has not. */
  since: number;
  /** The application is done with it, or failed with this error. */
  finished(error?: unknown): void;
  /** The subscription came to nothing before its application saw the message. */
  returned(): void;
  /** The application ended the subscription before it saw the message, which stays unacknowledged: the server sends it again. */
  withheld(): void;
  /** The same, and the connection goes on without the subscription: the message is reported and acknowledged. */
  disowned(): void;
  /** The application does not get it: there is no room, or nobody takes it any more. */
  refused(): void;
}

/** Whether the server waits for its acknowledgement. */
export function isAcknowledged({ message }: Handled): boolean {
  return message.qos > 0;
}
