/**
 * The requirements for every Store, wherever it keeps its records: one suite of cases for all implementations and any
 * test runner.
 */

import type { OpenedSession, Store, StoreChange, StoredSession, StoreRecord, TakeRecord } from "../platform/store.js";
import { check, checkBytes, checkRejects, pattern, type SuiteCase } from "./suite.js";

/** What `storeSuite` checks. */
export interface StoreHarness {
  /** Resolves to a new, empty place for sessions. */
  place(): Promise<StorePlace>;
}

/** A place where sessions are stored, such as a directory. */
export interface StorePlace {
  /** Returns a store at this place. Each call acts as another client. */
  store(): Store;
  /**
   * Returns a store whose process dies at operation `at`, counted from 0. That operation is done, half done or not
   * done; later operations are not done. Implement it for places that can interrupt a write. For others, the suite
   * interrupts before and after each write.
   */
  dying?(at: number): DyingStore;
  /** Removes the place after every session was closed. */
  dispose(): Promise<void>;
}

/** A store whose process dies at a chosen operation. */
export interface DyingStore {
  /** The store. */
  readonly store: Store;
  /** Whether that operation was reached. */
  readonly isDead: boolean;
  /** Removes what is left of the process, so that another one can start. */
  bury(): Promise<void>;
}

const LARGEST_KEY = 2 ** 53 - 1;

/**
 * Returns the cases that every Store must pass, for any test runner.
 *
 * @example for (const { name, run } of storeSuite({ place })) test(name, run);
 */
