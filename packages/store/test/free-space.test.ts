// A file system that is nearly full: nothing grows, records can be removed, and the file is rewritten in time.
import { DiskStore, MemoryFileSystem } from "@aiko/mqtt-store";
import { expect, test } from "vitest";

/** A file system that says how much is free. */
class SmallDisk extends MemoryFileSystem {
  free: number | undefined = 2 ** 30;
  measured = 0;

  freeSpace(): Promise<number | undefined> {
    this.measured++;
    return Promise.resolve(this.free);
  }
}

const put = (key: number, size: number) => ({ key, value: new Uint8Array(size).fill(key) });
const remove = (key: number) => ({ key, value: undefined });
const RESERVE = 2 ** 18;

async function opened(disk: SmallDisk) {
  const { session } = await new DiskStore("/d", { fileSystem: disk }).open("s");
  return session;
}

async function sizeOf(disk: SmallDisk): Promise<number> {
  const [name = ""] = await disk.list("/d");
  return (await (await disk.open(`/d/${name}`, "existing"))?.size()) ?? 0;
}

test("refuses what grows, and says why; takes removals and changes of the same size", async () => {
  const disk = new SmallDisk();
  disk.free = 2 * RESERVE;
  const session = await opened(disk);
  await session.write([put(1, 1_000), put(2, 1_000)]);
  disk.free = RESERVE;
  await expect(session.write([put(3, 2 ** 20)])).rejects.toMatchObject({
    code: "STORE_FULL",
    message: expect.stringContaining(`the file system has ${RESERVE} bytes free`),
  });
  await expect(session.write([put(1, 1_001)])).rejects.toMatchObject({ code: "STORE_FULL" });
  await session.write([put(1, 1_000), remove(2)]);
  await session.write([put(2, 900), remove(1)]);
  await session.close();
  const { records } = await new DiskStore("/d", { fileSystem: disk }).open("s");
  expect(records.map(({ key, value }) => [key, value.length])).toEqual([[2, 900]]);
});

test("takes new records again when there is room", async () => {
  const disk = new SmallDisk();
  disk.free = RESERVE;
  const session = await opened(disk);
  await expect(session.write([put(1, 10)])).rejects.toMatchObject({ code: "STORE_FULL" });
  disk.free = 2 * RESERVE;
  await session.write([put(1, 10)]);
  await session.close();
});

test("keeps room for a copy of what it has", async () => {
  const disk = new SmallDisk();
  const session = await opened(disk);
  await session.write([put(1, 2 ** 20)]);
  disk.free = RESERVE + 2 ** 20;
  await expect(session.write([put(2, 2 ** 20)])).rejects.toMatchObject({ code: "STORE_FULL" });
  await session.close();
});

test("rewrites the file for little waste", async () => {
  const disk = new SmallDisk();
  disk.free = 4 * RESERVE;
  const session = await opened(disk);
  for (let key = 1; key <= 20; key++) await session.write([put(key, 10_000)]);
  const before = await sizeOf(disk);
  disk.free = RESERVE;
  await expect(session.write([put(21, 2 ** 20)])).rejects.toMatchObject({ code: "STORE_FULL" });
  for (let key = 1; key <= 15; key++) await session.write([remove(key)]);
  await expect.poll(() => sizeOf(disk)).toBeLessThan(before / 1.5);
  await session.close();
});

test("measures once a mebibyte while there is enough, and not at all if the file system cannot tell", async () => {
  const disk = new SmallDisk();
  const session = await opened(disk);
  for (let key = 1; key <= 50; key++) await session.write([put(key, 100_000)]);
  expect(disk.measured).toBeGreaterThan(3);
  expect(disk.measured).toBeLessThan(8);
  disk.free = undefined;
  await session.write([put(1, 2 ** 21), put(2, 10)]);
  await session.write([put(3, 2 ** 21)]);
  await session.close();
});
