/**
 * The entry `@aiko/mqtt/indexed-db`: keeps sessions in a browser's IndexedDB, so that they survive the page. Each
 * record is a record of the database, under the session's name and its own key. A write is one transaction, which is
 * durable when it resolves.
 *
 * @module @aiko/mqtt/indexed-db
 */

import { MqttError, StoreError } from "../errors.js";
import { readOptions, text } from "../options/option-rules.js";
import type { OpenedSession, Store, StoreChange, StoredSession, StoreRecord } from "../platform/store.js";
import type { Database, Request, Scope, Transaction } from "./indexed-db-api.js";

/** Options of IndexedDbStore. */
export interface IndexedDbStoreOptions {
  /**
   * The name of the database. Use different names for pages of one origin that must not share sessions. Default
   * "aiko-mqtt".
   */
  readonly database?: string | undefined;
}

const rules = { database: text("aiko-mqtt") } satisfies Record<keyof IndexedDbStoreOptions, unknown>;

const RECORDS = "records";
const VERSION = 1;

/** The sessions that this page or worker has open. */
const openHere = new Set<string>();

/**
 * Keeps sessions in IndexedDB, so that they survive the page. The client's `outbox` and the browser's quota limit the
 * size of a session. A session has one owner: a page or worker. If the browser has no Web Locks (a page loaded over
 * http: from another machine), other pages cannot see that a session is open. Give each page a client identifier of its
 * own in any case. An open session uses a connection to the database and a Web Lock.
 *
 * @example await connect("wss://server/mqtt", { clientId, cleanStart: false, store: new IndexedDbStore() })
 */
export class IndexedDbStore implements Store {
  private readonly databaseName: string;

  /** @throws UsageError OPTION_INVALID */
  constructor(options: IndexedDbStoreOptions = {}) {
    this.databaseName = readOptions(rules, options).database;
  }

  /** @throws StoreError STORE_LOCKED or STORE_FAILED */
  async open(name: string): Promise<OpenedSession> {
    let unlock: (() => void) | undefined;
    let database: Database | undefined;
    try {
      unlock = await lock(this.databaseName, name);
      database = await openDatabase(this.databaseName);
      const records = await readAll(database, name);
      return { records, session: new IndexedDbSession(name, database, unlock) };
    } catch (error) {
      database?.close();
      unlock?.();
      throw asStoreError(error, `the session "${name}" cannot be read`);
    }
  }
}

class IndexedDbSession implements StoredSession {
  constructor(
    private readonly name: string,
    private readonly database: Database,
    private unlock: (() => void) | undefined,
  ) {}

  /** @throws StoreError STORE_FULL or STORE_FAILED; in that case nothing of `changes` was written */
  write(changes: readonly StoreChange[]): Promise<void> {
    const { name, database } = this;
    return new Promise((resolve, reject) => {
      const failed = (error: unknown): void => reject(asStoreError(error, "nothing was written"));
      let transaction: Transaction | undefined;
      try {
        transaction = database.transaction(RECORDS, "readwrite", { durability: "strict" }); // throws if it is closed
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => failed(transaction?.error);
        const records = transaction.objectStore(RECORDS);
        for (const { key, value } of changes) {
          if (value === undefined) records.delete([name, key]);
          else records.put(alone(value), [name, key]);
        }
      } catch (error) {
        failed(error);
        transaction?.abort();
      }
    });
  }

  async close(): Promise<void> {
    this.database.close(); // after the running transactions
    this.unlock?.(); // only once: another owner may have the lock by now
    this.unlock = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Copies the value, because the database would store its whole buffer. */
function alone(value: Uint8Array): Uint8Array {
  return value.length === value.buffer.byteLength ? value : value.slice();
}

async function openDatabase(name: string): Promise<Database> {
  const { indexedDB } = globalThis as unknown as Scope;
  if (indexedDB === undefined) {
    throw new StoreError("STORE_FAILED", "store: this runtime has no IndexedDB");
  }
  const opening = indexedDB.open(name, VERSION);
  opening.onupgradeneeded = () => opening.result.createObjectStore(RECORDS);
  const database = await settled(opening);
  database.onversionchange = () => database.close(); // so that deleting the database does not wait for this page
  return database;
}

async function readAll(database: Database, name: string): Promise<StoreRecord[]> {
  const range = (globalThis as unknown as Scope).IDBKeyRange?.bound([name], [name, []]);
  const records = database.transaction(RECORDS, "readonly").objectStore(RECORDS);
  const [keys, values] = await Promise.all([settled(records.getAllKeys(range)), settled(records.getAll(range))]);
  return keys.map((key, i) => ({ key: (key as [string, number])[1], value: values[i] as Uint8Array }));
}

function settled<Result>(request: Request<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * Milliseconds to wait for a session's lock. When a page is reloaded, the browser needs a moment to release the lock. A
 * lock that is held longer belongs to a live page.
 */
const LOCK_PATIENCE = 1_000;

/**
 * Locks the session for this page or worker. Resolves to a function that releases the lock. The browser releases it
 * when the page is closed.
 */
async function lock(database: string, name: string): Promise<() => void> {
  const lockName = `${database}/${name}`;
  if (openHere.has(lockName)) throw taken(name);
  openHere.add(lockName);
  try {
    const release = await webLock(lockName);
    return () => {
      openHere.delete(lockName);
      release();
    };
  } catch (error) {
    openHere.delete(lockName);
    throw (error as { name?: string }).name === "TimeoutError" ? taken(name) : error;
  }
}

/** Resolves to a function that releases the lock, when this page has it; immediately if there are no locks. */
function webLock(lockName: string): Promise<() => void> {
  const { navigator, AbortSignal } = globalThis as unknown as Scope;
  const locks = navigator?.locks;
  return new Promise((resolve, reject) => {
    if (locks === undefined) {
      resolve(() => undefined);
      return;
    }
    const held = (): Promise<void> => new Promise((release) => resolve(release));
    locks.request(lockName, { signal: AbortSignal.timeout(LOCK_PATIENCE) }, held).catch(reject);
  });
}

function taken(name: string): StoreError {
  return new StoreError(
    "STORE_LOCKED",
    `store: the session "${name}" is open in another client, page or worker; give each its own clientId`,
  );
}

function asStoreError(error: unknown, consequence: string): MqttError {
  if (error instanceof MqttError) return error;
  const { name, message } = (error ?? {}) as { name?: string; message?: string };
  if (name === "QuotaExceededError") {
    return new StoreError("STORE_FULL", `store: the browser has no more storage space for this site; ${consequence}`, {
      cause: error,
    });
  }
  const why = `IndexedDB failed with ${name ?? "no error"}${message ? `, "${message}"` : ""}`;
  return new StoreError("STORE_FAILED", `store: ${why}; ${consequence}`, { cause: error });
}
