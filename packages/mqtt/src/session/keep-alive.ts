/**
 * Keep-alive on the client's side [MQTT-3.1.2-20 and MQTT5-3.1.2-20]: when PINGREQ is due, and when silence means that
 * the peer is dead. Any bytes from the peer prove it alive, and so do bytes that leave for it, on a link that is slower than what is
 * sent. A dead peer is noticed at most 1.5 × keep alive after its last byte, plus the time that what was sent since may take.
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

/** Bytes a millisecond that even a slow link carries: what was sent may be on its way for so long, and the answer behind it. */
const SLOWEST = 64;

const never = (): number => 0;

export class KeepAlive {
  #lastSent: number;
  #lastReceived: number;
  /** When the PINGREQ that is still unanswered was sent, or bytes before it were last seen leaving. */
  #pingSent: number | undefined;
  /** Bytes given to the transport since the peer was heard; and those that it still had when last looked at. */
  #onTheWay = 0;
  #unsent = 0;
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

  /** So many bytes were given to the transport. */
  handed(bytes: number): void {
    this.#onTheWay += bytes;
  }

  setDeaf(deaf: boolean, now: number): void {
    this.#deaf = deaf;
    if (!deaf) this.received(now);
  }

  /** When `advance` is needed next, in the clock's milliseconds; Infinity if never. */
  deadline(): number {
    return Math.min(this.#pingDue(), this.#answerDue());
  }

  /** @param unsent bytes that the transport was given and has not got rid of */
  advance(now: number, unsent = 0): "wait" | "ping" | "dead" {
    if (unsent < this.#unsent && this.#pingSent !== undefined) this.#pingSent = now;
    this.#unsent = unsent;
    if (now >= this.#answerDue()) return "dead";
    if (now < this.#pingDue()) return "wait";
    this.#pingSent ??= now;
    this.#lastSent = now;
    return "ping";
  }

  /** When the peer must have answered; Infinity if it need not. */
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
