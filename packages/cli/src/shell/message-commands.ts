/** What `sub --exec` does with messages: it runs a command for each of them. */

import { type Client, type Message, platform } from "@aiko/mqtt";
import type { Terminal } from "../terminal.js";
import type { ExecSettings } from "./exec-options.js";
import { Execution } from "./execution.js";
import type { Received } from "./message-json.js";
import { runFor } from "./message-process.js";
import type { Destination } from "./reception.js";

/** The bytes that a command receives for a message. */
type Content = (message: Message, received: Received) => Uint8Array;

interface Item {
  readonly message: Message;
  readonly content: Uint8Array;
}

export class MessageCommands implements Destination {
  readonly countsWhenDone = true;
  /** How many may run at the same time. */
  readonly concurrency: number;
  private readonly execution: Execution<Item>;
  private isDropping = false;

  constructor(
    settings: ExecSettings,
    private readonly contentOf: Content,
    private readonly terminal: Terminal,
  ) {
    const { environment } = terminal;
    this.concurrency = settings.concurrency;
    this.execution = new Execution(
      settings,
      ({ message, content }, attempt, abandoned) =>
        runFor(message, content, attempt, { ...settings, environment }, abandoned),
      platform,
      (line) => terminal.note(line),
    );
  }

  /** Rejects if a message failed too often. Never resolves. */
  get failed(): Promise<never> {
    return this.execution.failed;
  }

  deliver(message: Message, received: Received): Promise<void> {
    const content = this.contentOf(message, received);
    return this.execution.handle({ message, content }, `topic "${message.topic}"`);
  }

  /** Reports messages that the client drops, because commands are slower than messages of QoS 0. */
  watch(client: Client): void {
    client.on("dropped", () => {
      if (!this.isDropping) this.terminal.note("messages of QoS 0 are dropped, because the commands are too slow");
      this.isDropping = true;
    });
  }

  /** See `Execution.end`. */
  end(): Promise<void> {
    return this.execution.end();
  }
}
