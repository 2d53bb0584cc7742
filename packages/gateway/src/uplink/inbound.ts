/** What the gateway receives from the server: the messages of one filter. */

import type { Message } from "@aiko/mqtt";

export interface Inbound {
  readonly filter: string;
  readonly qos: 0 | 1 | 2;
  /** Messages that are handled at a time. */
  readonly concurrency: number;
  /** Handles a message. It is acknowledged when the promise resolves. */
  handle(message: Message): Promise<void>;
}
