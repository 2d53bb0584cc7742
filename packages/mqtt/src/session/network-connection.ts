/**
 * One network connection: the transport, the packets in its bytes, and the output buffer that is passed to it once per
 * tick. Knows only the codec, no protocol. Reports packets, and the end of the connection, to its owner.
 */

import { OutputBuffer } from "../codec/output-buffer.js";
import type { Packet } from "../codec/packets.js";
import type { ServerPacketStream } from "../codec/server-packet-stream.js";
import { TransportError } from "../errors.js";
import type { Clock, Timer } from "../platform/clock.js";
import type { Transport, TransportListener } from "../platform/transport.js";

/** Receives the events of a NetworkConnection. */
export interface ConnectionOwner {
  /** A packet arrived. If this throws, `failed` receives the error. */
  packetReceived(packet: Packet, now: number): void;
  /**
   * Bytes arrived, possibly less than a packet. Called before the packets in them. If this throws, `failed` receives
   * the error.
   */
  bytesReceived(now: number, bytes: Uint8Array): void;
  /**
   * Returns a promise that resolves when the data that the written bytes depend on is durable. Undefined means that the
   * bytes may be sent immediately.
   */
  beforeFlush(): Promise<void> | undefined;
  /** This number of bytes was given to the transport. */
  handed?(bytes: number): void;
  /** All bytes written before `beforeFlush` were given to the transport, and it has room again. */
  flushed(now: number): void;
  /** The transport has room again after `congested`. */
  drained(now: number): void;
  /** A packet could not be decoded, or a callback threw. The owner decides how to end the connection. */
  failed(error: unknown, now: number): void;
  /** The connection has ended. Nothing is called afterwards. */
  closed(error: Error | undefined, now: number): void;
  /** Returns when `advance` must be called next. Infinity if never. */
  deadline(): number;
  /**
   * Advances the time.
   *
   * @param sure false the first time. After a busy phase of the program, timers run before the socket is read. So a
   * silent peer counts as dead only after another turn of the event loop
   * @returns false to be called again after that turn
   */
  advance(now: number, sure: boolean): boolean;
}

/**
 * At this many waiting bytes, they are flushed before the tick ends: a little less than one block of the output buffer.
 */
const EARLY_FLUSH = 61_440;
/** The same while messages that waited for room are written: several large ones in one write cost the system less. */
const LATE_FLUSH = 491_520;
/**
 * After a flush of at most this many bytes, the next flush does not wait for the end of the tick. This makes awaiting
 * each message fast.
 */
const SMALL_FLUSH = 1_024;
/**
 * How many flushes in a row may be early before the rest of the program runs. If the transport can be corked, further
 * ones may be early, too: it collects them until the end of the tick, or until it has no room.
 */
const MOST_EARLY = 16;
/**
 * The most bytes of answers that may wait for a peer that does not read. Even 65,535 acknowledgements of any flow need
 * less.
 */
const MOST_ANSWERS = 1_048_576;
/** Milliseconds that a peer may take to close its side after this side has closed. */
const LINGER = 50;
/**
 * The same if the last written bytes matter: a reset would make the peer drop acknowledgements that it has not read.
 */
const LONG_LINGER = 1_000;

/**
 * One network connection: a transport, the packets in its bytes, and an output buffer that is flushed once per tick.
 */
export class NetworkConnection implements TransportListener {
  readonly out = new OutputBuffer();
  /**
   * `ending`: written bytes are still sent. `destroyed`: nothing is sent; the connection waits for the transport's
   * onClose.
   */
  private state: "open" | "ending" | "destroyed" | "closed" = "open";
  private flushDue = false;
  /** Set while bytes wait for the owner's promise that the data they depend on is durable. */
  private committing = false;
  private full = false;
  private paused = false;
  /** Set if `flushed` of the owner must be called when the transport has taken the bytes. */
  private flushUntold = false;
  private taken = 0;
  /** How many bytes the last flush had, and how many more flushes may be early. */
  private lastFlush = 0;
  private early = MOST_EARLY;
  /** Set while the owner writes what waited for room. */
  private refilling = false;
  /** Whether the transport is corked until the end of the tick. */
  private collecting = false;
  private linger: Timer | undefined;
  /** Calls `advance` at the deadline. */
  private alarm: Timer | undefined;
  private alarmAt = Infinity;
  private patience = LINGER;

