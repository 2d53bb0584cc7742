/**
 * The stored state of received QoS 2 messages. For each packet identifier: whether a message was received and not
 * released, and how many messages were finished under it. Together with the time when the session began, this
 * identifies each delivery. A message that is redelivered after the process was killed has the same name as before;
 * another message with the same packet identifier has another name.
 *
 * A record has five bytes: whether it is open, and the count, big-endian. Earlier versions wrote empty records for open
 * messages.
 */

import type { StoreChange } from "../../platform/store.js";

/**
 * Records are stored under this number plus their packet identifier. The time when the session began is stored under
 * this number alone.
 */
export const INCOMING = 2 ** 48;

/** Twice the number of finished messages, plus one if a message is open. */
type Entry = number;

/**
 * What a store keeps of received QoS 2 messages: whether one is open under a packet identifier, and how many were
 * finished under it.
 */
export class IncomingRecords {
  /** The current entries. `stored` contains those that the store has, or will have after the pending write. */
  private readonly entries = new Map<number, Entry>();
  private readonly stored = new Map<number, Entry>();
  private changed = new Set<number>();
  /** The stored entries before the pending write. */
  private before = new Map<number, Entry | undefined>();
  /** When the session began, in the clock's milliseconds; undefined until it is needed. */
  private began: number | undefined;
  /** When the session began, or when this process first used it. `wanted` tells whether deliveries will need names. */
  private openedAt: number | undefined;
  private wanted = false;
  private storedBegin: number | undefined;
  private beginBefore: number | undefined;

  /** Whether there are changes to write. */
  get hasChanges(): boolean {
    return this.changed.size > 0 || this.began !== this.storedBegin;
  }

  /** Loads a record. Returns the packet identifier if a message is open under it. */
  load(key: number, value: Uint8Array): number | undefined {
    this.wanted = true;
    if (key === INCOMING) {
      this.began = new DataView(value.buffer, value.byteOffset, value.byteLength).getFloat64(0);
      this.storedBegin = this.began;
      return undefined;
    }
    const identifier = key - INCOMING;
    const entry = value.length === 0 ? 1 : read(value);
    this.entries.set(identifier, entry);
    this.stored.set(identifier, entry);
    return entry % 2 === 1 ? identifier : undefined;
  }

  /**
   * Called when the state of the server's session is known.
   *
   * @param resumed false if the session began now
   */
  sessionOpened(resumed: boolean, now: number): void {
    if (resumed && this.began !== undefined) return;
    const previous = this.began ?? this.openedAt ?? -1;
    // If the clock was set back, the name of an earlier session must not be used again.
    this.openedAt = now > previous ? now : previous + 1;
    this.began = this.wanted ? this.openedAt : undefined;
    if (resumed) return;
    for (const identifier of this.stored.keys()) this.changed.add(identifier);
    this.entries.clear();
  }

  /**
   * Called when QoS 2 messages are requested. Their names depend on a record, which is stored before they can arrive.
   */
  want(): void {
    this.wanted = true;
    this.began ??= this.openedAt;
  }

  /** Returns the name of the message that is delivered or redelivered with this identifier. */
  nameOf(packetIdentifier: number): string {
    this.want(); // a session of an earlier process may deliver messages that this process did not request
    return `${(this.began ?? 0).toString(36)}.${packetIdentifier}.${(this.entries.get(packetIdentifier) ?? 0) >>> 1}`;
  }

  /** Records that a message was received. Called at each acknowledgement; stored entries are not written again. */
  open(packetIdentifier: number): void {
    const entry = this.entries.get(packetIdentifier) ?? 0;
    this.set(packetIdentifier, entry % 2 === 1 ? entry : entry + 1);
  }

  /** Records that the message is finished. */
  close(packetIdentifier: number): void {
    const entry = this.entries.get(packetIdentifier) ?? 0;
    this.set(packetIdentifier, entry + 2 - (entry % 2));
  }

  /** Adds the changes to write. */
  take(changes: StoreChange[]): void {
    this.before = new Map();
    for (const identifier of this.changed) {
      const entry = this.entries.get(identifier);
      const before = this.stored.get(identifier);
      if (entry === before) continue;
      this.before.set(identifier, before);
      if (entry === undefined) this.stored.delete(identifier);
      else this.stored.set(identifier, entry);
      changes.push({ key: INCOMING + identifier, value: entry === undefined ? undefined : write(entry) });
    }
    this.changed = new Set();
    this.beginBefore = this.storedBegin;
    if (this.began === undefined || this.began === this.storedBegin) return;
    this.storedBegin = this.began;
    const value = new Uint8Array(8);
    new DataView(value.buffer).setFloat64(0, this.began);
    changes.push({ key: INCOMING, value });
  }

  /** Called if nothing of the last write was written. Its changes are written again. */
  refused(): void {
    for (const [identifier, before] of this.before) {
      if (before === undefined) this.stored.delete(identifier);
      else this.stored.set(identifier, before);
      this.changed.add(identifier);
    }
    this.storedBegin = this.beginBefore;
  }

  private set(packetIdentifier: number, entry: Entry): void {
    this.entries.set(packetIdentifier, entry);
    if (this.stored.get(packetIdentifier) !== entry) this.changed.add(packetIdentifier);
  }
}

/** Returns whether this is a record of received messages that can be loaded. */
export function isIncomingRecord(key: number, value: Uint8Array): boolean {
  const { length } = value;
  if (key === INCOMING)
    return length === 8 && Number.isFinite(new DataView(value.buffer, value.byteOffset).getFloat64(0));
  const isOne = key > INCOMING && key <= INCOMING + LAST_IDENTIFIER && value instanceof Uint8Array;
  return isOne && (length === 0 || (length === 5 && (value[0] as number) < 2));
}

const LAST_IDENTIFIER = 65_535;

function write(entry: Entry): Uint8Array {
  const value = new Uint8Array(5);
  value[0] = entry % 2;
  new DataView(value.buffer).setUint32(1, entry >>> 1);
  return value;
}

function read(value: Uint8Array): Entry {
  const finished = new DataView(value.buffer, value.byteOffset, value.byteLength).getUint32(1);
  return (finished % 2 ** 31) * 2 + ((value[0] ?? 0) % 2);
}
