/**
 * Two transports that are connected in memory, within one process: no socket, no platform, time from a Clock. For tests
 * and simulations, and for a client and a broker in one program.
 */

import type { Clock } from "../platform/clock.js";
import type { Transport, TransportListener } from "../platform/transport.js";

/** Options of `memoryPair`. */
export interface MemoryPairOptions {
  /** Milliseconds from one end to the other. Default 0: the next tick. */
  readonly delay?: number | undefined;
  /** The bytes in transit at which `write` returns false until all of them have arrived. Default 65,536. */
  readonly highWaterMark?: number | undefined;
  /** The most bytes that are delivered at once; more bytes take several ticks. Default: as they were written. */
  readonly chunkSize?: number | undefined;
}

/** Returns two connected transports in memory. What is written to one is delivered at the other. */
export function memoryPair(clock: Clock, options: MemoryPairOptions = {}): [Transport, Transport] {
  const one = new MemoryTransport(clock, options);
  const other = new MemoryTransport(clock, options);
  one.peer = other;
  other.peer = one;
  return [one, other];
}

class MemoryTransport implements Transport {
  peer: MemoryTransport = this;
  private listener: TransportListener | undefined;
  private state: "open" | "ended" | "closed" = "open";
  /** Bytes that arrived and were not delivered yet. "end" is the peer's end of stream, after all its bytes. */
  private arrived: (Uint8Array | "end")[] = [];
  private delivering = false;
  private paused = false;
  /** Bytes of this end that the other end has not received. */
  private underWay = 0;
  private drainOwed = false;
  /** The end of the connection, if it ended before there was a listener. */
  private closedBeforeStart: { error: Error | undefined } | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly options: MemoryPairOptions,
  ) {}

  start(listener: TransportListener): void {
    this.listener = listener;
    if (this.closedBeforeStart !== undefined) {
      const { error } = this.closedBeforeStart;
      this.clock.defer(() => listener.onClose(error));
      return;
    }
    this.deliverLater();
  }

  get unsent(): number {
    return this.underWay;
  }

  write(bytes: Uint8Array): boolean {
    if (this.state !== "open") return true; // the bytes are lost, as on any connection that is closing
    if (bytes.length === 0) return !this.drainOwed;
    this.underWay += bytes.length;
    const copy = bytes.slice(); // neither end may see later changes of the other's buffer
    this.carry(() => this.peer.arrive(copy));
    if (this.underWay >= (this.options.highWaterMark ?? 65_536)) this.drainOwed = true;
    return !this.drainOwed;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.deliverLater();
  }

  end(sent?: () => void): void {
    if (this.state !== "open") return;
    this.state = "ended";
    this.carry(() => {
      this.peer.arrive("end");
      sent?.();
    });
  }

  destroy(): void {
    if (this.state === "closed") return;
    this.close(undefined);
    this.carry(() => this.peer.close(new Error("the peer reset the connection")));
  }

  private carry(arrival: () => void): void {
    const { delay = 0 } = this.options;
    if (delay > 0) this.clock.schedule(delay, arrival);
    else this.clock.defer(arrival);
  }

  private arrive(item: Uint8Array | "end"): void {
    if (this.state === "closed") return;
    this.arrived.push(item);
    if (!this.delivering) this.deliver();
  }

  /** Delivers one tick later, so that `start` and `resume` never call back synchronously. */
  private deliverLater(): void {
    if (this.delivering) return;
    this.delivering = true;
    this.clock.defer(() => this.deliver());
  }

  private deliver(): void {
    this.delivering = false;
    if (this.state === "closed" || this.paused || this.listener === undefined) return;
    const item = this.arrived.shift();
    if (item === undefined) return;
    if (item === "end") {
      this.ended();
      return;
    }
    const { chunkSize = item.length } = this.options;
    if (chunkSize < item.length) this.arrived.unshift(item.subarray(chunkSize));
    const chunk = item.length <= chunkSize ? item : item.subarray(0, chunkSize);
    this.peer.taken(chunk.length);
    if (this.arrived.length > 0) this.deliverLater();
    this.listener.onBytes(chunk);
  }

  /** Called when the other end has received `length` bytes of this end. */
  private taken(length: number): void {
    this.underWay -= length;
    if (this.underWay > 0 || !this.drainOwed) return;
    this.drainOwed = false;
    this.clock.defer(() => {
      if (this.state !== "closed") this.listener?.onDrain();
    });
  }

  /** Called when the peer has ended its side. Bytes in transit still arrive; then both sides are closed. */
  private ended(): void {
    if (this.state === "open") this.carry(() => this.peer.arrive("end"));
    this.close(undefined);
  }

  private close(error: Error | undefined): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.arrived = [];
    const { listener } = this;
    if (listener === undefined) this.closedBeforeStart = { error };
    else this.clock.defer(() => listener.onClose(error));
  }
}
