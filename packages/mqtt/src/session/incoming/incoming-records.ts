/**
 * What a store keeps of QoS 2 messages that came. By packet identifier: whether a message was received and not released, and how many
 * were finished under it. Together with the time when the session began that names each delivery: a message that comes again after the
 * process was killed has the name it had before, and another message under the same identifier has another.
 *
 * A record is five bytes: whether it is open, and the number, big-endian. Earlier versions wrote none, for an open one.
 */

import type { StoreChange } from "../../platform/store.js";

/** Records are kept under this and their packet identifier, and the time when the session began under this alone. */
export const INCOMING = 2 ** 48;

/** The number of finished messages, doubled, and one more if a message is open. */
type Entry = number;

/**
 * What a store keeps of received QoS 2 messages: whether one is open under a packet identifier, and how many were
 * finished under it.
 */
export class IncomingRecords {
  /** As it stands, and as the store has it, or will have it with what is being written. */
  private readonly entries = new Map<number, Entry>();
  private readonly stored = new Map<number, Entry>();
  private changed = new Set<number>();
  /** What the store had of what is being written. */
  private before = new Map<number, Entry | undefined>();
  /** When the session began, in the clock's milliseconds; undefined while nothing needs it. */
  private began: number | undefined;
  /** The same, or when it was first met; and whether deliveries will need names. */
  private openedAt: number | undefined;
  private wanted = false;
  private storedBegin: number | undefined;
  private beginBefore: number | undefined;

  /** Whether there are changes to write. */
  get hasChanges(): boolean {
    return this.changed.size > 0 || this.began !== this.storedBegin;
  }

  /** A record of the store. Returns the packet identifier if a message is open under it. */
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
   * The session at the server is known to be this one.
   *
   * @param resumed false if it began now
   */
  sessionOpened(resumed: boolean, now: number): void {
    if (resumed && this.began !== undefined) return;
    const previous = this.began ?? this.openedAt ?? -1;
    this.openedAt = now > previous ? now : previous + 1; // a clock that was set back must not bring a session's name back
    this.began = this.wanted ? this.openedAt : undefined;
    if (resumed) return;
    for (const identifier of this.stored.keys()) this.changed.add(identifier);
    this.entries.clear();
  }

  /** QoS 2 messages are asked for: what names them is stored before they can come. */
  want(): void {
    this.wanted = true;
    this.began ??= this.openedAt;
  }

  /** The name of the message that comes, or comes again, under this identifier. */
  nameOf(packetIdentifier: number): string {
    this.want(); // a session that an earlier process began may bring messages that this one did not ask for
    return `${(this.began ?? 0).toString(36)}.${packetIdentifier}.${(this.entries.get(packetIdentifier) ?? 0) >>> 1}`;
  }

  /** A message was received. As often as it is acknowledged: what the store has already is not written again. */
  open(packetIdentifier: number): void {
    const entry = this.entries.get(packetIdentifier) ?? 0;
    this.set(packetIdentifier, entry % 2 === 1 ? entry : entry + 1);
  }

  /** It is finished. */
  close(packetIdentifier: number): void {
    const entry = this.entries.get(packetIdentifier) ?? 0;
    this.set(packetIdentifier, entry + 2 - (entry % 2));
  }

  /** Adds what is to be written. */
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

  /** Nothing of what was taken last was written: it is taken again. */
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

/** Whether that is one of these, and can be loaded. */
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
