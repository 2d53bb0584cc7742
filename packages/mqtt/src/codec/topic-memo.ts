/** The topic name that was written last, as bytes. A client that publishes to one topic repeatedly encodes it once. */

import { utf8Length, writeUtf8 } from "../platform/text.js";

/** Remembers the topic name that was written last, as bytes, so that repeated publishes to one topic encode it once. */
export class TopicMemo {
  private topic: string | undefined;
  private bytes: Uint8Array | undefined;

  /** Returns whether this name was written at least twice in a row. It then needs no further check. */
  holds(topic: string): boolean {
    return topic === this.topic && this.bytes !== undefined;
  }

  /** Returns the name as in a packet, with its length. Returns undefined if the previous call had another name. */
  bytesOf(topic: string): Uint8Array | undefined {
    if (topic !== this.topic) {
      this.topic = topic;
      this.bytes = undefined;
      return undefined;
    }
    this.bytes ??= encoded(topic);
    return this.bytes;
  }
}

function encoded(topic: string): Uint8Array {
  const length = utf8Length(topic);
  const bytes = new Uint8Array(2 + length);
  bytes[0] = length >>> 8;
  bytes[1] = length;
  writeUtf8(topic, bytes, 2);
  return bytes;
}
