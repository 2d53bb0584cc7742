/** Sessions kept in memory: they survive clients, but not the process. A session has one owner at a time. */

import { StoreError } from "../errors.js";
import { holds, readOptions } from "../options/option-rules.js";
import type { OpenedSession, Store, StoreChange, StoredSession } from "../platform/store.js";

/** Options of MemoryStore. */
export interface MemoryStoreOptions {
  /**
   * The bytes that all sessions together may use, above 0. Writes beyond are rejected with STORE_FULL. Default
   * 67,108,864 (64 MiB).
   */
  readonly maximumBytes?: number | undefined;
}

const rules = {
  maximumBytes: holds<number, number>(
    (value) => typeof value === "number" && value > 0,
    "must be a number greater than 0",
    64 * 2 ** 20,
  ),
} satisfies Record<keyof MemoryStoreOptions, unknown>;

/** Approximate bytes that a record takes in addition to its value: its key and its table entries. */
const RECORD_OVERHEAD = 64;

type Table = Map<number, Uint8Array>;

/** What all sessions of a store share. */
interface Space {
  readonly maximumBytes: number;
  bytes: number;
}

/** Keeps sessions in memory: they survive clients, but not the process. A session has one owner at a time. */
export class MemoryStore implements Store {
  private readonly sessions = new Map<string, Table>();
  private readonly opened = new Set<string>();
  private readonly space: Space;

  /** @throws UsageError OPTION_UNKNOWN or OPTION_INVALID */
  constructor(options: MemoryStoreOptions = {}) {
    this.space = { maximumBytes: readOptions(rules, options).maximumBytes, bytes: 0 };
  }

  /** @throws StoreError STORE_LOCKED */
  async open(name: string): Promise<OpenedSession> {
    if (this.opened.has(name)) {
      throw new StoreError(
        "STORE_LOCKED",
        `store: the session "${name}" is already open; close it first, or give each client its own clientId`,
      );
    }
    this.opened.add(name);
    const table: Table = this.sessions.get(name) ?? new Map();
    this.sessions.set(name, table);
    const session = new MemorySession(table, this.space, () => {
      this.opened.delete(name);
      if (table.size === 0) this.sessions.delete(name);
    });
    const records = [...table].map(([key, value]) => ({ key, value: value.slice() }));
    return { records: records.sort((a, b) => a.key - b.key), session };
  }
}

class MemorySession implements StoredSession {
  constructor(
    private readonly table: Table,
    private readonly space: Space,
    private release: (() => void) | undefined,
  ) {}

  async write(changes: readonly StoreChange[]): Promise<void> {
    const { opened: table, space } = this;
    const growth = growthBy(table, changes);
    const bytes = space.bytes + growth;
    if (growth > 0 && bytes > space.maximumBytes) {
      throw new StoreError(
        "STORE_FULL",
        `the memory store would hold ${bytes} bytes, but maximumBytes is ${space.maximumBytes}; nothing was written`,
      );
    }
    for (const { key, value } of changes) {
      if (value === undefined) table.delete(key);
      else table.set(key, value.slice());
    }
    space.bytes = bytes;
  }

  /** @throws StoreError STORE_FAILED if it is closed */
  private get opened(): Table {
    if (this.release !== undefined) return this.table;
    throw new StoreError("STORE_FAILED", "store: the session is closed");
  }

  /** @throws StoreError STORE_FAILED */
  async read(keys: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    const { opened } = this;
    return keys.map((key) => opened.get(key)?.slice());
  }

  async close(): Promise<void> {
    this.release?.();
    this.release = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Returns by how many bytes the session grows if all changes are made. */
function growthBy(table: Table, changes: readonly StoreChange[]): number {
  const after = new Map<number, number>();
  let growth = 0;
  for (const { key, value } of changes) {
    const before = after.get(key) ?? sizeOf(table.get(key));
    const size = sizeOf(value);
    growth += size - before;
    after.set(key, size);
  }
  return growth;
}

function sizeOf(value: Uint8Array | undefined): number {
  return value === undefined ? 0 : value.length + RECORD_OVERHEAD;
}
