/**
 * Takes what a source reads: has the pipeline make records of it, has the spool accept them, and answers the device afterwards, in the order
 * of the frames. When the spool is full, it holds what it has and stops the source from reading. Knows nothing of sockets.
 */

import { type Clock, StoreError, type Timer } from "@aiko/mqtt";
import type { Spool, SpoolRecord } from "@aiko/mqtt-store";
import type { PipelineSettings, SpoolSettings } from "../configuration/configuration.js";
import type { DropReason } from "../drop-reason.js";
import type { Outcome, Peer, Wire } from "../pipeline/outcome.js";
import type { Pipeline } from "../pipeline/pipeline.js";
import type { Log } from "../supervise/log.js";

/** What all sources share. */
export interface IntakeParts {
  readonly spool: Spool;
  readonly spoolSettings: SpoolSettings;
  readonly clock: Clock;
  readonly log: Log;
  /** Publishes at once, without spooling. Returns false if there is no connection. */
  pass(topic: string, payload: Uint8Array, retain: boolean): boolean;
  /** The spool has failed: nothing can be accepted any more. */
  failed(error: unknown): void;
}

/** One connection's end of the intake: what the intake does to the wire. */
export interface WireEnd {
  /** Writes to the device. */
  write(bytes: Uint8Array): void;
  /** Stops reading, until `resume`. */
  pause(): void;
  resume(): void;
}

/** What became of a frame at last. "accepted": it is in the spool, or was passed on. */
export type Verdict = "accepted" | DropReason;

/** Bytes of one connection that may wait for the spool. */
const MOST_PENDING = 2 ** 18;
/** Milliseconds after which a full spool is tried again: other programs may have freed the disk. */
const RETRY = 1_000;
/** Milliseconds between two dead letters of a source. */
const DEAD_LETTER_INTERVAL = 1_000;
/** Milliseconds between two log lines about dropped frames of a source. */
const LOG_INTERVAL = 10_000;

/** The intake of one source. */
export class Intake {
  private lastDeadLetter = -Infinity;
  private lastLogged = -Infinity;
  private unlogged = 0;
  private readonly held = new Set<() => void>();
  private isStopped = false;
  /** Commits that are running. */
  private readonly running = new Set<Promise<void>>();

  constructor(
    readonly parts: IntakeParts,
    readonly settings: PipelineSettings,
    readonly pipeline: Pipeline,
  ) {
    parts.spool.onRoom(() => this.retryHeld());
  }

  /** Opens the intake for a connection. */
  open(peer: Peer, end: WireEnd): Channel {
    return new Channel(this, peer, end);
  }

  /** Whether records are held because the spool is full. */
  get isHolding(): boolean {
    return this.held.size > 0;
  }

  /** Accepts nothing more. Resolves when what was being written is written. What is held was never accepted. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.retryHeld();
    await Promise.all(this.running);
  }

  /**
   * Has the spool accept the records of these outcomes. Resolves to each outcome's verdict, or to undefined if the intake was stopped before.
   *
   * @param hold whether to wait for room. If not, records that have no room are "full".
   */
  commit(peer: Peer, outcomes: readonly Outcome[], hold: boolean): Promise<readonly Verdict[] | undefined> {
    const done = this.accept(peer, outcomes, hold);
    const ended: Promise<void> = done.then(
      () => {},
      () => {},
    );
    this.running.add(ended);
    void ended.then(() => this.running.delete(ended));
    return done;
  }

  private async accept(
    peer: Peer,
    outcomes: readonly Outcome[],
    hold: boolean,
  ): Promise<readonly Verdict[] | undefined> {
    const { spool } = this.parts;
    const { id } = this.settings;
    const verdicts = outcomes.map((outcome): Verdict => outcome.dropped ?? "accepted");
    const records: SpoolRecord[] = [];
    outcomes.forEach((outcome, i) => {
      if (outcome.dropped !== undefined) this.dropped(peer, outcome, outcome.dropped);
      else if (this.isPassed(outcome)) verdicts[i] = this.pass(outcome);
      else records.push(...outcome.records);
    });
    if (records.length === 0) return verdicts;
    for (;;) {
      if (this.isStopped) return undefined;
      try {
        await spool.append(id, records);
        return verdicts;
      } catch (error) {
        if (!(error instanceof StoreError) || error.code !== "STORE_FULL") {
          this.parts.failed(error);
          return undefined;
        }
        if (!hold || this.parts.spoolSettings.full === "drop-newest")
          return this.dropAsFull(outcomes, verdicts, records.length);
        await this.room(error);
      }
    }
  }

  private isPassed({ records }: Outcome): boolean {
    return this.parts.spoolSettings.qos0 === "pass" && records.every(({ qos }) => qos === 0);
  }

  private pass({ records }: Outcome): Verdict {
    const { parts, settings } = this;
    let verdict: Verdict = "accepted";
    for (const { topic, payload, retain = false } of records) {
      const isPassed = parts.pass(topic, payload, retain);
      parts.spool.count(settings.id, isPassed ? "out" : "offline");
      if (!isPassed) verdict = "offline";
    }
    return verdict;
  }

