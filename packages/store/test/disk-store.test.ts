import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "@aiko/mqtt";
import { storeSuite } from "@aiko/mqtt/testing";
import { DiskStore } from "@aiko/mqtt-store";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { recordsOf } from "../../../test/fixtures/stores.ts";
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

describe("the limit", () => {
  test("rejects a write as a whole, and removed records make room again", async () => {
    const store = new DiskStore(directory, { maximumBytes: 1000 });
    const { session } = await store.open("s");
    await session.write([put(1, 400)]);
    const refused = session.write([put(2, 10), put(3, 500)]);
    await expect(refused).rejects.toMatchObject({ code: "STORE_FULL", message: expect.stringContaining("1000") });
    await session.write([put(2, 400)]);
    for (let i = 0; i < 50; i++) {
      await session.write([remove(1)]);
      await session.write([put(1, 400)]);
      await expect(session.write([put(3, 300)])).rejects.toMatchObject({ code: "STORE_FULL" });
    }
    await session.close();
    const again = await store.open("s");
    expect(keysOf(again.records)).toEqual([1, 2]);
    await expect(again.session.write([put(3, 300)])).rejects.toMatchObject({ code: "STORE_FULL" });
    await again.session.close();
  });

  test("applies to each of several combined writes separately", async () => {
    const store = new DiskStore(directory, { maximumBytes: 2000 });
    const { session } = await store.open("s");
    const sizes = [800, 900, 900, 200, 10, 500];
    const outcomes = await Promise.allSettled(sizes.map((size, key) => session.write([put(key, size)])));
    expect(outcomes.map(({ status }) => status)).toEqual([
      "fulfilled",
      "fulfilled",
      "rejected",
      "rejected",
      "fulfilled",
      "rejected",
    ]);
    await session.close();
    expect(keysOf(await recordsOf(store, "s"))).toEqual([0, 1, 4]);
  });

  test("counts empty values, and values that wait to be written", async () => {
    const store = new DiskStore(directory, { maximumBytes: 10_000 });
    const { session } = await store.open("s");
    const many = Array.from({ length: 1000 }, (_, key) => put(key, 0));
    await expect(session.write(many)).rejects.toMatchObject({ code: "STORE_FULL" });
    const waiting = Array.from({ length: 400 }, (_, key) => session.write([put(key, 9000), remove(key)]));
    const refused = (await Promise.allSettled(waiting)).filter(({ status }) => status === "rejected");
    expect(refused.length).toBeGreaterThan(200);
    expect(refused[0]).toMatchObject({ reason: { message: expect.stringMatching(/would be waiting/) } });
    await session.write([put(1, 1)]);
    await session.close();
  });

  test.each([0, -1, Number.NaN, "1"])("of %s is not a valid limit", (maximumBytes) => {
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

test.each([-1, 0.5, 2 ** 53, Number.NaN])("%d is not a valid key, and the write has no effect", async (key) => {
  const store = new DiskStore(directory);
  const { session } = await store.open("s");
  await expect(session.write([put(1, 1), { key, value: undefined }])).rejects.toMatchObject({ code: "OPTION_INVALID" });
  await session.close();
  expect(await recordsOf(store, "s")).toEqual([]);
});

describe("a directory", () => {
  test("is created, readable by its owner only, however deep and long", async () => {
    const deep = join(directory, "a".repeat(100), "b".repeat(100), "c");
    const store = new DiskStore(deep);
    const { session } = await store.open("s");
    await session.write([put(1, 1)]);
    expect(statSync(deep).mode & 0o777).toBe(0o700);
    expect(
      readdirSync(deep).filter((name) => (statSync(join(deep, name)).mode & 0o077) !== 0 && name.endsWith("l")),
    ).toEqual([]);
    await expect(new DiskStore(deep).open("s")).rejects.toMatchObject({ code: "STORE_LOCKED" });
    await session.close();
  });

  test("is never left, and separates names that differ only in case, in surrogates, or by invisible characters", async () => {
    const inner = join(directory, "inner");
    mkdirSync(inner);
    const names = ["a", "A", "../a", "/etc/passwd", "..", ".", "", "\ud800", "\udfff", "con", "a".repeat(60_000)];
    const store = new DiskStore(inner);
    const opened = await Promise.all(names.map((name) => store.open(name)));
    await Promise.all(opened.map(({ session }, i) => session.write([put(i, i)])));
    const files = readdirSync(inner).filter((name) => name.endsWith(".journal"));
    expect(new Set(files.map((name) => name.toLowerCase())).size).toBe(names.length);
    expect(files.filter((name) => !/^[a-z0-9_-]{1,80}\.journal$/.test(name))).toEqual([]);
    expect(readdirSync(directory)).toEqual(["inner"]);
    for (const { session } of opened) await session.close();
  });

  test("keeps no file of a session that was empty when it was closed", async () => {
    const store = new DiskStore(directory);
    const { session } = await store.open("s");
    await session.write([put(1, 1)]);
    await session.write([remove(1)]);
    expect(journals()).toHaveLength(1);
    await session.close();
    expect(journals()).toEqual([]);
  });

  test("may hold sessions that are open in different stores", async () => {
    const stores = [new DiskStore(directory), new DiskStore(directory)] as const;
    const [one, two] = await Promise.all([stores[0].open("one"), stores[1].open("two")]);
    await Promise.all([one.session.write([put(1, 1)]), two.session.write([put(2, 2)])]);
    await Promise.all([one.session.close(), two.session.close()]);
    expect(keysOf(await recordsOf(stores[0], "two"))).toEqual([2]);
  });
});

describe("an open session", () => {
  test("is closed when pending writes are on the disk, and accepts nothing after that", async () => {
    const store = new DiskStore(directory);
    const { session } = await store.open("s");
    const written = Array.from({ length: 100 }, (_, key) => session.write([put(key, 1000)]));
    const closed = session.close();
    await expect(session.write([put(200, 1)])).rejects.toMatchObject({
      code: "STORE_FAILED",
      message: expect.stringMatching(/"s" in .* is closed/),
    });
    await Promise.all([...written, closed, session.close()]);
    expect(await recordsOf(store, "s")).toHaveLength(100);
  });

  test("is named, with its directory, in the error of a second owner", async () => {
    const store = new DiskStore(directory);
    const { session } = await store.open("kitchen");
    await expect(store.open("kitchen")).rejects.toMatchObject({
      code: "STORE_LOCKED",
      message: expect.stringMatching(`"kitchen" in ${directory} is already open`),
    });
    await session.close();
  });

  test("reports errors to each caller of close, and is released nevertheless", async () => {
    const disk = new CrashingDisk();
    const store = new DiskStore("d", { fileSystem: disk.fileSystem });
    const { session } = await store.open("s");
    disk.fault = (_, what) => (what.startsWith("remove") ? { fail: "EIO" } : undefined);
    for (let i = 0; i < 2; i++) {
      await expect(session.close()).rejects.toMatchObject({
        code: "STORE_FAILED",
        message: expect.stringContaining('close the session "s"'),
      });
    }
    disk.fault = () => undefined;
    expect(await recordsOf(store, "s")).toEqual([]);
  });
});

describe("rewriting the file", () => {
  test("removes obsolete records while writes continue, and keeps the others", async () => {
    const store = new DiskStore(directory);
    const { session } = await store.open("s");
    await session.write([put(0, 5000)]);
    const expected = new Map([[0, 5000]]);
    let largest = 0;
    for (let i = 1; i <= 600; i++) {
      await session.write([put(i, 100_000), remove(Math.max(i - 5, 1)), put(1_000_000 + (i % 50), i)]);
      expected.set(i, 100_000).delete(Math.max(i - 5, 1));
      expected.set(1_000_000 + (i % 50), i);
      const [file] = journals();
      if (file !== undefined) largest = Math.max(largest, statSync(join(directory, file)).size);
    }
    expect(largest).toBeLessThan(20 * 2 ** 20); // 60 MB were written
    await session.close();
    expect(readdirSync(directory).filter((name) => name.endsWith(".new"))).toEqual([]);
    const records = await recordsOf(store, "s");
    expect(new Map(records.map(({ key, value }) => [key, value.length]))).toEqual(expected);
    for (const { key, value } of records) expect(value.every((byte) => byte === ((key + 1) & 0xff))).toBe(true);
  });
});

test("the checksum by table equals zlib's", () => {
  const bytes = readFileSync(process.execPath).subarray(0, 10_000);
  for (const length of [0, 1, 9, 10_000]) {
    expect(crc32ByTable(bytes.subarray(0, length), length)).toBe(crc32(bytes.subarray(0, length), length));
  }
  expect(crc32ByTable(Buffer.from("123456789"))).toBe(0xcbf43926);
});
