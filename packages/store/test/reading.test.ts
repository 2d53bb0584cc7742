// The records of a session, read while another one owns it.
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DiskStore } from "@aiko/mqtt-store";
import { afterEach, beforeEach, expect, test } from "vitest";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "aiko-mqtt-store-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const put = (key: number, text: string) => ({ key, value: new TextEncoder().encode(text) });

async function read(name: string): Promise<string[] | undefined> {
  const records = await new DiskStore(directory).read(name);
  return records?.map(({ key, value }) => `${key}=${new TextDecoder().decode(value)}`);
}

const journal = () => join(directory, readdirSync(directory).find((name) => name.endsWith(".journal")) ?? "");

test("returns undefined for a session that does not exist, in a directory that exists or not", async () => {
  expect(await read("a")).toBeUndefined();
  expect(await new DiskStore(join(directory, "none")).read("a")).toBeUndefined();
});

test("returns the current records of an open session, in order", async () => {
  const { session } = await new DiskStore(directory).open("a");
  await session.write([put(2, "x"), put(1, "y"), put(3, "z")]);
  await session.write([put(2, "changed"), { key: 3, value: undefined }]);
  expect(await read("a")).toEqual(["1=y", "2=changed"]);
  await session.write([put(4, "w")]);
  expect(await read("a")).toEqual(["1=y", "2=changed", "4=w"]);
  await session.close();
  expect(await read("a")).toEqual(["1=y", "2=changed", "4=w"]);
});

test("ignores the beginning of a write, and does not change the file", async () => {
  const { session } = await new DiskStore(directory).open("a");
  await session.write([put(1, "x")]);
  await session.close();
  appendFileSync(journal(), readFileSync(journal()).subarray(-20, -3));
  const before = readFileSync(journal());
  expect(await read("a")).toEqual(["1=x"]);
  expect(readFileSync(journal())).toEqual(before);
});

test("leaves out damaged records, and does not repair the file", async () => {
  const { session } = await new DiskStore(directory).open("a");
  for (let key = 1; key <= 3; key++) await session.write([put(key, "x".repeat(1_000))]);
  await session.close();
  const path = journal();
  const bytes = readFileSync(path);
  const at = bytes.length - 1_500; // in the second of the three
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  const records = await new DiskStore(directory).read("a");
  expect(records?.map(({ key }) => key)).toEqual([1, 3]);
  expect(readFileSync(path)).toEqual(bytes);
});

test("sees all of a write or nothing, while the owner writes", async () => {
  const { session } = await new DiskStore(directory, { toleratedWaste: 10_000 }).open("a");
  let isOver = false;
  const writing = (async () => {
    for (let i = 0; i < 300; i++) await session.write([put(1, `${i}`), put(2, "x".repeat(500)), put(3, `${i}`)]);
    isOver = true;
  })();
  let reads = 0;
  while (!isOver) {
    const records = await read("a");
    if (records === undefined || records.length === 0) continue;
    reads++;
    expect(records[0]?.slice(2)).toBe(records[2]?.slice(2));
  }
  await writing;
  await session.close();
  expect(reads).toBeGreaterThan(0);
});

test("a value whose bytes have changed since they were written is not returned", async () => {
  const { session } = await new DiskStore(directory).open("a");
  for (let key = 1; key <= 3; key++) await session.write([put(key, "x".repeat(1_000))]);
  const path = journal();
  const bytes = readFileSync(path);
  const at = bytes.length - 1_500; // in the second of the three
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  expect((await session.read?.([1, 2, 3]))?.map((value) => value?.length)).toEqual([1_000, undefined, 1_000]);
  await session.close();
});

test("values can be read after the file was rewritten", async () => {
  const { session } = await new DiskStore(directory, { toleratedWaste: 1_000 }).open("a");
  await session.write([put(1, "first")]);
  for (let i = 0; i < 50; i++) await session.write([put(2, `${i}`.padEnd(500)), put(10 + i, `${i}`)]);
  const values = await session.read?.([1, 2, 10, 59]);
  expect(values?.map((value) => new TextDecoder().decode(value).trim())).toEqual(["first", "49", "0", "49"]);
  await session.close();
});
