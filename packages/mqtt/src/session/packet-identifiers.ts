/**
 * The packet identifiers in use on one side of a session. They ascend from 1 and wrap around after 65,535. An
 * identifier is reused only after it was released [MQTT-2.3.1-2, MQTT-2.3.1-3].
 */

const LAST = 65_535;
/** For sessions that have not used any yet. */
const NONE = new Uint32Array(0);

export class PacketIdentifiers {
  /** One bit per identifier. It grows as identifiers ascend, so that a session that needs few stays small. */
  private used = NONE;
  private last = 0;
  private count = 0;

  /** Whether an identifier is free. */
  get available(): boolean {
    return this.count < LAST;
  }

  /** Returns the next free identifier and marks it as used; 0 if all 65,535 are in use. */
  take(): number {
    const identifier = this.next;
    if (identifier === 0) return 0;
    this.last = identifier;
    this.occupy(identifier);
    return identifier;
  }

  /** Returns the identifier that `take` would return. */
  get next(): number {
    if (this.count === LAST) return 0;
    let identifier = this.last;
    do {
      identifier = identifier === LAST ? 1 : identifier + 1;
    } while (this.has(identifier));
    return identifier;
  }

  has(identifier: number): boolean {
    return ((this.used[identifier >> 5] ?? 0) & (1 << (identifier & 31))) !== 0;
  }

  /** Marks an identifier of a stored session as used. New identifiers come after it. */
  restore(identifier: number): void {
    if (this.has(identifier)) return;
    this.occupy(identifier);
    this.last = Math.max(this.last, identifier);
  }

  release(identifier: number): void {
    if (!this.has(identifier)) return;
    this.used[identifier >> 5] = (this.used[identifier >> 5] as number) & ~(1 << (identifier & 31));
    this.count--;
  }

  private occupy(identifier: number): void {
    const word = identifier >> 5;
    if (word >= this.used.length) {
      const grown = new Uint32Array(Math.min(2048, Math.max(word + 1, this.used.length * 2)));
      grown.set(this.used);
      this.used = grown;
    }
    this.used[word] = (this.used[word] as number) | (1 << (identifier & 31));
    this.count++;
  }
}
