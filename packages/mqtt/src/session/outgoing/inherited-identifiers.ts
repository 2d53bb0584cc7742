/**
 * The packet identifiers of a session that an earlier process began, whose state this process does not know. The server
 * may hold an identifier with a QoS 2 message of that process, received and not released. It would take the next
 * message with this identifier for a repetition, acknowledge it and drop it. So the client first sends PUBREL, as for
 * the earlier message, and waits for PUBCOMP [MQTT-4.3.3-2, MQTT5-4.3.3-13]. Owns which identifiers are clear. They are
 * cleared in batches, in the order in which they will be used.
 */

const LAST = 65_535;
/** How many identifiers are cleared together. */
const BATCH = 64;
/**
 * If a server does not answer PUBREL, it has certainly read it after this many PINGRESPs: one may answer an earlier
 * PINGREQ.
 */
const ENOUGH_PINGS = 2;

export class InheritedIdentifiers {
  /** `clear` identifiers from `first` on are clear. 1 follows 65,535. */
  private first = 0;
  private clear = 0;
  /** Identifiers whose PUBCOMP is pending. `clearThen` is how many identifiers are clear after that. */
  private readonly asked = new Set<number>();
  private clearThen = 0;
  private pings = 0;

  isClear(identifier: number): boolean {
    return this.first > 0 && this.placeOf(identifier) < this.clear;
  }

  /**
   * Clears a batch that starts with this identifier, unless a batch is pending.
   *
   * @param isOurs whether a QoS 2 message of this process has the identifier. The server's state is then known
   * @param release writes PUBREL
   */
  ask(identifier: number, isOurs: (identifier: number) => boolean, release: (identifier: number) => void): void {
    if (this.clearThen > this.clear) return;
    if (this.first === 0) this.first = identifier;
    this.clearThen = Math.min(LAST, this.placeOf(identifier) + BATCH);
    this.pings = 0;
    for (let place = this.clear; place < this.clearThen; place++) {
      const each = ((this.first - 1 + place) % LAST) + 1;
      if (isOurs(each)) continue;
      this.asked.add(each);
      release(each);
    }
    this.finish();
  }

  /** Handles PUBCOMP. Returns false if it does not answer a PUBREL of this object. */
  cleared(identifier: number): boolean {
    if (!this.asked.delete(identifier)) return false;
    this.finish();
    return true;
  }

  pinged(): void {
    if (++this.pings < ENOUGH_PINGS) return;
    this.asked.clear();
    this.finish();
  }

  /** Called when the connection is lost. A pending batch is cleared again on the next connection. */
  lost(): void {
    this.asked.clear();
    this.clearThen = this.clear;
  }

  private finish(): void {
    if (this.asked.size === 0) this.clear = this.clearThen;
  }

  private placeOf(identifier: number): number {
    return (identifier - this.first + LAST) % LAST;
  }
}