export function storeSuite(harness: StoreHarness): SuiteCase[] {
  const at = (name: string, body: (place: Place) => Promise<void>): SuiteCase => ({
    name,
    async run() {
      const place = new Place(await harness.place());
      try {
        await body(place);
      } finally {
        await place.dispose();
      }
    },
  });

  return [
    at("a session that nobody wrote holds nothing", async (place) => {
      const { records } = await place.open("s");
      check(records.length === 0, "there are no records");
    }),
    at("opening again sees what was written", async (place) => {
      const { session } = await place.open("s");
      await session.write([put(7, pattern(3)), put(9, new Uint8Array(0))]);
      await session.close();
      checkRecords((await place.open("s")).records, [put(7, pattern(3)), put(9, new Uint8Array(0))]);
    }),
    at("records come in ascending order of their keys", async (place) => {
      const keys = [5, 0, 1000, 10, LARGEST_KEY, 9, 2 ** 48 + 1, 2 ** 32, 255, 256, 65_536, 2 ** 31];
      const { session } = await place.open("s");
      for (const key of keys) await session.write([put(key, pattern(2, key % 100))]);
      await session.close();
      const sorted = keys.sort((a, b) => a - b).map((key) => put(key, pattern(2, key % 100)));
      checkRecords((await place.open("s")).records, sorted);
    }),
    at("a put replaces, a remove takes away, also what is not there", async (place) => {
      const { session } = await place.open("s");
      await session.write([put(1, pattern(1)), put(2, pattern(2)), put(3, pattern(3))]);
      await session.write([put(2, pattern(20)), remove(3), remove(4)]);
      await session.close();
      checkRecords((await place.open("s")).records, [put(1, pattern(1)), put(2, pattern(20))]);
    }),
    at("the changes of one write take effect in order", async (place) => {
      const { session } = await place.open("s");
      await session.write([put(1, pattern(1)), remove(1), put(1, pattern(5)), put(2, pattern(2)), remove(2)]);
      await session.write([]);
      await session.close();
      checkRecords((await place.open("s")).records, [put(1, pattern(5))]);
    }),
    at("writes that are not awaited keep their order", async (place) => {
      const { session } = await place.open("s");
      const writes: Promise<void>[] = [];
      for (let i = 0; i < 50; i++) writes.push(session.write([put(1, pattern(i)), put(2 + i, pattern(1))]));
      await Promise.all(writes);
      await session.close();
      const { records } = await place.open("s");
      check(records.length === 51, `there are 51 records; there are ${records.length}`);
      checkBytes((records[0] as StoreRecord).value, pattern(49), "the record written last");
    }),
    at("records can be read by their keys, if the store can do that", async (place) => {
      const { session } = await place.open("s");
      await session.write([
        put(1, pattern(10)),
        put(2, pattern(5000)),
        put(LARGEST_KEY, pattern(3)),
        put(4, pattern(0)),
      ]);
      await session.write([put(1, pattern(20)), remove(4), put(5, pattern(0))]);
      if (session.read === undefined) return;
      checkValues(await session.read([5, LARGEST_KEY, 4, 2, 1, 99, 1]), [0, 3, undefined, 5000, 20, undefined, 20]);
      checkValues(await session.read([]), []);
      await session.write([put(7, pattern(7))]);
      checkValues(await session.read([7]), [7]);
      await session.close();
      await checkRejects(session.read([1]), "reading after close");
      const again = (await place.open("s")).session;
      if (again.read !== undefined) checkValues(await again.read([1, 7, 4]), [20, 7, undefined]);
    }),
    at("many records can be read while others are written and removed", async (place) => {
      const { session } = await place.open("s");
      const keys = Array.from({ length: 500 }, (_, i) => i * 7 + 1);
      await session.write(keys.map((key) => put(key, pattern(key))));
      if (session.read === undefined) return;
      const kept = keys.filter((key) => key % 2 === 0);
      const changes = keys.map((key) => (key % 2 === 0 ? put(key + 100_000, pattern(3_000)) : remove(key)));
      const writing = changes.map((change) => session.write([change]));
      for (let i = 0; i < 5; i++) checkValues(await session.read(kept), kept);
      await Promise.all(writing);
      checkValues(
        await session.read(keys),
        keys.map((key) => (key % 2 === 0 ? key : undefined)),
      );
    }),
    at("a store may hand over its records one by one when it is opened", async (place) => {
      const { session } = await place.open("s");
      await session.write([put(1, pattern(10)), put(2, pattern(2)), put(3, pattern(3))]);
      await session.write([put(1, pattern(1)), remove(3)]);
      await session.close();
      const taken = new Map<number, Uint8Array>();
      const { records } = await place.open("s", undefined, (key, value) => {
        check(!taken.has(key), `the record ${key} comes once`);
        taken.set(key, value.slice());
      });
      for (const { key, value } of records) taken.set(key, value);
      const all = [...taken].map(([key, value]) => ({ key, value })).sort((a, b) => a.key - b.key);
      checkRecords(all, [put(1, pattern(1)), put(2, pattern(2))]);
    }),
    at("values belong to the caller again once write has been called", async (place) => {
      const { session } = await place.open("s");
      const value = pattern(100);
      const written = session.write([put(1, value)]);
      value.fill(0);
      await written;
      await session.close();
      const { session: again, records } = await place.open("s");
      checkRecords(records, [put(1, pattern(100))]);
      records[0]?.value.fill(0);
      await again.close();
      checkRecords((await place.open("s")).records, [put(1, pattern(100))]);
    }),
    at("a value may be a view into a larger buffer", async (place) => {
      const { session } = await place.open("s");
      await session.write([put(1, pattern(100).subarray(40, 60))]);
      await session.close();
      checkRecords((await place.open("s")).records, [put(1, pattern(100).slice(40, 60))]);
    }),
    at("sessions of different names do not see each other", async (place) => {
      const names = ["s", "S", "", "s/t", "../s", "s\u0000", "ä", "\u{1F600}", "con", "x".repeat(200)];
      for (const [i, name] of names.entries()) {
        const { session } = await place.open(name);
        await session.write([put(1, pattern(i + 1))]);
        await session.close();
      }
      for (const [i, name] of names.entries()) {
        const { session, records } = await place.open(name);
        checkRecords(records, [put(1, pattern(i + 1))]);
        await session.close();
      }
    }),
    at("sessions of one store that are open at once do not disturb one another", async (place) => {
      const store = place.store();
      const names = Array.from({ length: 20 }, (_, i) => `session ${i}`);
      const opened = await Promise.all(names.map((name) => place.open(name, store)));
      const write = (from: number): Promise<unknown> =>
        Promise.all(opened.map(({ session }, i) => i < from || session.write([put(from, pattern(i + 1)), remove(7)])));
      await write(0);
      for (const { session } of opened.slice(0, 10)) await session.close();
      await write(10);
      for (const { session } of opened) await session.close();
      for (const [i, name] of names.entries()) {
        const expected = [put(0, pattern(i + 1)), put(10, pattern(i + 1))];
        checkRecords((await place.open(name, store)).records, expected.slice(0, i < 10 ? 1 : 2));
      }
    }),
    at("a second owner is refused until the first has closed, by the same store and by another one", async (place) => {
      const store = place.store();
      const { session } = await place.open("s", store);
      await session.write([put(1, pattern(1))]);
      await checkRejects(place.open("s", store), "opening a session that is open in this store");
      await checkRejects(place.open("s"), "opening a session that is open in another store");
      await session.write([put(2, pattern(2))]);
      await session.close();
      const second = await place.open("s");
      checkRecords(second.records, [put(1, pattern(1)), put(2, pattern(2))]);
      await second.session.write([remove(1)]);
      await checkRejects(place.open("s", store), "opening a session that another store has open by now");
    }),
    at("of those that open a session at the same time, one gets it", async (place) => {
      const store = place.store();
      const outcomes = await Promise.allSettled([store, store, place.store()].map((each) => place.open("s", each)));
      const got = outcomes.filter(({ status }) => status === "fulfilled").length;
      check(got === 1, `one gets it; ${got} do`);
    }),
    at("a session that is closed cannot be written any more", async (place) => {
      const { session } = await place.open("s");
      await session.close();
      await checkRejects(session.write([put(1, pattern(1))]), "write after close");
      const { records } = await place.open("s");
      check(records.length === 0, "there are no records");
      await checkRejects(session.write([put(1, pattern(1))]), "write after close, while another owner has the session");
    }),
    at("closing again is harmless, also when another owner has the session", async (place) => {
      const { session } = await place.open("s");
      await Promise.all([session.close(), session.close()]);
      await session.close();
      const second = await place.open("s");
      await session.close();
      await second.session.write([put(1, pattern(1))]);
      await checkRejects(place.open("s"), "opening a session of which an earlier owner closed again");
    }),
    at("a session is closed at the end of its scope", async (place) => {
      const { session } = await place.open("s");
      await session.write([put(1, pattern(1))]);
      await session[Symbol.asyncDispose]();
      checkRecords((await place.open("s")).records, [put(1, pattern(1))]);
    }),
    {
      name: "a process that dies at any operation leaves each write as a whole or not at all, and all that was acknowledged",
      async run() {
        for (let operation = 0; await survives(await harness.place(), operation); operation++) {
          check(operation < MOST_OPERATIONS, `the scenario comes to its end in ${MOST_OPERATIONS} operations`);
        }
      },
    },
    at("a large value comes back whole", async (place) => {
      const { session } = await place.open("s");
      await session.write([put(1, pattern(5_000_000)), put(2, pattern(1))]);
      await session.close();
      checkRecords((await place.open("s")).records, [put(1, pattern(5_000_000)), put(2, pattern(1))]);
    }),
    at("many records come back, and can all be taken away", async (place) => {
      const count = 20_000;
      const { session } = await place.open("s");
      for (let from = 0; from < count; from += 500) {
        const changes: StoreChange[] = [];
        for (let key = from; key < from + 500; key++) changes.push(put(key, pattern(20, key)));
        await session.write(changes);
      }
      await session.close();
      const { session: again, records } = await place.open("s");
      check(records.length === count, `there are ${count} records; there are ${records.length}`);
      records.forEach(({ key, value }, i) => {
        check(key === i, `the keys ascend; at ${i} stands ${key}`);
        checkBytes(value, pattern(20, key), `record ${key}`);
      });
      await again.write(records.map(({ key }) => remove(key)));
      await again.close();
      checkRecords((await place.open("s")).records, []);
    }),
  ];
}

