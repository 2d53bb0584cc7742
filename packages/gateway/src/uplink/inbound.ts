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

/** A topic whose messages are heard, but not those that are retained: they say nothing new. */
export interface Watched {
  readonly topic: string;
  heard(payload: string): void;
}

export function watchInbound({ topic, heard }: Watched): Inbound {
  return {
    filter: topic,
    qos: 1,
    concurrency: 1,
    async handle(message) {
      if (!message.retain) heard(message.text());
    },
  };
}
