import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "@aiko/mqtt";
import { storeSuite } from "@aiko/mqtt/testing";
import { DiskStore } from "@aiko/mqtt-store";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { crc32, crc32ByTable } from "../src/crc32.ts";
import { CrashingDisk } from "./crashing-disk.ts";

describe("a disk store on Node's file system", () => {
  const suite = storeSuite({
    async place() {
      const directory = mkdtempSync(join(tmpdir(), "aiko-mqtt-store-"));
      return { store: () => new DiskStore(directory), dispose: async () => rmSync(directory, { recursive: true }) };
    },
  });
  test.each(suite)("$name", ({ run }) => run());
});

describe.each<[string, (disk: CrashingDisk) => void]>([
  ["processes", (disk) => disk.kill()],
  ["the power", (disk) => disk.powerLoss(() => 0.4)],
])("a disk store on the file system of the crash tests, with deaths of %s", (_, death) => {
  const suite = storeSuite({
    async place() {
      const disk = new CrashingDisk();
      const store = () => new DiskStore("d", { fileSystem: disk.fileSystem, toleratedWaste: 2_000 });
      return {
        store,
        dying(at) {
          disk.fault = (operation) => (operation === at ? "crash" : undefined);
          return {
            store: store(),
            get isDead() {
              return disk.crashed;
            },
            async bury() {
              disk.fault = () => undefined;
              death(disk);
            },
          };
        },
        dispose: async () => {},
      };
    },
  });
  test.each(suite)("$name", ({ run }) => run());
});

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "aiko-mqtt-store-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const put = (key: number, size: number) => ({ key, value: new Uint8Array(size).fill(key + 1) });
const remove = (key: number) => ({ key, value: undefined });
const keysOf = (records: readonly { key: number }[]) => records.map(({ key }) => key);
const journals = () => readdirSync(directory).filter((name) => name.endsWith(".journal"));

describe("the bound", () => {
  test("refuses a write whole, and what is taken away makes room again", async () => {
    const store = new DiskStore(directory, { maximumBytes: 1000 });
    await store.open("s");
    await store.write([put(1, 400)]);
    const refused = store.write([put(2, 10), put(3, 500)]);
    await expect(refused).rejects.toMatchObject({ code: "STORE_FULL", message: expect.stringContaining("1000") });
    await store.write([put(2, 400)]);
    for (let i = 0; i < 50; i++) {
      await store.write([remove(1)]);
      await store.write([put(1, 400)]);
      await expect(store.write([put(3, 300)])).rejects.toMatchObject({ code: "STORE_FULL" });
    }
    await store.close();
    expect(keysOf(await store.open("s"))).toEqual([1, 2]);
    await expect(store.write([put(3, 300)])).rejects.toMatchObject({ code: "STORE_FULL" });
    await store.close();
  });

  test("holds for writes that go together, each for itself", async () => {
    const store = new DiskStore(directory, { maximumBytes: 2000 });
    await store.open("s");
    const sizes = [800, 900, 900, 200, 10, 500];
    const outcomes = await Promise.allSettled(sizes.map((size, key) => store.write([put(key, size)])));
    expect(outcomes.map(({ status }) => status)).toEqual([
      "fulfilled",
      "fulfilled",
      "rejected",
      "rejected",
      "fulfilled",
      "rejected",
    ]);
    await store.close();
    expect(keysOf(await store.open("s"))).toEqual([0, 1, 4]);
    await store.close();
  });

  test("counts empty values, and what waits to be written", async () => {
    const store = new DiskStore(directory, { maximumBytes: 10_000 });
    await store.open("s");
    const many = Array.from({ length: 1000 }, (_, key) => put(key, 0));
    await expect(store.write(many)).rejects.toMatchObject({ code: "STORE_FULL" });
    const waiting = Array.from({ length: 400 }, (_, key) => store.write([put(key, 9000), remove(key)]));
    const refused = (await Promise.allSettled(waiting)).filter(({ status }) => status === "rejected");
    expect(refused.length).toBeGreaterThan(200);
    expect(refused[0]).toMatchObject({ reason: { message: expect.stringMatching(/would wait/) } });
    await store.write([put(1, 1)]);
    await store.close();
  });

  test.each([0, -1, Number.NaN, "1"])("of %s is no bound", (maximumBytes) => {
    expect(() => new DiskStore(directory, { maximumBytes: maximumBytes as number })).toThrow(UsageError);
  });
});

test.each([
  ["OPTION_UNKNOWN", "d", { maxBytes: 1 }],
  ["OPTION_INVALID", "d", { onDamage: "yes" }],
  ["OPTION_INVALID", "", {}],
  ["OPTION_INVALID", "a\0b", {}],
])("%s: new DiskStore(%j, %j)", (code, where, options) => {
  expect(() => new DiskStore(where, options as object)).toThrow(expect.objectContaining({ code }));
});

test.each([-1, 0.5, 2 ** 53, Number.NaN])("%d is no key, and nothing of the write is done", async (key) => {
  const store = new DiskStore(directory);
  await store.open("s");
  await expect(store.write([put(1, 1), { key, value: undefined }])).rejects.toMatchObject({ code: "OPTION_INVALID" });
  await store.close();
  expect(await store.open("s")).toEqual([]);
  await store.close();
});

