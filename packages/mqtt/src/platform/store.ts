/**
 * How a session is kept beyond the process: a small ordered table of records. What the records mean is the session's
 * affair; a store keeps them whole, in order of their keys, and durable before `write` resolves.
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

/** What a store rejects with, the client passes on if it is an MqttError, as `new StoreError("STORE_FULL", why)`; else it is STORE_FAILED. */
export interface Store {
  /**
   * Takes possession of the session kept under `name` and returns its records in ascending order of their keys.
   * Rejects if another owner has it.
   */
  open(name: string): Promise<readonly StoreRecord[]>;
  /** All of `changes` or none, in order. Resolves when they would survive a crash. */
  write(changes: readonly StoreChange[]): Promise<void>;
  /** Gives the session up; its records stay. */
  close(): Promise<void>;
}
