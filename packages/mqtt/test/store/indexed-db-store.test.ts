import { StoreError, UsageError } from "@aiko/mqtt";
import { IndexedDbStore } from "@aiko/mqtt/indexed-db";
import { storeSuite } from "@aiko/mqtt/testing";
import { IDBDatabase, IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { recordsOf } from "../../../../test/fixtures/stores.ts";

let factory: InstanceType<typeof IDBFactory>;

beforeEach(() => {
  factory = new IDBFactory();
  vi.stubGlobal("indexedDB", factory);
  vi.stubGlobal("IDBKeyRange", IDBKeyRange);
  vi.stubGlobal("navigator", {});
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const put = (key: number, size: number) => ({ key, value: new Uint8Array(size) });

describe("an IndexedDB store", () => {
  let places = 0;
  const suite = storeSuite({
    async place() {
      const database = `place ${places++}`;
      return { store: () => new IndexedDbStore({ database }), dispose: async () => {} };
    },
  });
  test.each(suite)("$name", ({ run }) => run());
});

/** Web Locks, one of which another page holds until `leave` is called. */
function lockedByAnotherPage() {
  let leave = () => {};
  const left = new Promise<void>((resolve) => {
    leave = resolve;
  });
  const asked: string[] = [];
  async function request(name: string, { signal }: { signal: AbortSignal }, whileHeld: () => Promise<void>) {
    asked.push(name);
    const aborted = new Promise<void>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    await Promise.race([left, aborted]);
    await whileHeld();
  }
  vi.stubGlobal("navigator", { locks: { request } });
  return { leave: () => leave(), asked };
}

test("a session that another page holds is waited for, and refused if that page keeps it", async () => {
  const patience = new AbortController();
  const timeout = vi.spyOn(AbortSignal, "timeout").mockReturnValue(patience.signal);
  const { asked } = lockedByAnotherPage();
  const store = new IndexedDbStore();
  const refused = store.open("kitchen");
  patience.abort(new DOMException("too late", "TimeoutError"));
  await expect(refused).rejects.toMatchObject({
    code: "STORE_LOCKED",
    message: expect.stringContaining('"kitchen"'),
  });
  expect(timeout).toHaveBeenCalledWith(1_000);
  expect(asked).toEqual(["aiko-mqtt/kitchen"]);
  vi.stubGlobal("navigator", {});
  expect(await recordsOf(store, "kitchen")).toEqual([]);
});

test("a session opens when the reloaded page has released it", async () => {
  const { leave } = lockedByAnotherPage();
  const store = new IndexedDbStore();
  const opening = store.open("kitchen");
  leave();
  const { records, session } = await opening;
  expect(records).toEqual([]);
  await session.close();
});

test("a lock that the browser refuses is an error, and the session stays free", async () => {
  const request = () => Promise.reject(new DOMException("not here", "SecurityError"));
  vi.stubGlobal("navigator", { locks: { request } });
  const store = new IndexedDbStore();
  await expect(store.open("s")).rejects.toMatchObject({ code: "STORE_FAILED" });
  vi.stubGlobal("navigator", {});
  expect(await recordsOf(store, "s")).toEqual([]);
});

test("stores of different databases are independent", async () => {
  const [one, other] = [new IndexedDbStore({ database: "one" }), new IndexedDbStore({ database: "other" })];
  const { session } = await one.open("s");
  await session.write([put(1, 1)]);
  expect(await recordsOf(other, "s")).toEqual([]);
  await session.close();
});

test.each([
  ["QuotaExceededError", "STORE_FULL"],
  ["UnknownError", "STORE_FAILED"],
])("a transaction that ends with %s is %s, and the next may succeed", async (name, code) => {
  const store = new IndexedDbStore();
  const { session } = await store.open("s");
  await session.write([put(1, 10)]);
  const error = new DOMException("no", name);
  const transaction = vi.spyOn(IDBDatabase.prototype, "transaction").mockImplementationOnce(() => {
    throw error;
  });
  const refused = session.write([put(2, 10)]);
  await expect(refused).rejects.toThrow(StoreError);
  await expect(refused).rejects.toMatchObject({ code, cause: error });
  transaction.mockRestore();
  await session.write([put(3, 10)]);
  await session.close();
  expect((await recordsOf(store, "s")).map(({ key }) => key)).toEqual([1, 3]);
});

test("a write with a value that cannot be stored has no effect", async () => {
  const store = new IndexedDbStore();
  const { session } = await store.open("s");
  const unstorable = { key: 2, value: { length: 1, buffer: { byteLength: 1 }, method: () => {} } as never };
  await expect(session.write([put(1, 1), unstorable])).rejects.toMatchObject({ code: "STORE_FAILED" });
  await session.close();
  expect(await recordsOf(store, "s")).toEqual([]);
});

test("if the database is deleted meanwhile, writes fail, and the page does not block the deletion", async () => {
  const store = new IndexedDbStore();
  const { session } = await store.open("s");
  await new Promise<void>((resolve) => {
    factory.deleteDatabase("aiko-mqtt").onsuccess = () => resolve();
  });
  await expect(session.write([put(1, 1)])).rejects.toMatchObject({ code: "STORE_FAILED" });
  await session.close();
  expect(await recordsOf(store, "s")).toEqual([]);
});

test("without IndexedDB, opening fails with a clear error", async () => {
  vi.stubGlobal("indexedDB", undefined);
  await expect(new IndexedDbStore().open("s")).rejects.toMatchObject({ code: "STORE_FAILED" });
});

test("a database without a name is rejected", () => {
  expect(() => new IndexedDbStore({ database: 5 as never })).toThrow(UsageError);
});
