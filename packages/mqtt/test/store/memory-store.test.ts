import { storeSuite } from "@aiko/mqtt/testing";
import { describe, expect, test } from "vitest";
import { recordsOf, storeAround } from "../../../../test/fixtures/stores.ts";
import { StoreError, UsageError } from "../../src/errors.ts";
import type { StoreChange } from "../../src/platform/store.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";

describe("a memory store", () => {
  const suite = storeSuite({
    async place() {
      const store = new MemoryStore();
      return { store: () => store, dispose: async () => {} };
    },
  });
  test.each(suite)("$name", ({ run }) => run());
});

test("the suite detects a store that acknowledges what a dying process would lose", async () => {
  const deaths = storeSuite({
    async place() {
      let late: readonly StoreChange[] = [];
      const forgetful = storeAround(new MemoryStore(), (session) => ({
        async write(changes) {
          await session.write(late);
          late = changes;
        },
      }));
      return { store: () => forgetful, dispose: async () => {} };
    },
  }).find(({ name }) => name.includes("dies"));
  await expect(deaths?.run()).rejects.toThrow(/after a death at operation \d+ the records are/);
});

const put = (key: number, size: number) => ({ key, value: new Uint8Array(size) });

test("a write beyond maximumBytes is rejected as a whole, and the session does not change", async () => {
  const store = new MemoryStore({ maximumBytes: 1000 });
  const { session } = await store.open("s");
  await session.write([put(1, 400)]);
  const refused = session.write([put(2, 10), put(3, 500)]);
  await expect(refused).rejects.toThrow(StoreError);
  await expect(refused).rejects.toMatchObject({ code: "STORE_FULL", message: expect.stringContaining("1000") });
  await session.write([put(2, 400)]);
  await session.close();
  expect((await recordsOf(store, "s")).map(({ key }) => key)).toEqual([1, 2]);
});

test("removed or replaced records make room again", async () => {
  const store = new MemoryStore({ maximumBytes: 1000 });
  const { session } = await store.open("s");
  for (let i = 0; i < 50; i++) {
    await session.write([put(1, 800), put(2, 1)]);
    await session.write([put(1, 1), { key: 2, value: undefined }, put(3, 700)]);
    await session.write([put(3, 5), put(1, 100), { key: 1, value: undefined }, { key: 3, value: undefined }]);
  }
});

test("empty values count too, so that the number of records is limited", async () => {
  const store = new MemoryStore({ maximumBytes: 1000 });
  const { session } = await store.open("s");
  const changes = Array.from({ length: 1000 }, (_, key) => put(key, 0));
  await expect(session.write(changes)).rejects.toMatchObject({ code: "STORE_FULL" });
});

test("all sessions share the limit", async () => {
  const store = new MemoryStore({ maximumBytes: 1000 });
  const one = await store.open("one");
  const other = await store.open("other");
  await one.session.write([put(1, 800)]);
  await expect(other.session.write([put(1, 800)])).rejects.toMatchObject({ code: "STORE_FULL" });
});

test("the default limit is 64 MiB", async () => {
  const store = new MemoryStore();
  const { session } = await store.open("s");
  await session.write([put(1, 64 * 1024 * 1024 - 100)]);
  await expect(session.write([put(2, 100)])).rejects.toMatchObject({ code: "STORE_FULL" });
});

test.each([0, -1, Number.NaN])("a maximumBytes of %d is rejected", (maximumBytes) => {
  expect(() => new MemoryStore({ maximumBytes })).toThrow(UsageError);
});

test("the refusal of a second owner names the session", async () => {
  const store = new MemoryStore();
  await store.open("kitchen");
  await expect(store.open("kitchen")).rejects.toMatchObject({
    code: "STORE_LOCKED",
    message: expect.stringContaining('"kitchen"'),
  });
});
