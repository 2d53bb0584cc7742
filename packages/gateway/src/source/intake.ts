/**
 * Has the spool accept the records of a source. When the spool is full, it waits for room, or drops them, as configured. Counts and reports what
 * is dropped. Knows nothing of sockets.
 */

import { type Clock, StoreError } from "@aiko/mqtt";
import type { Log } from "@aiko/mqtt-configuration";
import { recordSize, type SpoolRecord } from "@aiko/mqtt-store";
import type { RequestResult } from "../command/request.js";
import { Requests } from "../command/requests.js";
import type { SourceSettings, SpoolSettings } from "../configuration/configuration.js";
import type { DropReason } from "../drop-reason.js";
import type { Outcome, Peer } from "../pipeline/outcome.js";
import type { Pipeline } from "../pipeline/pipeline.js";
import type { RecordSpool } from "../record-spool.js";
import { joined } from "../text/joined.js";
import { Asker } from "./asker.js";
import { DeviceWires } from "./device-wires.js";
import type { Duplex } from "./duplex.js";
import type { MemoryBudget } from "./memory-budget.js";
import type { SourceCondition } from "./source.js";
import { type FrameResult, Traffic } from "./traffic.js";

/** What all sources share. */
export interface IntakeParts {
  readonly spool: RecordSpool;
  readonly spoolSettings: SpoolSettings;
  /** What all sources together may have in memory before it is accepted. */
  readonly budget: MemoryBudget;
  readonly clock: Clock;
  /** Returns a number from 0 up to 1. */
  readonly random: () => number;
  readonly log: Log;
  /** Publishes at once, without spooling. Resolves to false if that is not possible. */
  pass(topic: string, payload: Uint8Array, retain: boolean): Promise<boolean>;
  /** The source is up or down from now on. */
  readonly condition: (condition: SourceCondition) => void;
  /** The spool has failed: nothing can be accepted any more. */
  failed(error: unknown): void;
}

/** What became of a frame at last. "accepted": it is in the spool, or was passed on. */
export type Verdict = FrameResult;

/** The peer of an outcome, by its place. */
type PeerOf = (index: number) => Peer;

/** Milliseconds that a line rests after an answer if only one side may send at a time. */
const TURN_AROUND = 5;
/** A batch takes at most this part of each of the spool's bounds: it fits when there is room again. */
const BATCH_SHARE = 1 / 16;
/** Milliseconds after which a full spool is tried again: other programs may have freed the disk. */
const RETRY = 1_000;
/** Milliseconds between two dead letters of a source. */
const DEAD_LETTER_INTERVAL = 1_000;
/** Milliseconds between two log lines about dropped frames of a source, or about a spool that is full again and again. */
const LOG_INTERVAL = 10_000;

/** What the configuration says to drop is nothing to warn of. */
const WANTED: ReadonlySet<DropReason> = new Set<DropReason>(["filtered", "duplicate"]);

/** The intake of one source. */
export class Intake {
  readonly traffic = new Traffic();
  /** The wires of the devices, for commands. */
  readonly wires: DeviceWires;
  private lastDeadLetter = -Infinity;
  private lastLogged = -Infinity;
  private unlogged = 0;
  private readonly held = new Set<() => void>();
  private isFull = false;
  /** How often there was room again. */
  private rooms = 0;
  private lastLoggedFull = -Infinity;
  private isStopped = false;
  private readonly removeListener: () => void;
  /** What became of each poll at last. */
  private lastPollLogged = -Infinity;
  private readonly pollOutcomes = new Map<number, string>();
  /** Commits that are running. */
  private readonly running = new Set<Promise<void>>();

  constructor(
    readonly parts: IntakeParts,
    readonly settings: SourceSettings,
    readonly pipeline: Pipeline,
  ) {
    this.wires = new DeviceWires(hasOneWire(settings), mostWaiting(pipeline), parts.clock);
    this.removeListener = parts.spool.onRoom(() => {
      this.rooms++;
      this.retryHeld();
    });
  }

  /** Returns what asks the devices of a wire. Undefined: they are asked nothing. */
  asker(duplex: Duplex, write: (bytes: Uint8Array) => boolean): Asker | undefined {
    const { polls, commands } = this.pipeline;
    if (duplex === "none" || (polls.length === 0 && commands.length === 0)) return undefined;
    const { clock, random } = this.parts;
    const most = mostWaiting(this.pipeline);
    const rest = duplex === "half" ? TURN_AROUND : 0;
    return new Asker(new Requests(polls, most, rest, random, clock.now()), clock, write);
  }

  /** A poll was answered, or was not. @param index its place in the configuration */
  polled(index: number, result: RequestResult): void {
    const outcome = result.ok ? "ok" : result.reason;
    this.traffic.request("poll", outcome);
    const before = this.pollOutcomes.get(index);
    this.pollOutcomes.set(index, outcome);
    const now = this.parts.clock.now();
    // Of two devices, one may answer and the other not.
    if (before === outcome || outcome === "offline" || now - this.lastPollLogged < LOG_INTERVAL) return;
    this.lastPollLogged = now;
    const facts = { source: this.settings.id, poll: index, result: outcome };
    if (outcome !== "ok") this.parts.log.warn("a poll has failed", facts);
    else if (before !== undefined) this.parts.log.info("the poll is answered again", facts);
  }

