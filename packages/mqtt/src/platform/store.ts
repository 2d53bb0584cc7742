/**
 * How sessions are kept beyond the process: each is a small ordered table of records under a name. What the records mean is the
 * session's affair; a store keeps them whole, in order of their keys, and durable before `write` resolves.
 */

/** One step: a record put (replacing what had its key) or, with `value` undefined, taken away. */
export interface StoreChange {
  /** An integer from 0 to 2^53 - 1. */
  readonly key: number;
  readonly value: Uint8Array | undefined;
}

export interface StoreRecord {
  readonly key: number;
  readonly value: Uint8Array;
}

/**
 * Keeps any number of sessions, and any number of them may be open at once. What it rejects with, the client passes on if it is an MqttError,
 * as `new StoreError("STORE_FULL", why)`; else it is STORE_FAILED.
 */
export interface Store {
  /**
   * Takes possession of the session kept under `name`, which need not exist yet. Rejects with STORE_LOCKED while the session is
   * open, in this process or in another one.
   */
  open(name: string): Promise<OpenedSession>;
}

export interface OpenedSession {
  /**
   * What the session held, in ascending order of the keys. The records belong to the caller: `session` keeps none of them, so an
   * open session costs no memory for its values.
   */
  readonly records: readonly StoreRecord[];
  readonly session: StoredSession;
}

/** A session of a store that is open, and has one owner. Closed sessions cost nothing, so close those that are not used. */
export interface StoredSession {
  /** All of `changes` or none, in order. Resolves when they would survive a crash. Rejects after `close`. */
  write(changes: readonly StoreChange[]): Promise<void>;
  /** Gives the session up; its records stay. Resolves when all that was written is durable. May be called again. */
  close(): Promise<void>;
  /** The same as `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}
