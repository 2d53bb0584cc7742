/** What `sub` prints for a message: its payload, its topic too, a format or JSON. Knows nothing of the connection. */

import type { Message } from "@aiko/mqtt";
import { escapedBytes } from "../escaped-bytes.js";
import { joined, MessageFormat } from "./message-format.js";
import type { Received } from "./message-json.js";
import { recordOf } from "./record.js";

export interface PrinterOptions {
  /** What is printed. */
  readonly as: "payload" | "topic and payload" | "json" | { readonly format: string; readonly pretty: boolean };
  /** Whether a line feed follows. */
  readonly endsLines: boolean;
  /** Whether the output is a terminal, which control characters could control. */
  readonly forScreen: boolean;
  /** Reports a message that cannot be printed. */
  note(line: string): void;
}

const encoder = new TextEncoder();
const LINE_FEED = Uint8Array.of(0x0a);
const SPACE = Uint8Array.of(0x20);
const NULL = encoder.encode("(null)");

export class MessagePrinter {
  private readonly format: MessageFormat | undefined;

  /** @throws ArgumentError if the format is not valid */
  constructor(private readonly options: PrinterOptions) {
    const { as, note } = options;
    if (typeof as === "string") return;
    const notJson = (topic: string): void => note(`the payload of a message with the topic "${topic}" is not JSON`);
    this.format = new MessageFormat(as.format, { pretty: as.pretty, notJson });
  }

  /** Returns the bytes to print, or undefined if nothing is printed: an empty payload alone is not a line. */
  print(message: Message, received: Received): Uint8Array | undefined {
    const { endsLines, forScreen } = this.options;
    const line = this.line(message, received);
    if (line === undefined) return undefined;
    const shown = forScreen ? escapedBytes(line, true) : line;
    return endsLines ? joined([shown, LINE_FEED]) : shown;
  }

  private line(message: Message, received: Received): Uint8Array | undefined {
    const { topic, payload } = message;
    const { as } = this.options;
    if (as === "json") return encoder.encode(recordOf(message, received.at));
    if (as === "payload") return payload.length === 0 ? undefined : payload;
    if (this.format === undefined) return joined([encoder.encode(topic), SPACE, payload.length === 0 ? NULL : payload]);
    return this.format.print(message, received);
  }
}