  /** Remembers on which wire the devices of these outcomes are. */
  heard(peer: Peer, outcomes: readonly Outcome[], wire: Asker): void {
    if (this.pipeline.commands.length === 0) return;
    for (const { fields } of outcomes) {
      const device = fields && this.pipeline.deviceOf(peer, fields);
      if (device !== undefined) this.wires.heard(device, wire);
    }
  }

  /** Waits for room no more: what does not fit now is not accepted. Resolves when what was being written is written. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.wires.stop();
    this.removeListener();
    this.retryHeld();
    await Promise.all(this.running);
  }

  /** Returns how many of the outcomes, of which there is at least one, should be committed at once. */
  batch(outcomes: readonly Outcome[]): number {
    const { maxBytes, maxRecords } = this.parts.spoolSettings;
    let count = 0;
    let records = 0;
    let bytes = 0;
    for (const outcome of outcomes) {
      records += outcome.records.length;
      bytes += sizeOf(outcome);
      if (count > 0 && (records > maxRecords * BATCH_SHARE || bytes > maxBytes * BATCH_SHARE)) break;
      count++;
    }
    return count;
  }

  /**
   * Has the spool accept the records of these outcomes, a batch. Resolves to each outcome's verdict, or to undefined if they are not accepted
   * because the intake is stopped or the spool has failed.
   *
   * @param peerOf the peer of an outcome, by its place
   * @param hold whether to wait for room. If not, records that have no room are "full".
   */
  commit(peerOf: PeerOf, outcomes: readonly Outcome[], hold: boolean): Promise<readonly Verdict[] | undefined> {
    const done = this.accept(peerOf, outcomes, hold).then((verdicts) => {
      for (const verdict of verdicts ?? []) this.traffic.frame(verdict);
      return verdicts;
    });
    const ended: Promise<void> = done.then(
      () => {},
      () => {},
    );
    this.running.add(ended);
    void ended.then(() => this.running.delete(ended));
    return done;
  }

  /** Returns what to write to the device about these outcomes. Undefined: nothing. */
  answer(peer: Peer, outcomes: readonly Outcome[], verdicts: readonly Verdict[]): Uint8Array | undefined {
    const { pipeline, settings } = this;
    if (settings.acknowledge === undefined && settings.refuse === undefined) return undefined;
    const answers: Uint8Array[] = [];
    outcomes.forEach((outcome, i) => {
      const verdict = verdicts[i] ?? "accepted";
      const bytes =
        verdict === "accepted" || this.isDone(peer, outcome, verdict)
          ? pipeline.acknowledgement(peer, outcome)
          : pipeline.refusal(peer, outcome, verdict);
      if (bytes !== undefined) answers.push(bytes);
    });
    return answers.length === 0 ? undefined : joined(...answers);
  }

  /**
   * Whether the device must not repeat the frame. It need not repeat a duplicate of what is accepted; if the first of them is still on its way to
   * the spool, it must.
   */
  isDone(peer: Peer, outcome: Outcome, verdict: Verdict): boolean {
    if (verdict === "duplicate") return this.pipeline.isRepeatOfAccepted(peer, outcome);
    return verdict === "accepted" || verdict === "filtered";
  }

  private async accept(
    peerOf: PeerOf,
    outcomes: readonly Outcome[],
    hold: boolean,
  ): Promise<readonly Verdict[] | undefined> {
    const { spool } = this.parts;
    const { id } = this.settings;
    const records: SpoolRecord[] = [];
    const passed: Promise<void>[] = [];
    const verdicts = outcomes.map((outcome, i): Verdict => {
      if (outcome.dropped !== undefined) return this.dropped(peerOf(i), outcome, outcome.dropped, outcome.detail);
      if (this.isPassed(outcome)) {
        passed.push(
          this.pass(peerOf(i), outcome).then((verdict) => {
            verdicts[i] = verdict;
          }),
        );
        return "accepted";
      }
      const excess = this.excess(outcome);
      if (excess !== undefined) {
        this.pipeline.notAccepted(peerOf(i), outcome);
        return this.dropped(peerOf(i), outcome, "too-long", excess);
      }
      for (const record of outcome.records) records.push(record);
      return "accepted";
    });
    await Promise.all(passed);
    if (records.length === 0) return this.accepted(peerOf, outcomes, verdicts);
    for (;;) {
      const { rooms } = this;
      try {
        await spool.append(id, records);
        if (this.held.size === 0) this.isFull = false;
        return this.accepted(peerOf, outcomes, verdicts);
      } catch (error) {
        if (!(error instanceof StoreError) || error.code !== "STORE_FULL") {
          this.parts.failed(error);
          return undefined;
        }
        if (!hold || this.parts.spoolSettings.full === "drop-newest")
          return this.dropAsFull(peerOf, outcomes, verdicts, records.length);
        if (this.isStopped) return undefined;
        if (this.rooms === rooms) await this.room(error); // otherwise there was room before this promise said that there is none
      }
    }
  }

