/**
 * The intake of one connection: frames what is received, commits it batch after batch, and answers afterwards, in the order of the frames. Stops
 * the source from reading while much is waiting. Knows nothing of sockets and of the spool.
 */

import type { Timer } from "@aiko/mqtt";
import type { Outcome, Peer, Wire } from "../pipeline/outcome.js";
import type { Intake, Verdict } from "./intake.js";
import { costOf } from "./outcome-cost.js";

/** Whether the device can be written to, and whether only one side may send at a time. */
export type Duplex = "none" | "half" | "full";

/** What the intake does to the wire. */
export interface WireEnd {
  readonly duplex: Duplex;
  /** Writes to the device. */
  write(bytes: Uint8Array): void;
  /** Stops reading, until `resume`. */
  pause(): void;
  resume(): void;
}

/** What one connection may have in memory: the cost of outcomes that wait to be committed, in bytes. */
const MOST_WAITING = 2 ** 18;
/** Bytes that are framed at once, so that many short frames do not exceed the limit by much. */
const PIECE = 2 ** 13;

export class Channel {
  private readonly wire: Wire;
  /** Received, but not framed, because much is waiting. */
  private unread: Uint8Array[] = [];
  /** Framed, but not being committed. */
  private waiting: Outcome[] = [];
  /** The cost of `waiting`, and of what is being committed. */
  private cost = 0;
  private isPaused = false;
  private resumedAt = -Infinity;
  private isOver = false;
  private isEnded = false;
  private working: Promise<void> | undefined;
  private timer: Timer | undefined;

  constructor(
    private readonly intake: Intake,
    private readonly peer: Peer,
    private readonly end: WireEnd,
  ) {
    this.wire = intake.pipeline.open(peer);
  }

  /** Whether something is not accepted yet. */
  get isBusy(): boolean {
    return this.working !== undefined;
  }

  /** Writes to the device. */
  write(bytes: Uint8Array): void {
    if (!this.isOver && this.end.duplex !== "none") this.end.write(bytes);
  }

  /** Takes bytes that were received. */
  receive(bytes: Uint8Array): void {
    if (this.isOver) return;
    this.unread.push(bytes);
    this.read();
  }

  /** The connection has ended. Resolves when all that was received is accepted or dropped. */
  async close(): Promise<void> {
    if (!this.isOver) {
      this.isOver = true;
      this.timer?.cancel();
      this.read();
    }
    await this.working;
  }

  /** Frames as much as may wait. */
  private read(): void {
    const now = this.intake.parts.clock.now();
    while (this.cost <= MOST_WAITING) {
      const [bytes] = this.unread;
      if (bytes === undefined) break;
      if (bytes.length <= PIECE) this.unread.shift();
      else this.unread[0] = bytes.subarray(PIECE);
      this.take(this.wire.push(bytes.subarray(0, PIECE), now));
    }
    const isDrained = this.unread.length === 0;
    if (this.isOver && isDrained && !this.isEnded) {
      this.isEnded = true;
      this.take(this.wire.end(now));
    }
    if (isDrained === this.isPaused) this.steer(!isDrained, now);
    this.watch(now);
    if (this.waiting.length > 0) this.working ??= this.work();
  }

  private take(outcomes: readonly Outcome[]): void {
    for (const outcome of outcomes) {
      this.waiting.push(outcome);
      this.cost += costOf(outcome);
    }
  }

  private steer(isPaused: boolean, now: number): void {
    this.isPaused = isPaused;
    if (this.isOver) return;
    if (isPaused) {
      this.end.pause();
    } else {
      this.resumedAt = now;
      this.end.resume();
    }
  }

  /** Commits one batch after the other, so that nothing is accepted before what came earlier. Never rejects. */
  private async work(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, this.intake.batch(this.waiting));
      const verdicts = await this.intake.commit(() => this.peer, batch, true);
      if (verdicts === undefined) {
        // Nothing that came later may be accepted either.
        this.isOver = true;
        this.isEnded = true;
        this.waiting = [];
        this.unread = [];
        break;
      }
      for (const outcome of batch) this.cost -= costOf(outcome);
      this.answer(batch, verdicts);
      this.read();
    }
    this.working = undefined;
  }

  private answer(outcomes: readonly Outcome[], verdicts: readonly Verdict[]): void {
    const bytes = this.intake.answer(this.peer, outcomes, verdicts);
    if (bytes !== undefined) this.end.write(bytes);
  }

  /** Sees to it that a frame that stays incomplete is dropped. While nothing is read, that is not the device's fault. */
  private watch(now: number): void {
    if (this.timer !== undefined || this.isOver || this.isPaused) return;
    const deadline = Math.max(this.wire.deadline(), this.resumedAt + this.intake.settings.frameTimeout);
    if (deadline === Number.POSITIVE_INFINITY) return;
    this.timer = this.intake.parts.clock.schedule(deadline - now, () => {
      this.timer = undefined;
      const later = this.intake.parts.clock.now();
      if (!this.isPaused && later >= deadline) this.take(this.wire.advance(later));
      this.read();
    });
  }
}
