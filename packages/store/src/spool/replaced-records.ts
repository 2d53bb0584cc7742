/**
 * Rewrites a segment without the records of which the spool has a later one with the same topic. Memory depends on the topics of this segment. The
 * reader must not read meanwhile.
 */

import type { FileSystem } from "../file-system.js";
import type { Account } from "./ledger.js";
import { Segment } from "./segment.js";
import { bodies, scan } from "./segment-scan.js";
import { BodyWriter, bodyStart, decodeRecord, eachEntry } from "./spool-record.js";
import type { SpoolState } from "./spool-state.js";

/**
 * Returns whether records were dropped, with the reason "full". Records in flight are not.
 *
 * @param later the segments after this one
 */
export async function dropReplaced(
  files: FileSystem,
  directory: string,
  segment: Segment,
  later: readonly Segment[],
  state: SpoolState,
): Promise<boolean> {
  const replaced = await replacedIn(files, segment, later, state);
  if (replaced.sequences.size === 0) return false;
  const { copy, kept } = await rewrite(files, directory, segment, replaced.sequences, state);
  await files.syncDirectory(directory);
  segment.framing = copy.framing;
  segment.end = copy.end;
  segment.isDamaged = false;
  for (const [account, count] of replaced.counts) state.drop(account, "full", count);
  let next = segment.first;
  for (const sequence of kept) {
    state.settled.skip(next, sequence);
    next = sequence + 1;
  }
  state.settled.skip(next, segment.next);
  return true;
}

interface Replaced {
  readonly sequences: ReadonlySet<number>;
  readonly counts: ReadonlyMap<Account, number>;
}

async function replacedIn(
  files: FileSystem,
  segment: Segment,
  later: readonly Segment[],
  state: SpoolState,
): Promise<Replaced> {
  /** The last record of each topic in this segment. */
  const last = new Map<string, number>();
  const nothing = (): void => {};
  await scan(files, segment, {
    definition: nothing,
    record: (sequence, _source, _own, { topic }) => last.set(topic.toString("latin1"), sequence),
  });
  const again = new Set<string>();
  for (const each of later) {
    await scan(files, each, {
      definition: nothing,
      record: (_sequence, _source, _own, { topic }) => {
        const name = topic.toString("latin1");
        if (last.has(name)) again.add(name);
      },
    });
  }
  const sequences = new Set<number>();
  const counts = new Map<Account, number>();
  await scan(files, segment, {
    definition: nothing,
    record: (sequence, source, own, { topic }) => {
      const account = state.ledger.byNumberOf(source);
      if (account === undefined || !isWaiting(state, account, sequence, own)) return;
      const name = topic.toString("latin1");
      if (last.get(name) === sequence && !again.has(name)) return;
      sequences.add(sequence);
      counts.set(account, (counts.get(account) ?? 0) + 1);
    },
  });
  return { sequences, counts };
}

/** Whether the record is neither settled nor in flight. */
function isWaiting({ settled, inflight }: SpoolState, account: Account, sequence: number, own: number): boolean {
  return own > account.clearedTo && !settled.has(sequence) && !inflight.has(sequence);
}

/** Puts a segment with the other records that are not settled in the place of this one. */
async function rewrite(
  files: FileSystem,
  directory: string,
  segment: Segment,
  dropped: ReadonlySet<number>,
  { ledger, settled, next }: SpoolState,
): Promise<{ copy: Segment; kept: readonly number[] }> {
  const written: BodyWriter[] = [];
  const kept: number[] = [];
  let body: BodyWriter | undefined;
  for await (const found of bodies(files, segment)) {
    const { first, acceptedAt } = bodyStart(found);
    body = undefined;
    const bodyAt = (sequence: number): BodyWriter => {
      if (body?.next === sequence) return body;
      body = new BodyWriter(sequence, acceptedAt);
      written.push(body);
      return body;
    };
    eachEntry(found, {
      definition: (number, id, accepted) => bodyAt(body?.next ?? first).definition(number, id, accepted),
      record: (sequence, source, own, fields) => {
        const account = ledger.byNumberOf(source);
        if (account === undefined || own <= account.clearedTo || settled.has(sequence) || dropped.has(sequence)) return;
        kept.push(sequence);
        bodyAt(sequence).record(source, own, decodeRecord(sequence, account.id, acceptedAt, fields));
      },
    });
  }
  const [definitions = new BodyWriter(segment.first, 0), ...rest] = written;
  const others = rest.map((each) => each.body);
  const { number, first } = segment;
  const { segment: copy, file } = await Segment.create(
    files,
    directory,
    number,
    Math.min(first, next),
    definitions.body,
    others,
  );
  await file.close();
  return { copy, kept };
}
