import { resolve } from "node:path";
import type { StoreRecord } from "@aiko/mqtt";
import { type Damage, DiskStore } from "@aiko/mqtt-store";
import { beforeAll, describe, expect, test } from "vitest";
import { recordsOf } from "../../../test/fixtures/stores.ts";
import { CrashingDisk } from "./crashing-disk.ts";

const directory = resolve("d");
const put = (key: number, size: number) => ({ key, value: new Uint8Array(size).fill(key + 1) });
const remove = (key: number) => ({ key, value: undefined });

/** Five writes: the state after each, and the position of its frame in the file. */
const writes = [[put(1, 9), put(2, 0)], [put(3, 30)], [remove(1), put(4, 5)], [put(2, 7)], [put(5, 11), remove(4)]];
let path: string;
let intact: Buffer;
const ends: number[] = [];

beforeAll(async () => {
  const disk = new CrashingDisk();
  const store = new DiskStore(directory, { fileSystem: disk.fileSystem });
  const { session } = await store.open("s");
  path = disk.files()[0] as string;
  ends.push(disk.contents(path).length);
  for (const changes of writes) {
    await session.write(changes);
    ends.push(disk.contents(path).length);
  }
  await session.close();
  intact = disk.contents(path);
});

/**
 * Every field of the header, in both copies, and of the frames; only a few of the bytes between, which are all zeros.
 */
function* places(count: number): Iterable<number> {
  for (let at = 0; at < count; at += at < 30 * 8 || at > 4095 * 8 ? 1 : 61) yield at;
}

/** The records after the writes, without those of one of them. */
function without(lost: number, count = writes.length): string {
  const records = new Map<number, number>();
  writes.slice(0, count).forEach((changes, i) => {
    if (i === lost) return;
    for (const { key, value } of changes) {
      if (value === undefined) records.delete(key);
      else records.set(key, value.length);
    }
  });
  return [...records].sort(([a], [b]) => a - b).join(" ");
}

function textOf(records: readonly StoreRecord[]): string {
  for (const { key, value } of records) expect(value.every((byte) => byte === key + 1)).toBe(true);
  return records.map(({ key, value }) => [key, value.length]).join(" ");
}

/** Opens a file, and opens it again if it needs a repair; then appends to it. */
async function openFile(
  bytes: Uint8Array,
  name = "s",
): Promise<{ records: string; damage: Damage[]; disk: CrashingDisk }> {
  const disk = new CrashingDisk();
  disk.place(path, bytes);
  const damage: Damage[] = [];
  const { fileSystem } = disk;
  const store = new DiskStore(directory, { fileSystem, onDamage: (each) => damage.push(each) });
  const { session, records: found } = await store.open(name);
  const records = textOf(found);
  await session.write([put(9, 9)]);
  await session.close();
  disk.powerLoss(() => 0.5);
  const again = new DiskStore(directory, { fileSystem: disk.fileSystem });
  expect(textOf(await recordsOf(again, name))).toBe(`${records} 9,9`.trim());
  return { records, damage, disk };
}

test("the intact file has all records", async () => {
  expect(await openFile(intact)).toMatchObject({ records: without(-1), damage: [] });
});

test("each flipped bit is reported with its position, loses at most one write, and the file is kept", async () => {
  for (const bit of places(intact.length * 8)) {
    const bytes = Buffer.from(intact);
    const at = bit >> 3;
    bytes[at] = (bytes[at] as number) ^ (1 << (bit & 7));
    const { records, damage, disk } = await openFile(bytes);
    const lost = ends.findIndex((end) => at < end) - 1;
    expect({ bit, records }).toEqual({ bit, records: without(lost) });
    const offset = lost < 0 ? 0 : (ends[lost] as number);
    expect(damage).toEqual([
      { file: path, offset, bytes: (ends[lost + 1] as number) - offset, keptAs: `${path}.damaged-1` },
    ]);
    expect(disk.contents(`${path}.damaged-1`).equals(bytes)).toBe(true);
  }
});

test("a file that is truncated anywhere keeps the complete records before; what a crash may truncate is not reported as damage", async () => {
  for (let length = 0; length < intact.length; length += length < 40 || length > 4080 ? 1 : 13) {
    const { records, damage } = await openFile(intact.subarray(0, length));
    const whole = ends.filter((end) => end <= length).length - 1;
    expect({ length, records }).toEqual({ length, records: whole < 0 ? "" : without(-1, whole) });
    expect(damage).toHaveLength(length < (ends[0] as number) ? 1 : 0);
  }
});

describe("a last frame that was never written to the disk", () => {
  test.each([1, 16, 600, 5000])("reads as %d zeros, and is not reported as damage", async (length) => {
    const { records, damage } = await openFile(Buffer.concat([intact, Buffer.alloc(length)]));
    expect({ records, damage }).toEqual({ records: without(-1), damage: [] });
  });
});

test("two damaged regions are both reported, and the records between and after them are kept", async () => {
  const bytes = Buffer.from(intact);
  bytes.fill(0xff, ends[0], (ends[0] as number) + 20);
  bytes.fill(0x41, ends[2], (ends[2] as number) + 3);
  const { records, damage } = await openFile(bytes);
  expect(records).toBe("1,9 2,7 3,30 5,11".replace("1,9 ", ""));
  expect(damage.map(({ offset }) => offset)).toEqual([ends[0], ends[2]]);
});

