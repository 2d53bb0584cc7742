/** One direction of a connection: passes packets on in order. A delayed packet holds back those behind it. */

import type { Clock, Timer } from "@aiko/mqtt";

/** At this many waiting bytes, the sender should wait. */
const HIGH_WATER_MARK = 65_536;

export class PacketLane {
  private readonly waiting: Uint8Array[] = [];
  private bytes = 0;
  private timer: Timer | undefined;

  constructor(
    private readonly clock: Clock,
    /** Handles a packet. May call `delay`. */
    private readonly handle: (packet: Uint8Array) => void,
    /** Nothing waits any more. */
    private readonly emptied: () => void,
  ) {}

  get isBusy(): boolean {
    return this.timer !== undefined || this.waiting.length > 0;
  }

  get isFull(): boolean {
    return this.bytes >= HIGH_WATER_MARK;
  }

  /** Handles the packet, now or when those before it were handled. */
  push(packet: Uint8Array): void {
    if (!this.isBusy) {
      this.handle(packet);
      return;
    }
    this.waiting.push(packet);
    this.bytes += packet.length;
  }

  /** Calls `pass` later, and handles the packets behind it then. */
  delay(milliseconds: number, pass: () => void): void {
    this.timer = this.clock.schedule(milliseconds, () => {
      this.timer = undefined;
      pass();
      this.proceed();
    });
  }

  /** Discards what waits. */
  end(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.waiting.length = 0;
    this.bytes = 0;
  }

  private proceed(): void {
    while (this.timer === undefined) {
      const packet = this.waiting.shift();
      if (packet === undefined) {
        this.emptied();
        return;
      }
      this.bytes -= packet.length;
      this.handle(packet);
    }
  }
}
