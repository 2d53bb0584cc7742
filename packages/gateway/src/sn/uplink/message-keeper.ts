/**
 * Keeps messages for SN clients in a store until they are delivered: their server has acknowledged them already. Knows no
 * subscription.
 */

import type { StoreChange, StoredSession, StoreRecord } from "@aiko/mqtt";
import { readUtf8, utf8Bytes } from "../../text/utf8.js";
import type { SnDelivery, SnMessage } from "../gateway/sn-uplink.js";

/** A message that an earlier process has kept. */
export interface KeptMessage {
  readonly key: number;
  readonly clientId: string;
  readonly message: SnMessage;
}

/** Bit 2 of the flags; bits 0 and 1 are the QoS. */
const RETAIN = 4;
/** Flags, and the lengths of identifier and topic. */
const HEADER = 5;

export class MessageKeeper {
  private last: number;
  private changes: StoreChange[] = [];
  private writing: Promise<void> | undefined;
  private next: Promise<void> | undefined;

  /**
   * @param records what the session has
   * @param failed is called with each error of the store
   */
  constructor(
    private readonly session: StoredSession,
    records: readonly StoreRecord[],
    private readonly failed: (error: unknown) => void,
  ) {
    this.last = records.at(-1)?.key ?? 0;
  }

  /** Keeps a message until it is delivered. Resolves when it would survive a crash. Never rejects. */
  async add(clientId: string, message: SnMessage, delivered: Promise<SnDelivery>): Promise<void> {
    const key = ++this.last;
    this.removeAfter(key, delivered);
    this.changes.push({ key, value: bytesOf(clientId, message) });
    await this.write();
  }

  /** Removes a kept message when it is delivered. */
  removeAfter(key: number, delivered: Promise<SnDelivery>): void {
    void delivered.then(() => {
      this.changes.push({ key, value: undefined });
      return this.write();
    });
  }

  /** Resolves when all is written. */
  async close(): Promise<void> {
    await this.write();
    await this.session.close();
  }

  /** What comes while something is being written is written together after that. */
  private write(): Promise<void> {
    this.next ??= (this.writing ?? Promise.resolve()).then(() => {
      this.next = undefined;
      this.writing = this.writeAll();
      return this.writing;
    });
    return this.next;
  }

  private async writeAll(): Promise<void> {
    const changes = this.changes.splice(0);
    if (changes.length === 0) return;
    try {
      await this.session.write(changes);
    } catch (error) {
      this.failed(error);
    }
  }
}

/** Returns the message of a record. Undefined if it is not one. */
export function keptMessage({ key, value }: StoreRecord): KeptMessage | undefined {
  if (value.length < HEADER) return undefined;
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const flags = view.getUint8(0);
  const [idEnd, topicEnd] = [HEADER + view.getUint16(1), HEADER + view.getUint16(1) + view.getUint16(3)];
  const [clientId, topic] = [readUtf8(value, HEADER, idEnd), readUtf8(value, idEnd, topicEnd)];
  if (typeof clientId !== "string" || typeof topic !== "string" || topicEnd > value.length) return undefined;
  const payload = value.slice(topicEnd);
  const qos = Math.min(2, flags & 3) as 0 | 1 | 2;
  return { key, clientId, message: { topic, payload, qos, retain: (flags & RETAIN) !== 0 } };
}

function bytesOf(clientId: string, { topic, payload, qos, retain }: SnMessage): Uint8Array {
  const id = utf8Bytes(clientId) ?? new Uint8Array(0);
  const name = utf8Bytes(topic) ?? new Uint8Array(0);
  const bytes = new Uint8Array(HEADER + id.length + name.length + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, qos | (retain ? RETAIN : 0));
  view.setUint16(1, id.length);
  view.setUint16(3, name.length);
  bytes.set(id, HEADER);
  bytes.set(name, HEADER + id.length);
  bytes.set(payload, HEADER + id.length + name.length);
  return bytes;
}
