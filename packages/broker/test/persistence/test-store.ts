// A store in memory that can be slow, fail, and lose its owner as if the process had been killed.
import {
  type MqttError,
  type OpenedSession,
  type Store,
  type StoreChange,
  type StoredSession,
  StoreError,
  type TakeRecord,
} from "@aiko/mqtt";

export class TestStore implements Store {
  readonly records = new Map<number, Uint8Array>();
  /** How many writes were done. */
  writes = 0;
  /** How many writes failed by `fail`. */
  failures = 0;
  /** How many sessions were closed. */
  closed = 0;
  /** Whether it has `read`. */
  canRead = true;
  /** Whether it passes its records to the function that `open` receives. */
  isHandingOver = false;
  /** How often records were read. */
  reads = 0;
  /** Reading fails with this error. */
  unreadable: Error | undefined;
  /** The bytes that there is room for. */
  maximumBytes = Infinity;
  private owner: object | undefined;
  private failure: MqttError | undefined;
  private held: (() => void)[] | undefined;
  private reading: Promise<void> | undefined;

  async open(name: string, take?: TakeRecord): Promise<OpenedSession> {
    if (this.isHandingOver) for (const [key, value] of this.records) take?.(key, value);
    if (name !== "broker") throw new Error(`the broker opened "${name}"`);
    const owner = {};
    this.owner = owner;
    this.release();
    const session: StoredSession = {
      write: (changes) => this.write(owner, changes),
      ...(this.canRead && { read: (keys) => this.read(keys) }),
      close: async () => {
        this.closed++;
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
    if (this.isHandingOver) return { records: [], session };
    const records = [...this.records].sort(([a], [b]) => a - b).map(([key, value]) => ({ key, value: value.slice() }));
    return { records, session };
  }

  /** The process of the current owner is killed. Its writes that were not done are lost. */
  kill(): void {
    this.owner = undefined;
    this.held = undefined;
    this.failure = undefined;
  }

  /** Writes wait until `release`. */
  hold(): void {
    this.held = [];
  }

  release(): void {
    const { held } = this;
    this.held = undefined;
    for (const each of held ?? []) each();
  }

  /** Reads wait until the returned function is called. */
  holdReads(): () => void {
    let release: (() => void) | undefined;
    this.reading = new Promise((resolve) => {
      release = resolve;
    });
    return () => release?.();
  }

  /** Writes fail until `recover`. */
  fail(error: MqttError = new StoreError("STORE_FULL", "no room")): void {
    this.failure = error;
  }

  recover(): void {
    this.failure = undefined;
  }

  get bytes(): number {
    let bytes = 0;
    for (const { length } of this.records.values()) bytes += length + 64;
    return bytes;
  }

  private async read(keys: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    this.reads++;
    await this.reading;
    if (this.unreadable !== undefined) throw this.unreadable;
    return keys.map((key) => this.records.get(key)?.slice());
  }

  private async write(owner: object, changes: readonly StoreChange[]): Promise<void> {
    const { held } = this;
    if (held !== undefined) await new Promise<void>((resolve) => held.push(resolve));
    if (owner !== this.owner) return new Promise(() => undefined);
    if (this.failure !== undefined) {
      this.failures++;
      throw this.failure;
    }
    const before = new Map(this.records);
    for (const { key, value } of changes) {
      if (value === undefined) this.records.delete(key);
      else this.records.set(key, value.slice());
    }
    if (this.bytes > this.maximumBytes) {
      this.records.clear();
      for (const [key, value] of before) this.records.set(key, value);
      throw new StoreError("STORE_FULL", "no room");
    }
    this.writes++;
  }
}
