/**
 * The packet identifiers of a session that an earlier process began, and of which this one does not know the state. The server may still
 * hold one with a QoS 2 message of that process, received and not released: it would take the next message under this identifier for a
 * repetition, acknowledge it, and drop it. So PUBREL is sent first, as for the message of before, and PUBCOMP waited for [MQTT-4.3.3-2,
 * MQTT5-4.3.3-13]. Owns which identifiers are clear; identifiers are cleared in batches, in the order in which they will be used.
 */

const LAST = 65_535;
/** Identifiers that are cleared together. */
const BATCH = 64;
/** PINGRESPs after which a server that leaves PUBREL unanswered has certainly read it: one may answer an earlier PINGREQ. */
const ENOUGH_PINGS = 2;

export class InheritedIdentifiers {
  /** `clear` identifiers from `first` on are clear. 1 follows 65,535. */
  private first = 0;
  private clear = 0;
  /** Those whose PUBCOMP is awaited, and how many identifiers are clear then. */
  private readonly asked = new Set<number>();
  private clearThen = 0;
  private pings = 0;

  isClear(identifier: number): boolean {
    return this.first > 0 && this.placeOf(identifier) < this.clear;
  }

  /**
   * Asks for a batch to be cleared, beginning with this identifier, unless one is on its way.
   *
   * @param isOurs whether a QoS 2 message of this process's has the identifier: the server's state is known then
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

  /** PUBCOMP has come. False if it was not asked for here. */
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

  /** The connection is gone: what was asked is asked again over the next. */
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
