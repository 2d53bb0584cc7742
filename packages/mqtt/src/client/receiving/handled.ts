/** A received message, as its subscriptions see it. */

import type { Message } from "./message.js";

/** Each subscription of the message calls one of its methods, once. */
export interface Handled {
  readonly message: Message;
  /** The size in bytes: the result of `held`, or the size without the buffer if `held` was not called. */
  readonly size: number;
  /** The payload's buffer: a chunk of received bytes, all of which stays in memory. */
  readonly buffer: ArrayBufferLike;
  /**
   * Returns the size in bytes while the message is held. It includes the whole buffer, unless the message that was held
   * before has the same one.
   *
   * @param before the buffer of that message
   */
  held(before: ArrayBufferLike | undefined): number;
  /** When the message began to wait, in the clock's milliseconds; 0 before. */
  since: number;
  /** The application has finished with it, or failed with this error. */
  finished(error?: unknown): void;
  /** The subscription failed before the application received the message. */
  returned(): void;
  /**
   * The application ended the subscription before it received the message. The message stays unacknowledged, so the
   * server redelivers it.
   */
  withheld(): void;
  /** The same, but the connection continues without the subscription. The message is reported and acknowledged. */
  disowned(): void;
  /** The application does not receive it: there is no room, or the application no longer takes messages. */
  refused(): void;
}

/** Returns whether the server waits for an acknowledgement. */
export function isAcknowledged({ message }: Handled): boolean {
  return message.qos > 0;
}
