/**
 * Keep-alive on the client's side [MQTT-3.1.2-20 and MQTT5-3.1.2-20]: when PINGREQ is due, and when silence means that
 * the peer is dead. Any bytes from the peer prove it alive, so a dead one is noticed at most 1.5 × keep alive after the
 * last, however much is still being sent to it.
 */

/** PINGREQ leaves somewhat early, so that a late timer does not break the promise made to the server. */
const MARGIN = 0.95;
/**
 * The part of that time which is waited in any case. With timers that come up to a minute late, a keep alive of 60 s is then still kept
 * within the 1.5 × that servers allow [MQTT-3.1.2-24].
 */
const LEAST_WAIT = 0.5;
/** The part of the keep-alive that a peer has for its answer. */
const PATIENCE = 0.5;

const never = (): number => 0;

export class KeepAlive {
  #lastSent: number;
  #lastReceived: number;
  /** When the PINGREQ that is still unanswered was sent. */
  #pingSent: number | undefined;
  /** True while the application's back-pressure keeps bytes from being read: silence then proves nothing. */
  #deaf = false;
  readonly #interval: number;
  readonly #timerLateness: () => number;

  /**
   * @param seconds 0 switches keep-alive off
   * @param timerLateness by how many milliseconds `advance` may be called late, asked each time
   */
  constructor(seconds: number, now: number, timerLateness = never) {
    this.#timerLateness = timerLateness;
    this.#interval = seconds * 1000;
    this.#lastSent = now;
    this.#lastReceived = now;
  }

  sent(now: number): void {
    this.#lastSent = now;
  }

  received(now: number): void {
    this.#lastReceived = now;
    this.#pingSent = undefined;
  }

  setDeaf(deaf: boolean, now: number): void {
    this.#deaf = deaf;
    if (!deaf) this.received(now);
  }

  /** When `advance` is needed next, in the clock's milliseconds; Infinity if never. */
  deadline(): number {
    if (this.#interval === 0) return Infinity;
    const ping = this.#pingDue();
    return this.#pingSent === undefined || this.#deaf
      ? ping
      : Math.min(ping, this.#pingSent + this.#interval * PATIENCE);
  }

  advance(now: number): "wait" | "ping" | "dead" {
    if (this.#interval === 0) return "wait";
    if (this.#pingSent !== undefined && !this.#deaf && now >= this.#pingSent + this.#interval * PATIENCE) return "dead";
    if (now < this.#pingDue()) return "wait";
    this.#pingSent ??= now;
    this.#lastSent = now;
    return "ping";
  }

  #pingDue(): number {
    const quiet =
      this.#pingSent === undefined && !this.#deaf ? Math.min(this.#lastSent, this.#lastReceived) : this.#lastSent;
    const wait = this.#interval * MARGIN;
    return quiet + Math.max(wait - this.#timerLateness(), wait * LEAST_WAIT);
  }
}