  constructor(
    private readonly transport: Transport,
    private readonly clock: Clock,
    readonly stream: ServerPacketStream,
    private readonly owner: ConnectionOwner,
  ) {}

  /** Starts delivering. It is separate from the constructor, so that the owner can finish its own constructor. */
  start(): void {
    this.transport.start(this);
  }

  /** Whether the connection is open. */
  get isOpen(): boolean {
    return this.state === "open";
  }

  /** How often `out` has been emptied. Its current content is sent with the next time. */
  get takes(): number {
    return this.taken;
  }

  /** Bytes that were written and have not left this process, as far as the transport reports. */
  get unsent(): number {
    return this.out.length + (this.transport.unsent ?? 0);
  }

  /** Whether the transport has no room: data that can wait should wait. */
  get congested(): boolean {
    return this.full || (this.committing && this.out.length >= EARLY_FLUSH);
  }

  /** Schedules a flush. Call it after writing to `out`. */
  touch(): void {
    if (this.full) {
      if (this.out.length > MOST_ANSWERS) this.giveUp();
    } else if (this.out.length >= (this.refilling ? LATE_FLUSH : EARLY_FLUSH)) {
      this.flush();
    } else if (!this.flushDue) {
      this.flushDue = true;
      if (this.clock.soon !== undefined && this.lastFlush <= SMALL_FLUSH && (this.early > 0 || this.collect())) {
        if (this.early > 0) this.early--;
        this.clock.soon(() => this.flushNow()); // made for each tick: an idle connection keeps no closure
      } else {
        this.clock.defer(() => this.flushNow(MOST_EARLY));
      }
    }
  }

  private flushNow(early = this.early): void {
    this.early = early;
    this.flushDue = false;
    this.flush();
  }

  /** Corks the transport until the end of the tick. Returns false if it cannot be corked. */
  private collect(): boolean {
    const { transport } = this;
    if (!this.collecting && transport.cork && transport.uncork) {
      this.collecting = true;
      transport.cork();
      this.clock.defer(() => {
        this.collecting = false;
        this.early = MOST_EARLY;
        if (!this.isOver) transport.uncork?.();
      });
    }
    return this.collecting;
  }

  /**
   * Ensures that `advance` of the owner is called at its deadline. A connection has one timer, which reads the deadline
   * when it fires. Call `watch` again when the deadline may be earlier, or when timers may have been suspended.
   */
  watch(): void {
    this.alarm?.cancel();
    this.alarm = undefined;
    this.alarmAt = this.isOpen ? this.owner.deadline() : Infinity;
    if (this.alarmAt === Infinity) return;
    const left = Math.max(0, this.alarmAt - this.clock.now());
    this.alarm = this.clock.schedule(left, () => this.look(false));
  }

  private look(sure: boolean): void {
    if (this.owner.advance(this.clock.now(), sure)) this.watch();
    else this.alarm = this.clock.schedule(0, () => this.look(true));
  }

  /** Stops reading from the network. */
  pause(): void {
    this.paused = true;
    this.transport.pause();
  }

  /** Continues reading after `pause`. */
  resume(): void {
    this.paused = false;
    this.transport.resume();
  }

  /**
   * Sends what is written, then closes. The connection is cut if the peer does not close its side within 50 ms, or if
   * the written bytes cannot leave in time.
   *
   * @param patience milliseconds that sending may take, if more than 50; the peer then has up to a second to close
   */
  end(patience = LINGER): void {
    if (this.state !== "open") return;
    this.state = "ending";
    this.alarm?.cancel();
    this.patience = patience;
    this.flush();
    if (this.committing) this.linger = this.clock.schedule(patience, () => this.transport.destroy());
    else this.finish();
  }

  /** Closes immediately. */
  destroy(): void {
    if (this.isOver) return;
    this.state = "destroyed";
    this.alarm?.cancel();
    this.linger?.cancel();
    this.out.clear();
    this.transport.destroy();
  }

