/** What an open spool knows of its records: which are settled, which are in flight, and each source's account. Reads and writes no file. */

import type { Account, Ledger } from "./ledger.js";
import type { Segment } from "./segment.js";
import type { Settled } from "./settled.js";
import type { SpooledRecord } from "./spool-record.js";

export class SpoolState {
  /** Records that were read and are not settled, in the order of acceptance. */
  readonly inflight = new Map<number, SpooledRecord>();
  /** Records that are accepted and not settled. */
  live = 0;
  /** Whether something changed since it was last written down for a power loss. */
  isDirty = false;
  /** Records that were settled since that was last written down: what is read again after the process was killed. */
  unwritten = 0;

  /**
   * @param segments the oldest first; the last one may grow
   * @param next the sequence of the next record
   */
  constructor(
    readonly settled: Settled,
    readonly ledger: Ledger,
    readonly segments: Segment[],
    public next: number,
  ) {
    for (const { spooled } of ledger.accounts) this.live += spooled;
  }

  /** The bytes that the segments take. */
  get bytes(): number {
    return this.segments.reduce((sum, { end }) => sum + end, 0);
  }

  /** Records of the account were accepted. */
  accept(account: Account, count: number): void {
    account.in += count;
    account.accepted += count;
    account.spooled += count;
    this.live += count;
  }

  /** Settles a record in flight. Returns false if it is not in flight. */
  settle(sequence: number, outcome: string): boolean {
    const record = this.inflight.get(sequence);
    if (record === undefined) return false;
    this.inflight.delete(sequence);
    const account = this.ledger.byIdOf(record.source);
    if (account === undefined || this.settled.has(sequence)) return false;
    this.settled.settle(sequence);
    this.unwritten++;
    if (outcome === "out") {
      account.out++;
      this.take(account, 1);
    } else {
      this.drop(account, outcome, 1);
    }
    return true;
  }

  /** Drops a record that may be in flight or unread. */
  dropOne(account: Account, sequence: number, reason: string): void {
    this.inflight.delete(sequence);
    this.settled.settle(sequence);
    this.drop(account, reason, 1);
  }

  /** Drops all records of the account. Returns how many there were. */
  clear(account: Account): number {
    const count = account.spooled;
    for (const [sequence, { source }] of this.inflight)
      if (source === account.id) this.dropOne(account, sequence, "cleared");
    account.clearedTo = account.accepted;
    if (account.spooled > 0) this.drop(account, "cleared", account.spooled);
    return count;
  }

  /** Drops records of the account that are spooled. */
  drop(account: Account, reason: string, count: number): void {
    this.take(account, count);
    this.ledger.drop(account, reason, count);
  }

  private take(account: Account, count: number): void {
    account.spooled -= count;
    this.live -= count;
    this.isDirty = true;
  }
}
