/**
 * Opens what a spool's last owner left: finds the intact records, sets damaged files aside, and settles the account of each source. A torn or
 * damaged file never prevents the spool from being opened.
 */

import { join } from "node:path";
import { codeOf, type FileSystem, type OpenFile } from "../file-system.js";
import { FrameReader } from "../frames.js";
import { type FoundFraming, readFraming } from "../framing.js";
import type { Damage } from "../journal.js";
import type { CursorState } from "./cursor-file.js";
import { Ledger } from "./ledger.js";
import { framingName, pathOf, Segment, segmentNumbers, unfinishedPath } from "./segment.js";
import { Settled } from "./settled.js";
import { bodyStart, eachEntry, isBody } from "./spool-record.js";

/** What was found. */
export interface Recovered extends CursorState {
  readonly segments: Segment[];
  /** The sequence of the next record. */
  readonly next: number;
  readonly damage: readonly Damage[];
}

/** Added to the name of a damaged file that is kept. */
const DAMAGED = ".damaged";
/** Damaged files that are kept. */
const KEPT_ASIDE = 10;

/** @param state what the cursor's file says; undefined if it says nothing */
export async function recover(
  files: FileSystem,
  directory: string,
  state: CursorState | undefined,
): Promise<Recovered> {
  await files.remove(unfinishedPath(directory));
  const recovery = new Recovery(files, directory, state ?? { settled: new Settled(1), ledger: new Ledger() });
  const numbers = await segmentNumbers(files, directory);
  for (const number of numbers) await recovery.read(number, number === numbers.at(-1));
  await recovery.limitKept();
  return recovery.finish(state !== undefined);
}

class Recovery {
  private readonly segments: Segment[] = [];
  private readonly damage: Damage[] = [];
  /** The sequence that the next record should have; undefined before the first. */
  private next: number | undefined;
  private readonly counted = new Map<number, number>();

  constructor(
    private readonly files: FileSystem,
    private readonly directory: string,
    private readonly state: CursorState,
  ) {
    for (const { number, accepted } of state.ledger.accounts) this.counted.set(number, accepted);
  }

  async read(number: number, isLast: boolean): Promise<void> {
    const path = pathOf(this.directory, number);
    const file = await this.files.open(path, "existing");
    if (file === undefined) return;
    try {
      const size = await file.size();
      const found = await readFraming(file, framingName(number));
      if (found === undefined) await this.setAside(path, [{ offset: 0, bytes: size }], true);
      else await this.readFrames(number, path, file, size, found, isLast);
    } finally {
      await file.close();
    }
  }

  private async readFrames(
    number: number,
    path: string,
    file: OpenFile,
    size: number,
    { framing, damaged }: FoundFraming,
    isLast: boolean,
  ): Promise<void> {
    const regions = damaged > 0 ? [{ offset: 0, bytes: damaged }] : [];
    const segment = new Segment(number, path, framing, size, this.next ?? 1);
    const reader = new FrameReader(file, size, framing, isBody);
    let isFirst = true;
    for (let found = await reader.next(); found !== undefined; found = await reader.next()) {
      if ("damaged" in found) {
        regions.push({ offset: found.position, bytes: found.damaged });
        continue;
      }
      const { first, acceptedAt } = bodyStart(found.body);
      if (isFirst) segment.first = first;
      isFirst = false;
      this.readBody(found.body, first);
      segment.lastAcceptedAt = acceptedAt;
    }
    segment.next = Math.max(segment.first, this.next ?? 1);
    const end = reader.position;
    if (end < size && isLast && regions.length === 0) {
      await file.truncate(end); // what a crash left of a write that was never reported as done
      segment.end = end;
    } else if (end < size) {
      regions.push({ offset: end, bytes: size - end });
    }
    if (isLast) await file.sync(); // a process that was killed may have written without syncing
    if (regions.length > 0) await this.setAside(path, regions, false);
    segment.isDamaged = regions.length > 0;
    this.segments.push(segment);
  }

  private readBody(body: Buffer, first: number): void {
    const { settled, ledger } = this.state;
    settled.skip(this.next ?? 1, first);
    this.next = first;
    eachEntry(body, {
      definition: (source, id, accepted) => {
        const account = ledger.add(source, id);
        account.accepted = Math.max(account.accepted, accepted);
      },
      record: (sequence, source, own) => {
        this.next = sequence + 1;
        const account = ledger.byNumberOf(source) ?? ledger.add(source, `source-${source}`); // its definition was damaged
        account.accepted = Math.max(account.accepted, own);
        if (own <= account.clearedTo) settled.skip(sequence, sequence + 1);
        else if (!settled.has(sequence)) account.spooled++;
      },
    });
  }

  /** Keeps the file as it is under another name, once. A file that has no intact record loses its own. */
  private async setAside(
    path: string,
    regions: readonly { offset: number; bytes: number }[],
    isLost: boolean,
  ): Promise<void> {
    const keptAs = `${path}${DAMAGED}`;
    try {
      await this.files.link(path, keptAs);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
    if (isLost) await this.files.remove(path);
    for (const region of regions) this.damage.push({ file: path, ...region, keptAs });
  }

  /** Removes the oldest damaged files: a disk that goes on losing bits must not fill up with them. */
  async limitKept(): Promise<void> {
    const kept = (await this.files.list(this.directory)).filter((name) => name.endsWith(DAMAGED)).sort();
    for (const name of kept.slice(0, -KEPT_ASIDE)) await this.files.remove(join(this.directory, name));
  }

  /** @param isCounted whether the counts are those of the cursor's file; without it, they begin with what was found */
  finish(isCounted: boolean): Recovered {
    const { settled, ledger } = this.state;
    const next = Math.max(this.next ?? 1, settled.cursor);
    for (const account of ledger.accounts) {
      account.in += isCounted ? account.accepted - (this.counted.get(account.number) ?? 0) : account.spooled;
      const lost = account.in - account.out - account.spooled - account.droppedInAll;
      if (lost > 0) ledger.drop(account, "damaged", lost);
    }
    return { segments: this.segments, next, damage: this.damage, settled, ledger };
  }
}