  private dropAsFull(outcomes: readonly Outcome[], verdicts: readonly Verdict[], records: number): readonly Verdict[] {
    this.parts.spool.count(this.settings.id, "full", records);
    return verdicts.map((verdict, i) => {
      const outcome = outcomes[i];
      return verdict === "accepted" && outcome !== undefined && !this.isPassed(outcome) ? "full" : verdict;
    });
  }

  private dropped(peer: Peer, outcome: Outcome, reason: DropReason): void {
    const { parts, settings, pipeline } = this;
    const now = parts.clock.now();
    parts.spool.count(settings.id, reason);
    this.unlogged++;
    if (reason !== "filtered" && now - this.lastLogged >= LOG_INTERVAL) {
      parts.log.warn("dropped", { source: settings.id, reason, count: this.unlogged, detail: outcome.detail });
      this.lastLogged = now;
      this.unlogged = 0;
    }
    if (reason === "filtered" || now - this.lastDeadLetter < DEAD_LETTER_INTERVAL) return;
    const letter = pipeline.deadLetter(peer, outcome);
    if (letter === undefined) return;
    this.lastDeadLetter = now;
    parts.pass(letter.topic, letter.payload, false);
  }

  /** Resolves when it is worth trying again. */
  private room(error: StoreError): Promise<void> {
    const { clock, log } = this.parts;
    if (this.held.size === 0)
      log.warn("the spool is full; the source is not read", { source: this.settings.id, error: error.message });
    return new Promise((resolve) => {
      const retry = (): void => {
        timer.cancel();
        this.held.delete(retry);
        resolve();
      };
      const timer = clock.schedule(RETRY, retry);
      this.held.add(retry);
    });
  }

  private retryHeld(): void {
    for (const retry of [...this.held]) retry();
  }
}

/** The intake of one connection. */
export class Channel {
  private readonly wire: Wire;
  /** What was received and is not committed. */
  private waiting: Outcome[] = [];
  /** The bytes of `waiting`, and of what is being committed. */
  private pending = 0;
  private isPaused = false;
  private isOver = false;
  private working: Promise<void> | undefined;
  private timer: Timer | undefined;

  constructor(
    private readonly intake: Intake,
    private readonly peer: Peer,
    private readonly end: WireEnd,
  ) {
    this.wire = intake.pipeline.open(peer);
  }

  /** Takes bytes that were received. */
  receive(bytes: Uint8Array): void {
    const now = this.intake.parts.clock.now();
    this.take(this.wire.push(bytes, now), bytes.length);
    this.watch(now);
  }

  /** The connection has ended. Resolves when all that was received is accepted or dropped. */
  async close(): Promise<void> {
    if (!this.isOver) {
      this.isOver = true;
      this.timer?.cancel();
      this.take(this.wire.end(this.intake.parts.clock.now()), 0);
    }
    await this.working;
  }

  private take(outcomes: readonly Outcome[], size: number): void {
    if (outcomes.length === 0) return;
    for (const outcome of outcomes) this.waiting.push(outcome);
    this.pending += size;
    if (this.pending > MOST_PENDING && !this.isPaused) {
      this.isPaused = true;
      this.end.pause();
    }
    this.working ??= this.work();
  }

  /** Commits one batch after the other, so that nothing is accepted before what came earlier. Never rejects. */
  private async work(): Promise<void> {
    while (this.waiting.length > 0) {
      const { waiting, pending } = this;
      this.waiting = [];
      const verdicts = await this.intake.commit(this.peer, waiting, true);
      this.pending -= pending;
      if (verdicts !== undefined) this.answer(waiting, verdicts);
      if (!this.isPaused || this.pending > MOST_PENDING / 2) continue;
      this.isPaused = false;
      if (!this.isOver) this.end.resume();
    }
    this.working = undefined;
  }

  private answer(outcomes: readonly Outcome[], verdicts: readonly Verdict[]): void {
    const { pipeline, settings } = this.intake;
    if (settings.acknowledge === undefined && settings.refuse === undefined) return;
    const answers: Uint8Array[] = [];
    outcomes.forEach((outcome, i) => {
      const verdict = verdicts[i] ?? "accepted";
      const isDone = verdict === "accepted" || verdict === "filtered";
      const bytes = isDone
        ? pipeline.acknowledgement(this.peer, outcome)
        : pipeline.refusal(this.peer, outcome, verdict);
      if (bytes !== undefined) answers.push(bytes);
    });
    if (answers.length > 0) this.end.write(Buffer.concat(answers));
  }

  /** Sees to it that a frame that stays incomplete is dropped. */
  private watch(now: number): void {
    const deadline = this.wire.deadline();
    if (this.timer !== undefined || deadline === Number.POSITIVE_INFINITY || this.isOver) return;
    this.timer = this.intake.parts.clock.schedule(deadline - now, () => {
      this.timer = undefined;
      const later = this.intake.parts.clock.now();
      this.take(this.wire.advance(later), 0);
      this.watch(later);
    });
  }
}
