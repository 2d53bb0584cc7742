/**
 * The interface of stores, which keep sessions beyond the process. A session is a small ordered table of records under
 * a name. The session defines what the records mean. A store returns them unchanged, in order of their keys, and makes
 * them durable before `write` resolves.
 */

/** One change: puts a record, replacing the record with the same key, or removes it if `value` is undefined. */
export interface StoreChange {
  /** An integer from 0 to 2^53 - 1. */
  readonly key: number;
  /** The bytes of the record. Undefined removes it. */
  readonly value: Uint8Array | undefined;
}

/** A record of a session. */
export interface StoreRecord {
  /** An integer from 0 to 2^53 - 1. */
  readonly key: number;
  /** The bytes of the record. */
  readonly value: Uint8Array;
}

/** Receives a record of a session that is being opened. The bytes are valid during the call only. */
export type TakeRecord = (key: number, value: Uint8Array) => void;

/**
 * Stores any number of sessions, any number of which may be open at the same time. If it rejects with an MqttError, such as
 * `new StoreError("STORE_FULL", why)`, the client passes that error on. Any other error becomes STORE_FAILED.
 * `storeSuite` of `@aiko/mqtt/testing` checks an implementation.
 */
export interface Store {
  /**
   * Opens the session `name`, which need not exist yet, and becomes its owner.
   *
   * @param take a store that has the values elsewhere than in memory may pass each record to it, in any order, instead of
   * collecting them in `records`
   * @throws StoreError STORE_LOCKED while the session is open, in this process or in another one
   */
  open(name: string, take?: TakeRecord): Promise<OpenedSession>;
}

/** A session that was opened, and its records. */
export interface OpenedSession {
  /**
   * The records of the session, in ascending order of the keys. They belong to the caller: `session` does not keep
   * them, so an open session uses no memory for its values. Records that `take` has received are not among them.
   */
  readonly records: readonly StoreRecord[];
  /** The open session. */
  readonly session: StoredSession;
}

/**
 * An open session of a store. It has one owner. Close sessions that you do not use: a closed session uses no resources.
 */
export interface StoredSession {
  /**
   * Writes all of `changes`, in order, or none of them. Resolves when they would survive a crash. Rejects after
   * `close`.
   */
  write(changes: readonly StoreChange[]): Promise<void>;
  /**
   * Reads records by their keys, as the last finished `write` has left them. Resolves to their values, in the order of
   * `keys`; undefined for a record that does not exist, or that was damaged. Optional: if a store has it, the embedded
   * broker leaves long queues in the store.
   */
  read?(keys: readonly number[]): Promise<readonly (Uint8Array | undefined)[]>;
  /**
   * Closes the session. Its records stay. Resolves when everything that was written is durable. Can be called again.
   */
  close(): Promise<void>;
  /** Calls `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}