  onBytes(bytes: Uint8Array): void {
    if (this.state !== "open") return;
    const now = this.clock.now();
    this.early = MOST_EARLY;
    try {
      this.owner.bytesReceived(now, bytes);
      this.stream.append(bytes);
      for (let packet = this.stream.next(); packet !== undefined; packet = this.stream.next()) {
        this.owner.packetReceived(packet, now);
        if (this.state !== "open") return;
      }
    } catch (error) {
      this.owner.failed(error, now);
    }
  }

  onDrain(): void {
    this.full = false;
    this.tellFlushed();
    this.flush();
    this.tellDrained();
  }

  onClose(error?: Error): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.alarm?.cancel();
    this.linger?.cancel();
    this.out.clear();
    this.owner.closed(error, this.clock.now());
  }

  private get isOver(): boolean {
    return this.state === "destroyed" || this.state === "closed";
  }

  /** The peer sends without reading, so its answers would accumulate without limit. */
  private giveUp(): void {
    if (this.state !== "open") return;
    const waiting = `the peer does not read: more than ${MOST_ANSWERS} bytes of answers are pending`;
    this.owner.failed(new TransportError("CONNECTION_LOST", waiting), this.clock.now());
    this.destroy();
  }

  private flush(): void {
    if (this.isOver || this.committing || this.out.length === 0) return;
    if (this.full && this.state === "open") return; // `onDrain` continues
    try {
      const durable = this.owner.beforeFlush();
      this.taken++;
      this.lastFlush = this.out.length;
      const chunks = this.out.take();
      if (durable === undefined) {
        this.hand(chunks);
        return;
      }
      this.committing = true;
      durable.then(
        () => this.committed(chunks),
        (error: unknown) => this.uncommitted(error),
      );
    } catch (error) {
      this.owner.failed(error, this.clock.now());
    }
  }

  private committed(chunks: readonly Uint8Array[]): void {
    this.committing = false;
    if (this.isOver) return;
    try {
      this.hand(chunks);
    } catch (error) {
      this.owner.failed(error, this.clock.now());
    }
    this.flush();
    if (this.state === "ending" && !this.committing) this.finish();
    this.tellDrained();
  }

  /** The data that the bytes depend on could not be made durable, so the bytes must not be sent. */
  private uncommitted(error: unknown): void {
    this.committing = false;
    if (!this.isOver) this.owner.failed(error, this.clock.now());
  }

  private hand(chunks: readonly Uint8Array[]): void {
    const { transport } = this;
    if (chunks.length > 1) transport.cork?.();
    for (const chunk of chunks) {
      if (!transport.write(chunk)) this.full = true;
      this.owner.handed?.(chunk.length);
    }
    if (chunks.length > 1) transport.uncork?.();
    if (transport.released && this.out.length === 0) this.out.rewind();
    this.flushUntold = true;
    if (!this.full) this.tellFlushed();
  }

  /**
   * Called when the transport holds no more bytes than it asked for. Payloads that it has by reference may change from
   * then on.
   */
  private tellFlushed(): void {
    if (!this.flushUntold || this.isOver) return;
    this.flushUntold = false;
    this.owner.flushed(this.clock.now());
    if (this.owner.deadline() < this.alarmAt) this.watch();
  }

  private tellDrained(): void {
    if (this.state !== "open" || this.congested) return;
    const now = this.clock.now();
    this.refilling = true;
    try {
      this.owner.drained(now);
    } catch (error) {
      this.owner.failed(error, now);
    }
    this.refilling = false;
    if (this.out.length >= EARLY_FLUSH) this.flush();
  }

  private finish(): void {
    const cut = (): void => this.transport.destroy();
    if (this.paused) this.transport.resume(); // closing with unread bytes would reset the connection
    this.linger?.cancel();
    this.linger = this.clock.schedule(this.patience, cut);
    if (this.patience <= LINGER) {
      this.transport.end();
      return;
    }
    this.transport.end(() => {
      this.linger?.cancel();
      if (!this.isOver) this.linger = this.clock.schedule(Math.min(this.patience, LONG_LINGER), cut);
    });
  }
}