describe("a file that is not a journal of this session", () => {
  test.each([
    ["text", Buffer.from("hello, world\n".repeat(300))],
    ["zeros", Buffer.alloc(2000)],
    ["nothing", Buffer.alloc(0)],
    ["marks", Buffer.from("AKJB".repeat(500))],
    ["the beginning of a journal", Buffer.from("AIKOMQTT")],
  ])("that contains %s is reported from its beginning and set aside", async (_, bytes) => {
    const { records, damage, disk } = await openFile(bytes);
    expect({ records, damage }).toMatchObject({ records: "", damage: [{ offset: 0, bytes: bytes.length }] });
    expect(disk.contents(`${path}.damaged-1`).equals(bytes)).toBe(true);
  });

  test("that belongs to another session yields none of its records", async () => {
    const disk = new CrashingDisk();
    const store = new DiskStore(directory, { fileSystem: disk.fileSystem });
    const { session } = await store.open("other");
    await session.write([put(1, 1)]);
    await session.close();
    const { records, damage } = await openFile(disk.contents(disk.files()[0] as string));
    expect({ records, damage }).toMatchObject({ records: "", damage: [{ offset: 0 }] });
  });
});

test("without onDamage, open rejects once and names file, offset and copy; then it continues with the rest", async () => {
  const disk = new CrashingDisk();
  const bytes = Buffer.from(intact);
  bytes[ends[1] as number] = 0;
  disk.place(path, bytes);
  const store = new DiskStore(directory, { fileSystem: disk.fileSystem });
  await expect(store.open("s")).rejects.toMatchObject({
    code: "STORE_CORRUPT",
    message: expect.stringMatching(
      new RegExp(`${path}: 58 bytes at ${ends[1]} .*${path}\\.damaged-1.* 2 intact records`),
    ),
  });
  expect(textOf(await recordsOf(store, "s"))).toBe(without(1));
});

test("at most ten damaged files are kept", async () => {
  const disk = new CrashingDisk();
  const store = new DiskStore(directory, { fileSystem: disk.fileSystem, onDamage: () => {} });
  for (let i = 0; i < 13; i++) {
    disk.place(path, Buffer.from(`foreign ${i}`));
    await recordsOf(store, "s");
  }
  expect(disk.files().filter((name) => name.includes("damaged"))).toHaveLength(10);
  expect(disk.contents(`${path}.damaged-10`).toString()).toBe("foreign 12");
});

test("a crash at any step of a repair loses neither the intact records nor the damaged file", async () => {
  const bytes = Buffer.from(intact);
  bytes[ends[1] as number] = 0;
  for (let at = 0; ; at++) {
    const disk = new CrashingDisk();
    disk.place(path, bytes);
    let crashed = false;
    disk.fault = (operation) => {
      if (operation !== at) return undefined;
      crashed = true;
      return "crash";
    };
    const options = { fileSystem: disk.fileSystem, onDamage: () => {} };
    await new DiskStore(directory, options).open("s").catch(() => {});
    if (!crashed) break;
    disk.fault = () => undefined;
    disk.powerLoss(() => (at % 3) / 2);
    const store = new DiskStore(directory, { ...options, fileSystem: disk.fileSystem });
    expect(textOf(await recordsOf(store, "s"))).toBe(without(1));
    const aside = disk.files().filter((name) => name.includes("damaged"));
    expect(aside.some((name) => disk.contents(name).equals(bytes))).toBe(true);
  }
});

test("a file of a later version is not changed", async () => {
  const { crc32 } = await import("../src/crc32.ts");
  const bytes = Buffer.from(intact);
  bytes.writeUInt32BE(3, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 12), crc32(Buffer.from("s", "utf16le"))), 12);
  const disk = new CrashingDisk();
  disk.place(path, bytes);
  const opened = new DiskStore(directory, { fileSystem: disk.fileSystem }).open("s");
  await expect(opened).rejects.toMatchObject({ code: "STORE_FAILED", message: expect.stringContaining("version 3") });
  expect(disk.contents(path).equals(bytes)).toBe(true);
});

test("damage that is found during a rewrite stops the writing, and the other records are there at the next start", async () => {
  const disk = new CrashingDisk();
  const damage: Damage[] = [];
  const options = { toleratedWaste: 2000, onDamage: (each: Damage) => damage.push(each) };
  const store = new DiskStore(directory, { ...options, fileSystem: disk.fileSystem });
  const { session } = await store.open("s");
  await session.write([put(1, 100)]);
  await session.write([put(2, 100)]);
  disk.flip(path, (ends[0] as number) + 44, 3);
  let error: unknown;
  for (let i = 0; i < 50 && error === undefined; i++) {
    await session.write([put(3, 500)]).catch((reason) => {
      error = reason;
    });
  }
  expect(error).toMatchObject({
    code: "STORE_CORRUPT",
    message: expect.stringContaining(`${path}: 128 bytes at ${ends[0]}`),
  });
  await session.close();
  expect(textOf(await recordsOf(store, "s"))).toBe("2,100 3,500");
  expect(damage).toMatchObject([{ offset: ends[0], bytes: 128 }]);
});
