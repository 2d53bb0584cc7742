/**
 * The client's keep-alive [MQTT-3.1.2-20 and MQTT5-3.1.2-20]: when to send PINGREQ, and when a silent peer counts as
 * dead. Any bytes from the peer prove that it is alive. Bytes that leave for it prove it too, on a link that is slower
 * than the sender. A dead peer is detected at most 1.5 × keep alive after its last byte, plus the time that the bytes
 * sent since may take.
 */

/** PINGREQ is sent a little early, so that a late timer does not break the keep-alive. */
const MARGIN = 0.95;
/**
 * The part of that time that is always waited. If timers are up to a minute late, a keep alive of 60 s still stays
 * within the 1.5 × that servers allow [MQTT-3.1.2-24].
 */
const LEAST_WAIT = 0.5;
/** The part of the keep-alive that a peer may take to answer. */
const PATIENCE = 0.5;

/**
 * Bytes per millisecond that even a slow link carries. It limits how long sent bytes, and the answer to them, may take.
 */
const SLOWEST = 64;

const never = (): number => 0;

export class KeepAlive {
  #lastSent: number;
  #lastReceived: number;
  /** When the unanswered PINGREQ was sent, or when bytes before it were last observed to leave. */
  #pingSent: number | undefined;
  /**
   * Bytes given to the transport since the peer was last heard. `#unsent` is how many of them it still had at the last
   * check.
   */
  #onTheWay = 0;
  #unsent = 0;
  /** True while the application's back-pressure stops reading. A silent peer proves nothing then. */
  #deaf = false;
  readonly #interval: number;
  readonly #timerLateness: () => number;

  /**
   * @param seconds 0 disables the keep-alive
   * @param timerLateness returns by how many milliseconds `advance` may be called late; called each time
   */
  constructor(seconds: number, now: number, timerLateness = never) {
    this.#timerLateness = timerLateness;
    this.#interval = seconds * 1000 || Infinity;
    this.#lastSent = now;
    this.#lastReceived = now;
  }

  sent(now: number): void {
    this.#lastSent = now;
  }

  received(now: number): void {
    this.#lastReceived = now;
    this.#pingSent = undefined;
    this.#onTheWay = 0;
  }

  /** Called when this many bytes were given to the transport. */
  handed(bytes: number): void {
    this.#onTheWay += bytes;
  }

  setDeaf(deaf: boolean, now: number): void {
    this.#deaf = deaf;
    if (!deaf) this.received(now);
  }

  /** Returns when `advance` must be called next, in the clock's milliseconds; Infinity if never. */
  deadline(): number {
    return Math.min(this.#pingDue(), this.#answerDue());
  }

  /** @param unsent bytes that the transport accepted and has not sent */
  advance(now: number, unsent = 0): "wait" | "ping" | "dead" {
    if (unsent < this.#unsent && this.#pingSent !== undefined) this.#pingSent = now;
    this.#unsent = unsent;
    if (now >= this.#answerDue()) return "dead";
    if (now < this.#pingDue()) return "wait";
    this.#pingSent ??= now;
    this.#lastSent = now;
    return "ping";
  }

  /** Returns when the peer must have answered; Infinity if no answer is pending. */
  #answerDue(): number {
    if (this.#pingSent === undefined || this.#deaf) return Infinity;
    return this.#pingSent + this.#interval * PATIENCE + this.#onTheWay / SLOWEST;
  }

  #pingDue(): number {
    const quiet =
      this.#pingSent === undefined && !this.#deaf ? Math.min(this.#lastSent, this.#lastReceived) : this.#lastSent;
    const wait = this.#interval * MARGIN;
    return quiet + Math.max(wait - this.#timerLateness(), wait * LEAST_WAIT);
  }
}
