/** Counts what became of each source's records, so that at any time: in = out + spooled + dropped. Reads and writes no file. */

import { StoreError } from "@aiko/mqtt";

/** What became of a source's records, since the spool was created. `in` = `out` + `spooled` + the sum of `dropped`. */
export interface SpoolCounts {
  /** Records that came from the source: those that were accepted, and those that were dropped before. */
  readonly in: number;
  /** Records that were settled as "out". */
  readonly out: number;
  /** Records that are accepted and not settled. */
  readonly spooled: number;
  /** Records that were dropped, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
}

/** The most sources. */
const MOST_SOURCES = 256;
/** The most reasons of one source. A reason beyond is counted as "other". */
const MOST_REASONS = 28;
/** The most reasons of all sources. */
const MOST_DIFFERENT_REASONS = 64;
/** The most bytes of an id or a reason. */
export const LONGEST_NAME = 64;
const LONGEST_REASON = 32;
const OTHER = "other";

/** One source's counts. */
export class Account {
  in = 0;
  out = 0;
  spooled = 0;
  /** Records that were accepted: the place of the last one among its source's records. */
  accepted = 0;
  /** Records up to this place were dropped together. */
  clearedTo = 0;
  readonly dropped = new Map<string, number>();

  constructor(
    readonly number: number,
    readonly id: string,
  ) {}

  get counts(): SpoolCounts {
    const { in: came, out, spooled, dropped } = this;
    return { in: came, out, spooled, dropped: Object.fromEntries(dropped) };
  }

  get droppedInAll(): number {
    let sum = 0;
    for (const count of this.dropped.values()) sum += count;
    return sum;
  }
}

export class Ledger {
  private readonly byNumber = new Map<number, Account>();
  private readonly byId = new Map<string, Account>();
  private readonly reasons = new Set<string>([OTHER]);

  get accounts(): Iterable<Account> {
    return this.byNumber.values();
  }

  byNumberOf(number: number): Account | undefined {
    return this.byNumber.get(number);
  }

  byIdOf(id: string): Account | undefined {
    return this.byId.get(id);
  }

  /**
   * Returns the source's account, which is opened if there is none.
   *
   * @throws StoreError STORE_FULL if there are MOST_SOURCES
   */
  open(id: string): Account {
    const known = this.byId.get(id);
    if (known !== undefined) return known;
    if (this.byNumber.size >= MOST_SOURCES) {
      throw new StoreError("STORE_FULL", `spool: source "${id}" would be one more than ${MOST_SOURCES} sources`);
    }
    let number = 1;
    while (this.byNumber.has(number)) number++;
    return this.add(number, id);
  }

  /** An account as a file has it. The same number with another id is damage that no checksum found; the first one stays. */
  add(number: number, id: string): Account {
    const known = this.byNumber.get(number);
    if (known !== undefined) return known;
    const account = new Account(number, id);
    this.byNumber.set(number, account);
    this.byId.set(id, account);
    return account;
  }

  /** Counts records as dropped, which the account has as spooled, or as having come. */
  drop(account: Account, reason: string, count: number): void {
    const name = this.reasonOf(account, reason);
    account.dropped.set(name, (account.dropped.get(name) ?? 0) + count);
  }

  private reasonOf({ dropped }: Account, reason: string): string {
    if (dropped.has(reason)) return reason;
    const isShort = reason.length <= LONGEST_REASON && /^[!-~]+$/.test(reason);
    const isKnown = this.reasons.has(reason) || this.reasons.size < MOST_DIFFERENT_REASONS;
    if (!isShort || !isKnown || dropped.size >= MOST_REASONS - 1) return OTHER;
    this.reasons.add(reason);
    return reason;
  }
}