describe("a directory", () => {
  test("is made, readable by its owner only, however deep and long", async () => {
    const deep = join(directory, "a".repeat(100), "b".repeat(100), "c");
    const store = new DiskStore(deep);
    await store.open("s");
    await store.write([put(1, 1)]);
    expect(statSync(deep).mode & 0o777).toBe(0o700);
    expect(
      readdirSync(deep).filter((name) => (statSync(join(deep, name)).mode & 0o077) !== 0 && name.endsWith("l")),
    ).toEqual([]);
    await expect(new DiskStore(deep).open("s")).rejects.toMatchObject({ code: "STORE_LOCKED" });
    await store.close();
  });

  test("is never left, and keeps names apart that differ in case, in surrogates, or by no legible character", async () => {
    const inner = join(directory, "inner");
    mkdirSync(inner);
    const names = ["a", "A", "../a", "/etc/passwd", "..", ".", "", "\ud800", "\udfff", "con", "a".repeat(60_000)];
    const stores = names.map(() => new DiskStore(inner));
    for (const [i, store] of stores.entries()) {
      await store.open(names[i] as string);
      await store.write([put(i, i)]);
    }
    const files = readdirSync(inner).filter((name) => name.endsWith(".journal"));
    expect(new Set(files.map((name) => name.toLowerCase())).size).toBe(names.length);
    expect(files.filter((name) => !/^[a-z0-9_-]{1,80}\.journal$/.test(name))).toEqual([]);
    expect(readdirSync(directory)).toEqual(["inner"]);
    for (const store of stores) await store.close();
  });

  test("keeps no file of a session that was closed empty", async () => {
    const store = new DiskStore(directory);
    await store.open("s");
    await store.write([put(1, 1)]);
    await store.write([remove(1)]);
    expect(journals()).toHaveLength(1);
    await store.close();
    expect(journals()).toEqual([]);
  });

  test("may hold sessions that are open in different stores", async () => {
    const [one, two] = [new DiskStore(directory), new DiskStore(directory)];
    await Promise.all([one.open("one"), two.open("two")]);
    await Promise.all([one.write([put(1, 1)]), two.write([put(2, 2)])]);
    await Promise.all([one.close(), two.close()]);
    expect(keysOf(await one.open("two"))).toEqual([2]);
    await one.close();
  });
});

describe("the states of a store", () => {
  test("close waits for what is being written, and refuses what comes after", async () => {
    const store = new DiskStore(directory);
    await store.open("s");
    const written = Array.from({ length: 100 }, (_, key) => store.write([put(key, 1000)]));
    const closed = store.close();
    await expect(store.write([put(200, 1)])).rejects.toMatchObject({ code: "OPTION_INVALID" });
    await Promise.all([...written, closed, store.close()]);
    expect(await store.open("s")).toHaveLength(100);
    await store.close();
  });

  test("close waits for open, open for close", async () => {
    const store = new DiskStore(directory);
    const opened = store.open("s");
    await store.close();
    expect(await opened).toEqual([]);
    await store.open("s");
    const closed = store.close();
    expect(await store.open("s")).toEqual([]);
    await closed;
    await store.close();
  });

  test("a store that is open, or opening, has one owner", async () => {
    const store = new DiskStore(directory);
    const opened = store.open("kitchen");
    const second = store.open("attic");
    await expect(second).rejects.toMatchObject({
      code: "STORE_LOCKED",
      message: expect.stringMatching(/"attic".*"kitchen"/),
    });
    await opened;
    await store.close();
  });
});

describe("writing the file anew", () => {
  test("clears away what is of no use while writes go on, and keeps the rest", async () => {
    const store = new DiskStore(directory);
    await store.open("s");
    await store.write([put(0, 5000)]);
    const expected = new Map([[0, 5000]]);
    let largest = 0;
    for (let i = 1; i <= 600; i++) {
      await store.write([put(i, 100_000), remove(Math.max(i - 5, 1)), put(1_000_000 + (i % 50), i)]);
      expected.set(i, 100_000).delete(Math.max(i - 5, 1));
      expected.set(1_000_000 + (i % 50), i);
      const [file] = journals();
      if (file !== undefined) largest = Math.max(largest, statSync(join(directory, file)).size);
    }
    expect(largest).toBeLessThan(20 * 2 ** 20); // 60 MB were written
    await store.close();
    expect(readdirSync(directory).filter((name) => name.endsWith(".new"))).toEqual([]);
    const records = await store.open("s");
    expect(new Map(records.map(({ key, value }) => [key, value.length]))).toEqual(expected);
    for (const { key, value } of records) expect(value.every((byte) => byte === ((key + 1) & 0xff))).toBe(true);
    await store.close();
  });
});

test("the checksum by table is zlib's", () => {
  const bytes = readFileSync(process.execPath).subarray(0, 10_000);
  for (const length of [0, 1, 9, 10_000]) {
    expect(crc32ByTable(bytes.subarray(0, length), length)).toBe(crc32(bytes.subarray(0, length), length));
  }
  expect(crc32ByTable(Buffer.from("123456789"))).toBe(0xcbf43926);
});