/** A place, and the sessions that a case opened there, which are closed after the case. */
class Place {
  private readonly opened: StoredSession[] = [];

  constructor(private readonly inner: StorePlace) {}

  store(): Store {
    return this.inner.store();
  }

  async open(name: string, store = this.store(), take?: TakeRecord): Promise<OpenedSession> {
    const opened = await store.open(name, take);
    this.opened.push(opened.session);
    return opened;
  }

  async dispose(): Promise<void> {
    for (const session of this.opened) await session.close();
    await this.inner.dispose();
  }
}

const MOST_OPERATIONS = 1_000;

/** Writes that put, replace and remove records. The writes of one group are not awaited one by one. */
const scenario: readonly (readonly (readonly StoreChange[])[])[] = Array.from({ length: 8 }, (_, i) => [
  [put(i % 3, pattern(200 + i, i)), put(100 + i, pattern(600, i))],
  [remove(99 + i), put(50, pattern(i))],
]);

/**
 * Runs the scenario until the process dies at this operation, and checks what another process finds: all acknowledged
 * writes, and the first part of the others, in whole writes. Returns false if the scenario ended before.
 */
async function survives(place: StorePlace, operation: number): Promise<boolean> {
  const dying = place.dying?.(operation) ?? new CutStore(place.store(), operation);
  const acknowledged = new Map<number, Uint8Array>();
  const waiting: (readonly StoreChange[])[] = [];
  const opened = await dying.store.open("s").catch(() => undefined);
  for (const group of opened === undefined ? [] : scenario) {
    if (dying.isDead) break;
    waiting.push(...group);
    const outcomes = await Promise.allSettled(group.map((changes) => opened?.session.write(changes)));
    for (const { status } of outcomes) {
      if (status === "rejected") break;
      apply(acknowledged, waiting.shift() ?? []);
    }
  }
  await opened?.session.close().catch(() => undefined);
  const died = dying.isDead;
  await dying.bury();
  const { records, session } = await place.store().open("s");
  const found = textOf(records);
  const possible = [textOf(recordsIn(acknowledged))];
  for (const changes of waiting) {
    apply(acknowledged, changes);
    possible.push(textOf(recordsIn(acknowledged)));
  }
  check(
    possible.includes(found),
    `after a death at operation ${operation} the records are ${possible.join(" or ")}; they are ${found}`,
  );
  await session.write([put(1_000, pattern(1))]);
  await session.close();
  await place.dispose();
  return died;
}

