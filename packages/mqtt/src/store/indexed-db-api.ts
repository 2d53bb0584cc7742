/**
 * The parts of IndexedDB and Web Locks that the store uses. They are declared here, since this code is compiled without
 * any platform's types.
 */

export interface Request<Result> {
  readonly result: Result;
  readonly error: unknown;
  onsuccess: (() => void) | null;
  onerror: (() => void) | null;
}

interface ObjectStore {
  put(value: unknown, key: unknown): unknown;
  delete(key: unknown): unknown;
  getAllKeys(range: unknown): Request<readonly unknown[]>;
  getAll(range: unknown): Request<readonly unknown[]>;
}

export interface Transaction {
  readonly error: unknown;
  objectStore(name: string): ObjectStore;
  abort(): void;
  oncomplete: (() => void) | null;
  onabort: (() => void) | null;
}

export interface Database {
  createObjectStore(name: string): unknown;
  transaction(
    name: string,
    mode: "readonly" | "readwrite",
    options?: { readonly durability: "strict" | "relaxed" },
  ): Transaction;
  close(): void;
  onversionchange: (() => void) | null;
}

interface Locks {
  /** Rejects with the signal's reason if it fires before the lock is granted. */
  request(name: string, options: { readonly signal: object }, whileHeld: () => Promise<void>): Promise<void>;
}

/**
 * The globals of a page or worker. `navigator.locks` exists only if the page was loaded over https: or from this
 * machine.
 */
export interface Scope {
  readonly indexedDB?: {
    open(
      name: string,
      version: number,
    ): Request<Database> & {
      onupgradeneeded: (() => void) | null;
    };
  };
  readonly IDBKeyRange?: { bound(lower: unknown, upper: unknown): unknown };
  readonly navigator?: { readonly locks?: Locks };
  readonly AbortSignal: { timeout(milliseconds: number): object };
}
