/** Changes of the journal that are written together. Knows nothing of records and of stores. */

import type { MqttError } from "@aiko/mqtt";

/** Undoes what could not be written. Nothing that depends on it was sent. */
export type Undo = (error: MqttError) => void;

export class Batch {
  readonly changes = new Map<number, Uint8Array | undefined>();
  /** The keys of records that were added with this batch. */
  readonly added = new Set<number>();
  readonly undo = new Map<number, Undo>();
  /** Whether it only has the probe. */
  isProbe = false;
  readonly written: Promise<void>;
  declare resolve: () => void;
  declare reject: (error: MqttError) => void;

  constructor(readonly number: number) {
    this.written = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.written.catch(() => undefined); // possibly, no connection waits for it
  }

  /** Whether it puts one of these records. */
  puts(keys: readonly number[]): boolean {
    return keys.some((key) => this.changes.get(key) !== undefined);
  }
}
