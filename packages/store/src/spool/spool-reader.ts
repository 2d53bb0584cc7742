/** Reads a spool's records in the order in which they were accepted, from synced frames only. Holds one frame in memory. */

import type { FileSystem, OpenFile } from "../file-system.js";
import { FrameReader } from "../frames.js";
import type { Account } from "./ledger.js";
import type { Segment } from "./segment.js";
import { MOST_BEYOND } from "./settled.js";
import { bodyStart, decodeRecord, eachEntry, isBody, type SpooledRecord } from "./spool-record.js";
import type { SpoolState } from "./spool-state.js";

/** Bytes that are read at once. */
const WINDOW = 2 ** 16;

/** A record that was read from its file and not handed out. */
interface Waiting {
  readonly record: SpooledRecord;
  readonly account: Account;
  /** Its place among its source's records. */
  readonly own: number;
}

export class SpoolReader {
  private segment: Segment | undefined;
  /** The segment that is read next has a number above this one. */
  private before = 0;
  private file: OpenFile | undefined;
  private frames: FrameReader | undefined;
  /** Records of the last frame that were not handed out. */
  private waiting: Waiting[] = [];
  private at = 0;
  /** The sequence that the next frame should begin with. */
  private next = 1;
  private reading: Promise<unknown> = Promise.resolve();

  /** @param onGap is called when records that should be there are not: a disk has lost them since the spool was opened */
  constructor(
    private readonly files: FileSystem,
    private readonly state: SpoolState,
    private readonly onGap: () => void,
  ) {}

  /** Resolves to the next records that are not settled, at most `limit`; to none if there are none yet. */
  read(limit: number): Promise<SpooledRecord[]> {
    const reading = this.reading.then(() => this.take(limit));
    this.reading = reading.catch(() => {});
    return reading;
  }

  /** Closes the file of a segment that is to be removed, when it is not being read any more. */
  async leave(segment: Segment): Promise<void> {
    await this.reading;
    if (this.segment === segment) await this.close();
  }

  /** Begins again with a segment that is being rewritten, when it is not being read any more. What is in flight is not read again. */
  async rewind(segment: Segment, rewrite: () => Promise<void>): Promise<void> {
    const done = this.reading.then(async () => {
      await rewrite();
      if (this.segment !== segment) return;
      await this.close();
      this.before = segment.number - 1;
    });
    this.reading = done.catch(() => {});
    await done;
  }

  async close(): Promise<void> {
    const { file } = this;
    this.file = this.frames = undefined;
    this.waiting = [];
    await file?.close();
  }

  private async take(limit: number): Promise<SpooledRecord[]> {
    const { settled, inflight } = this.state;
    const taken: SpooledRecord[] = [];
    while (taken.length < limit) {
      const next = this.waiting[this.at];
      if (next === undefined) {
        if (!(await this.fill())) break;
        continue;
      }
      const { record, account, own } = next;
      const { sequence } = record;
      if (sequence >= settled.cursor + MOST_BEYOND) break;
      this.at++;
      if (own <= account.clearedTo) settled.skip(sequence, sequence + 1);
      else if (!settled.has(sequence) && !inflight.has(sequence)) taken.push(record);
    }
    return taken;
  }

  /** Reads the next frame. Resolves to false if there is none yet. */
  private async fill(): Promise<boolean> {
    for (;;) {
      const { frames, segment } = this;
      if (frames === undefined || segment === undefined || segment.isRemoved) {
        if (!(await this.openNext())) return false;
        continue;
      }
      const { end } = segment;
      frames.extend(end);
      const { fresh } = segment;
      if (fresh?.position === frames.position) {
        frames.skip(fresh.body.length);
        this.decode(fresh.body);
        return true;
      }
      const found = await frames.next();
      if (found === undefined) {
        if (segment.end > end) continue; // written meanwhile
        if (segment === this.state.segments.at(-1)) return false;
        await this.close();
        continue;
      }
      if ("damaged" in found) continue; // noticed by the gap that it leaves
      this.decode(Buffer.from(found.body));
      return true;
    }
  }

  private async openNext(): Promise<boolean> {
    const after = this.before;
    await this.close();
    const segment = this.state.segments.find(({ number, isRemoved }) => number > after && !isRemoved);
    if (segment === undefined) return false;
    this.segment = segment;
    this.before = segment.number;
    const file = await this.files.open(segment.path, "existing");
    if (file === undefined) return true; // noticed by the gap that it leaves
    this.file = file;
    this.frames = new FrameReader(file, segment.end, segment.framing, isBody, WINDOW);
    return true;
  }

  private decode(body: Buffer): void {
    const { ledger, settled } = this.state;
    const { first, acceptedAt } = bodyStart(body);
    if (settled.skip(this.next, first)) this.onGap();
    this.next = first;
    this.waiting = [];
    this.at = 0;
    eachEntry(body, {
      definition: () => {},
      record: (sequence, source, own, fields) => {
        this.next = sequence + 1;
        const account = ledger.byNumberOf(source);
        if (account === undefined) return;
        this.waiting.push({ record: decodeRecord(sequence, account.id, acceptedAt, fields), account, own });
      },
    });
  }
}