  /** Tells the pipeline what is accepted. Returns the verdicts. */
  private accepted(peerOf: PeerOf, outcomes: readonly Outcome[], verdicts: readonly Verdict[]): readonly Verdict[] {
    for (const [i, outcome] of outcomes.entries()) {
      if (verdicts[i] === "accepted") this.pipeline.accepted(peerOf(i), outcome);
    }
    return verdicts;
  }

  private isPassed({ records }: Outcome): boolean {
    return this.parts.spoolSettings.qos0 === "pass" && records.every(({ qos }) => qos === 0);
  }

  private async pass(peer: Peer, outcome: Outcome): Promise<Verdict> {
    const { parts, settings, pipeline } = this;
    const sent = await Promise.all(
      outcome.records.map(({ topic, payload, retain = false }) => parts.pass(topic, payload, retain)),
    );
    for (const isSent of sent) parts.spool.count(settings.id, isSent ? "out" : "offline");
    if (sent.every((isSent) => isSent)) return "accepted";
    pipeline.notAccepted(peer, outcome);
    return "offline";
  }

  private dropAsFull(
    peerOf: PeerOf,
    outcomes: readonly Outcome[],
    verdicts: readonly Verdict[],
    records: number,
  ): readonly Verdict[] {
    this.parts.spool.count(this.settings.id, "full", records);
    const final = verdicts.map((verdict, i) => {
      const outcome = outcomes[i];
      if (verdict !== "accepted" || outcome === undefined || this.isPassed(outcome)) return verdict;
      this.pipeline.notAccepted(peerOf(i), outcome);
      return "full";
    });
    return this.accepted(peerOf, outcomes, final);
  }

  /** Why no spool of this size could ever hold the records of the outcome. Undefined if it could. */
  private excess(outcome: Outcome): string | undefined {
    const { segment, maxRecords } = this.parts.spoolSettings;
    const { length } = outcome.records;
    if (length > maxRecords) return `the frame becomes ${length} records, but spool.max_records is ${maxRecords}`;
    const size = sizeOf(outcome);
    return size > segment ? `the frame becomes ${size} bytes in the spool, but spool.segment is ${segment}` : undefined;
  }

  /** Counts a frame that is dropped before it comes to a pipeline. */
  drop(reason: DropReason, detail: string | undefined): void {
    this.traffic.frame(reason);
    this.count(reason, detail);
  }

  private count(reason: DropReason, detail: string | undefined): void {
    const { parts, settings } = this;
    const now = parts.clock.now();
    parts.spool.count(settings.id, reason);
    this.unlogged++;
    if (WANTED.has(reason) || now - this.lastLogged < LOG_INTERVAL) return;
    parts.log.warn("dropped", { source: settings.id, reason, count: this.unlogged, detail });
    this.lastLogged = now;
    this.unlogged = 0;
  }

  private dropped(peer: Peer, outcome: Outcome, reason: DropReason, detail: string | undefined): DropReason {
    this.count(reason, detail);
    if (!WANTED.has(reason)) this.publishDeadLetter(() => this.pipeline.deadLetter(peer, outcome));
    return reason;
  }

  /** Publishes the dead letter of a record that the server refused. */
  refused(record: SpoolRecord, reason: DropReason): void {
    this.publishDeadLetter(() => this.pipeline.refusedLetter(record, reason));
  }

  /** One in an interval: a device that sends nothing else must not use up the connection to the server. */
  private publishDeadLetter(make: () => SpoolRecord | undefined): void {
    const now = this.parts.clock.now();
    if (now - this.lastDeadLetter < DEAD_LETTER_INTERVAL) return;
    const letter = make();
    if (letter === undefined) return;
    this.lastDeadLetter = now;
    void this.parts.pass(letter.topic, letter.payload, false);
  }

  /** Resolves when it is worth trying again. */
  private room(error: StoreError): Promise<void> {
    const { clock, log } = this.parts;
    if (!this.isFull && clock.now() - this.lastLoggedFull >= LOG_INTERVAL) {
      log.warn("the spool is full; the source is not read", { source: this.settings.id, error: error.message });
      this.lastLoggedFull = clock.now();
    }
    this.isFull = true;
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

function sizeOf({ records }: Outcome): number {
  let size = 0;
  for (const record of records) size += recordSize(record);
  return size;
}

/** Commands that may wait for a wire. */
function mostWaiting({ commands }: Pipeline): number {
  return Math.max(0, ...commands.map(({ settings }) => settings.queue));
}

/** Whether all devices of the source are on one wire, which the gateway opens. */
function hasOneWire(settings: SourceSettings): boolean {
  switch (settings.kind) {
    case "serial":
    case "tcp":
    case "exec":
      return true;
    case "unix":
      return !settings.listen;
    default:
      return false;
  }
}
