/**
 * The intake of one connection: frames what is received, commits it batch after batch, and answers afterwards, in the order of the frames. Stops
 * the source from reading while much is waiting. Knows nothing of sockets and of the spool.
 */

import type { Timer } from "@aiko/mqtt";
import type { Outcome, Peer, Wire } from "../pipeline/outcome.js";
import type { Asker } from "./asker.js";
import type { Duplex } from "./duplex.js";
import type { Intake, Verdict } from "./intake.js";
import { costOf } from "./outcome-cost.js";

/** What the intake does to the wire. */
export interface WireEnd {
  readonly duplex: Duplex;
  /** Writes to the device. Returns whether that was possible. */
  write(bytes: Uint8Array): boolean;
  /** Stops reading, until `resume`. */
  pause(): void;
  resume(): void;
}

/** What one connection may have in memory: the cost of outcomes that wait to be committed, in bytes. */
const MOST_WAITING = 2 ** 18;
/** Bytes that are framed at once, so that many short frames do not exceed the limit by much. */
const PIECE = 2 ** 13;
/**
 * Milliseconds between the deadline of an incomplete frame and its end: if this process was held up, the rest of the frame may wait in the kernel,
 * and a timer fires before it is read.
 */
const LAST_LOOK = 10;

export class Channel {
  private readonly wire: Wire;
  private readonly asker: Asker | undefined;
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
  /** Whether the deadline of a frame has passed, and nothing was received since. */
  private isLastLook = false;

  constructor(
    private readonly intake: Intake,
    private readonly peer: Peer,
    private readonly end: WireEnd,
  ) {
    this.asker = intake.asker(end.duplex, (bytes) => this.write(bytes));
    this.wire = intake.pipeline.open(peer, this.asker?.requests);
    if (this.asker === undefined) return;
    intake.wires.opened(this.asker);
    // After the wire was set up by whoever opens it.
    intake.parts.clock.defer(() => this.asker?.run());
  }

  /** Whether something is not accepted yet. */
  get isBusy(): boolean {
    return this.working !== undefined;
  }

  /** Writes to the device. Returns whether that was possible. */
  write(bytes: Uint8Array): boolean {
    return !this.isOver && this.end.duplex !== "none" && this.send(bytes);
  }

  private send(bytes: Uint8Array): boolean {
    this.intake.traffic.send(bytes.length);
    return this.end.write(bytes);
  }

  /** Takes bytes that were received. */
  receive(bytes: Uint8Array): void {
    if (this.isOver) return;
    const { traffic, parts } = this.intake;
    traffic.receive(bytes.length);
    parts.budget.take(bytes.length);
    this.isLastLook = false;
    this.unread.push(bytes);
    this.read();
  }

  /** The connection has ended. Resolves when all that was received is accepted or dropped. */
  async close(): Promise<void> {
    if (!this.isOver) {
      this.isOver = true;
      this.timer?.cancel();
      this.read();
      if (this.asker !== undefined) this.intake.wires.closed(this.asker);
      this.asker?.close();
    }
    await this.working;
  }

  /** Frames as much as may wait. */
  private read(): void {
    const now = this.intake.parts.clock.now();
    while (this.mayWait) {
      const [bytes] = this.unread;
      if (bytes === undefined) break;
      if (bytes.length <= PIECE) this.unread.shift();
      else this.unread[0] = bytes.subarray(PIECE);
      const piece = bytes.subarray(0, PIECE);
      this.intake.parts.budget.release(piece.length);
      this.take(this.wire.push(piece, now));
    }
    const isDrained = this.unread.length === 0;
    if (this.isOver && isDrained && !this.isEnded) {
      this.isEnded = true;
      this.take(this.wire.end(now));
    }
    if (isDrained === this.isPaused) this.steer(!isDrained, now);
    this.watch(now);
    if (!this.isPaused) this.asker?.run();
    if (this.waiting.length > 0) this.working ??= this.work();
  }

  /** Whether more may be framed. What already waits is being committed, and `read` is called after that. */
  private get mayWait(): boolean {
    return this.cost === 0 || (this.cost <= MOST_WAITING && this.intake.parts.budget.hasRoom);
  }

  private take(outcomes: readonly Outcome[]): void {
    if (this.asker !== undefined) this.intake.heard(this.peer, outcomes, this.asker);
    for (const outcome of outcomes) {
      this.waiting.push(outcome);
      this.spend(costOf(outcome));
    }
  }

  /** @param cost negative: what no longer waits */
  private spend(cost: number): void {
    this.cost += cost;
    this.intake.parts.budget.take(cost);
  }

  private steer(isPaused: boolean, now: number): void {
    this.isPaused = isPaused;
    if (this.isOver) return;
    this.asker?.hold(isPaused);
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
        this.spend(-this.cost);
        for (const { length } of this.unread) this.intake.parts.budget.release(length);
        this.unread = [];
        break;
      }
      for (const outcome of batch) this.spend(-costOf(outcome));
      this.answer(batch, verdicts);
      this.read();
      if (this.unread.length > 0) await this.turn();
    }
    this.working = undefined;
  }

  /** Lets other wires be served: frames that are all dropped wait for no disk. */
  private turn(): Promise<void> {
    return new Promise((resolve) => this.intake.parts.clock.defer(resolve));
  }

  private answer(outcomes: readonly Outcome[], verdicts: readonly Verdict[]): void {
    const bytes = this.intake.answer(this.peer, outcomes, verdicts);
    if (bytes !== undefined) this.send(bytes); // a device that has ended its side may wait for it
  }

  /** Sees to it that a frame that stays incomplete is dropped. While nothing is read, that is not the device's fault. */
  private watch(now: number): void {
    if (this.timer !== undefined || this.isOver || this.isPaused) return;
    const { deadline } = this;
    if (deadline === Number.POSITIVE_INFINITY) return;
    this.timer = this.intake.parts.clock.schedule(deadline - now, () => this.look());
  }

  /** Drops what has been incomplete for too long, after a second look. */
  private look(): void {
    this.timer = undefined;
    const { clock } = this.intake.parts;
    const now = clock.now();
    const isDue = !this.isPaused && now >= this.deadline; // it may have moved: reading was stopped and resumed
    if (isDue && !this.isLastLook) {
      this.isLastLook = true;
      this.timer = clock.schedule(LAST_LOOK, () => this.look());
      return;
    }
    this.isLastLook = false;
    if (isDue) this.take(this.wire.advance(now));
    this.read();
  }

  private get deadline(): number {
    return Math.max(this.wire.deadline(), this.resumedAt + this.intake.settings.frameTimeout);
  }
}