/** A process that dies before or after a write: even operations are the start of a write, odd ones its end. */
class CutStore implements DyingStore, Store {
  isDead = false;
  private operations = 0;
  private inner: StoredSession | undefined;

  constructor(
    private readonly place: Store,
    private readonly at: number,
  ) {}

  get store(): Store {
    return this;
  }

  async open(name: string): Promise<OpenedSession> {
    const { records, session } = await this.place.open(name);
    this.inner = session;
    const write = async (changes: readonly StoreChange[]): Promise<void> => {
      this.step();
      await session.write(changes);
      this.step();
    };
    const close = async (): Promise<void> => {
      if (!this.isDead) await session.close();
    };
    return { records, session: { write, close, [Symbol.asyncDispose]: close } };
  }

  /** Closes the session. A store whose locks end with its process needs nothing else. */
  async bury(): Promise<void> {
    await this.inner?.close();
  }

  private step(): void {
    if (this.operations++ === this.at) this.isDead = true;
    if (this.isDead) throw new Error("the process is dead");
  }
}

function apply(records: Map<number, Uint8Array>, changes: readonly StoreChange[]): void {
  for (const { key, value } of changes) {
    if (value === undefined) records.delete(key);
    else records.set(key, value);
  }
}

function recordsIn(records: ReadonlyMap<number, Uint8Array>): StoreRecord[] {
  return [...records].map(([key, value]) => ({ key, value })).sort((a, b) => a.key - b.key);
}

/** Shows key, length, and a checksum that depends on the position of each byte. */
function textOf(records: readonly StoreRecord[]): string {
  const each = records.map(
    ({ key, value }) => `${key}:${value.length}:${value.reduce((sum, byte) => (sum * 31 + byte) >>> 0, 7)}`,
  );
  return `[${each.join(" ")}]`;
}

function put(key: number, value: Uint8Array): StoreRecord {
  return { key, value };
}

function remove(key: number): StoreChange {
  return { key, value: undefined };
}

/** @param expected the lengths of the values, which are patterns; undefined for a record that does not exist */
function checkValues(actual: readonly (Uint8Array | undefined)[], expected: readonly (number | undefined)[]): void {
  check(actual.length === expected.length, `there are ${expected.length} values; there are ${actual.length}`);
  expected.forEach((length, i) => {
    const value = actual[i];
    if (length === undefined || value === undefined)
      check(value === length, `value ${i} has ${length} bytes; it is ${value}`);
    else checkBytes(value, pattern(length), `value ${i}`);
  });
}

function checkRecords(actual: readonly StoreRecord[], expected: readonly StoreRecord[]): void {
  const keys = actual.map(({ key }) => key).join(", ");
  const wanted = expected.map(({ key }) => key).join(", ");
  check(keys === wanted, `the keys are ${wanted}; they are ${keys}`);
  expected.forEach(({ key, value }, i) => {
    checkBytes((actual[i] as StoreRecord).value, value, `record ${key}`);
  });
}
