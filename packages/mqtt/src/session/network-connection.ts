/**
 * One network connection: the transport, the packets that come out of its bytes, and the one output buffer that is
 * handed to it once a tick. Knows no protocol beyond the codec. It reports packets, and the end of the connection, to its owner.
 */

import { OutputBuffer } from "../codec/output-buffer.js";
import type { Packet } from "../codec/packets.js";
import type { ServerPacketStream } from "../codec/server-packet-stream.js";
import { TransportError } from "../errors.js";
import type { Clock, Timer } from "../platform/clock.js";
import type { Transport, TransportListener } from "../platform/transport.js";

export interface ConnectionOwner {
  /** A packet came. What this throws ends up in `failed`. */
  packetReceived(packet: Packet, now: number): void;
  /** Some bytes came, perhaps less than a packet. Called before the packets in them. What this throws ends up in `failed`. */
  bytesReceived(now: number, bytes: Uint8Array): void;
  /**
   * Asks for what must be durable before the bytes written so far may leave: a promise that resolves then, or undefined
   * if they may leave at once.
   */
  beforeFlush(): Promise<void> | undefined;
  /** So many bytes were given to the transport. */
  handed?(bytes: number): void;
  /** All that was written up to `beforeFlush` has been given to the transport, and it has room again. */
  flushed(now: number): void;
  /** There is room again after `congested`. */
  drained(now: number): void;
  /** A packet that is not to be had, or that the owner threw at. The owner decides how to end. */
  failed(error: unknown, now: number): void;
  /** The connection is gone. Nothing is called after it. */
  closed(error: Error | undefined, now: number): void;
  /** When `advance` is needed next; Infinity if never. */
  deadline(): number;
  /**
   * Lets time pass.
   *
   * @param sure false the first time: a program that was busy for long has its timers called before what waits in the socket is read, so
   * silence is believed after another turn of the event loop
   * @returns false to be asked again after that turn
   */
  advance(now: number, sure: boolean): boolean;
}

/** If this many bytes wait, they are flushed before the tick ends: a little less than one piece of the output buffer. */
const EARLY_FLUSH = 61_440;
/** After a flush of at most this many bytes, the next does not wait for the end of the tick, so that awaiting each message stays fast. */
const SMALL_FLUSH = 1_024;
/** How many flushes in a row may be early before the rest of the program gets its turn. */
const MOST_EARLY = 16;
/** How many bytes of answers may wait for a peer that does not read: more than 65,535 acknowledgements of any flow need. */
const MOST_ANSWERS = 1_048_576;
/** How long a peer may take to close its side after we have closed ours, in milliseconds. */
const LINGER = 50;
/** The same where what we said last matters: a reset would have the peer drop acknowledgements that it has not read. */
const LONG_LINGER = 1_000;

export class NetworkConnection implements TransportListener {
  readonly out = new OutputBuffer();
  /** `ending`: what is written still goes out. `destroyed`: nothing does, and the transport's onClose is waited for. */
  private state: "open" | "ending" | "destroyed" | "closed" = "open";
  private flushDue = false;
  /** Set while bytes wait for the owner's promise that what they rest on is durable. */
  private committing = false;
  private full = false;
  private paused = false;
  /** Set while the owner is to be told that what was handed over has been taken. */
  private flushUntold = false;
  private taken = 0;
  /** How much the last flush took, and how many more may be early. */
  private lastFlush = 0;
  private early = MOST_EARLY;
  private linger: Timer | undefined;
  /** Calls `advance`, at that time. */
  private alarm: Timer | undefined;
  private alarmAt = Infinity;
  private patience = LINGER;

  constructor(
    private readonly transport: Transport,
    private readonly clock: Clock,
    readonly stream: ServerPacketStream,
    private readonly owner: ConnectionOwner,
  ) {}

  /** Begins to deliver. Separate from the constructor, so that the owner can finish its own. */
  start(): void {
    this.transport.start(this);
  }

  get isOpen(): boolean {
    return this.state === "open";
  }

  /** How often `out` has been emptied: what is in it now leaves with the next time. */
  get takes(): number {
    return this.taken;
  }

  /** Bytes that were written and have not left this process, as far as the transport knows. */
  get unsent(): number {
    return this.out.length + (this.transport.unsent ?? 0);
  }

  /** True while the transport wants no more: what can wait should. */
  get congested(): boolean {
    return this.full || (this.committing && this.out.length >= EARLY_FLUSH);
  }

  /** To be called after writing to `out`. */
  touch(): void {
    if (this.full) {
      if (this.out.length > MOST_ANSWERS) this.giveUp();
    } else if (this.out.length >= EARLY_FLUSH) {
      this.flush();
    } else if (!this.flushDue) {
      this.flushDue = true;
      if (this.clock.soon !== undefined && this.early > 0 && this.lastFlush <= SMALL_FLUSH) {
        this.early--;
        this.clock.soon(this.flushNow);
      } else {
        this.clock.defer(this.flushAtEnd);
      }
    }
  }

  private readonly flushNow = (): void => {
    this.flushDue = false;
    this.flush();
  };

  private readonly flushAtEnd = (): void => {
    this.early = MOST_EARLY;
    this.flushNow();
  };

  /**
   * Sees to it that the owner's `advance` is called when its deadline comes. One timer a connection: it looks at the deadline when it
   * fires, and not at every packet. To be called again when the deadline may have come nearer, or the timer may have stood still.
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

  pause(): void {
    this.paused = true;
    this.transport.pause();
  }

  resume(): void {
    this.paused = false;
    this.transport.resume();
  }

  /**
   * Sends what is written, then closes. A peer that does not follow within 50 ms is cut off, and so is one for which what is written
   * may not leave in time.
   *
   * @param patience milliseconds that the sending may take, if it is more than that; the peer then has a second, or less if that is less
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

  /** Closes at once. */
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

  /** The peer sends and does not read: what it has to be told would pile up without end. */
  private giveUp(): void {
    if (this.state !== "open") return;
    const waiting = `the peer does not read: more than ${MOST_ANSWERS} bytes of answers are pending`;
    this.owner.failed(new TransportError("CONNECTION_LOST", waiting), this.clock.now());
    this.destroy();
  }

  private flush(): void {
    if (this.isOver || this.committing || this.out.length === 0) return;
    if (this.full && this.state === "open") return; // `onDrain` comes back to it
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

  /** What the bytes rest on could not be made durable: they must not leave. */
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
    this.flushUntold = true;
    if (!this.full) this.tellFlushed();
  }

  /** Once the transport has no more of it than it wants to have: payloads that it has by reference may change then. */
  private tellFlushed(): void {
    if (!this.flushUntold || this.isOver) return;
    this.flushUntold = false;
    this.owner.flushed(this.clock.now());
    if (this.owner.deadline() < this.alarmAt) this.watch();
  }

  private tellDrained(): void {
    if (this.state !== "open" || this.congested) return;
    const now = this.clock.now();
    try {
      this.owner.drained(now);
    } catch (error) {
      this.owner.failed(error, now);
    }
  }

  private finish(): void {
    const cut = (): void => this.transport.destroy();
    if (this.paused) this.transport.resume(); // bytes that were not read would make a reset of the end
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
