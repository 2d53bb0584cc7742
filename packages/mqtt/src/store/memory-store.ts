/**
 * Sessions kept in memory: they outlive clients, not the process. One client at a time owns the store; when it has closed,
 * another one may take the same session over, or open one of another name.
 */

import { StoreError, UsageError } from "../errors.js";
import { holds, readOptions } from "../options/option-rules.js";
import type { Store, StoreChange, StoreRecord } from "../platform/store.js";

export interface MemoryStoreOptions {
  /** The most bytes that all sessions together take; a write beyond is refused. Default 64 MiB. */
  readonly maximumBytes?: number | undefined;
}

const rules = {
  maximumBytes: holds<number, number>(
    (value) => typeof value === "number" && value > 0,
    "must be a number above 0",
    64 * 2 ** 20,
  ),
} satisfies Record<keyof MemoryStoreOptions, unknown>;

/** What a record takes besides its value, roughly: its key and its places in the table. */
const RECORD_OVERHEAD = 64;

type Session = Map<number, Uint8Array>;

export class MemoryStore implements Store {
  private readonly sessions = new Map<string, Session>();
  private readonly maximumBytes: number;
  private opened: { name: string; session: Session } | undefined;
  private bytes = 0;

  constructor(options: MemoryStoreOptions = {}) {
    this.maximumBytes = readOptions(rules, options).maximumBytes;
  }

  async open(name: string): Promise<readonly StoreRecord[]> {
    if (this.opened !== undefined) {
      throw new StoreError(
        "STORE_LOCKED",
        `store: cannot open the session "${name}" while "${this.opened.name}" is open, one client at a time owns a store`,
      );
    }
    let session = this.sessions.get(name);
    if (session === undefined) {
      session = new Map();
      this.sessions.set(name, session);
    }
    this.opened = { name, session };
    return [...session].map(([key, value]) => ({ key, value: value.slice() })).sort((a, b) => a.key - b.key);
  }

  async write(changes: readonly StoreChange[]): Promise<void> {
    const session = this.openSession();
    const growth = growthBy(session, changes);
    const bytes = this.bytes + growth;
    if (growth > 0 && bytes > this.maximumBytes) {
      throw new StoreError(
        "STORE_FULL",
        `the memory store would hold ${bytes} bytes, its maximumBytes is ${this.maximumBytes}: nothing was written`,
      );
    }
    for (const { key, value } of changes) {
      if (value === undefined) session.delete(key);
      else session.set(key, value.slice());
    }
    this.bytes = bytes;
  }

  async close(): Promise<void> {
    if (this.opened?.session.size === 0) this.sessions.delete(this.opened.name);
    this.opened = undefined;
  }

  private openSession(): Session {
    if (this.opened === undefined) {
      throw new UsageError("OPTION_INVALID", "store: write needs a session that is open, and none is");
    }
    return this.opened.session;
  }
}

/** By how many bytes the session grows if all of the changes are made. */
function growthBy(session: Session, changes: readonly StoreChange[]): number {
  const after = new Map<number, number>();
  let growth = 0;
  for (const { key, value } of changes) {
    const before = after.get(key) ?? sizeOf(session.get(key));
    const size = sizeOf(value);
    growth += size - before;
    after.set(key, size);
  }
  return growth;
}

function sizeOf(value: Uint8Array | undefined): number {
  return value === undefined ? 0 : value.length + RECORD_OVERHEAD;
}
