import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { MqttError, type StoredSession } from "@aiko/mqtt";
import { DiskStore } from "@aiko/mqtt-store";
import { expect, test } from "vitest";
import { recordsOf } from "../../../test/fixtures/stores.ts";
import { CrashingDisk, type Fault } from "./crashing-disk.ts";

const directory = resolve("d");
const put = (key: number, size: number) => ({ key, value: new Uint8Array(size) });

async function opened(options = {}): Promise<{ disk: CrashingDisk; store: DiskStore; session: StoredSession }> {
  const disk = new CrashingDisk();
  const store = new DiskStore(directory, { fileSystem: disk.fileSystem, ...options });
  const { session } = await store.open("s");
  return { disk, store, session };
}

const failing = (operation: string, fault: Fault) => (_: number, what: string) =>
  what.startsWith(operation) ? fault : undefined;

test.each(["ENOSPC", "EDQUOT"])(
  "a full disk (%s) rejects a write as a whole, and writes continue when it has room",
  async (fail) => {
    const { disk, store, session } = await opened();
    await session.write([put(1, 10)]);
    disk.fault = failing("write", { fail, part: 0.7 });
    for (let i = 0; i < 3; i++) {
      await expect(session.write([put(2, 2000), put(3, 1)])).rejects.toMatchObject({
        code: "STORE_FULL",
        cause: { code: fail },
        message: expect.stringContaining(directory),
      });
    }
    disk.fault = () => undefined;
    await session.write([put(4, 1)]);
    await session.close();
    expect((await recordsOf(store, "s")).map(({ key }) => key)).toEqual([1, 4]);
  },
);

test("no part of a failed write reappears behind a shorter one", async () => {
  const { disk, session } = await opened();
  await session.write([put(1, 10)]);
  disk.fault = failing("write", { fail: "ENOSPC", part: 1 });
  // As long as the next, so that the second of the two would be where a reader looks.
  const failed = [session.write([put(2, 100)]), session.write([put(3, 900), put(4, 900)])];
  for (const each of await Promise.allSettled(failed)) expect(each.status).toBe("rejected");
  disk.fault = () => undefined;
  await session.write([put(5, 100)]);
  disk.kill();
  const onDamage = () => expect.unreachable();
  const again = await recordsOf(new DiskStore(directory, { fileSystem: disk.fileSystem, onDamage }), "s");
  expect(again.map(({ key }) => key)).toEqual([1, 5]);
});

test.each([
  ["sync", "EIO"],
  ["sync", "ENOSPC"],
])("after a %s that failed (%s) nothing is written until the session is opened again", async (operation, fail) => {
  const { disk, store, session } = await opened();
  await session.write([put(1, 10)]);
  disk.fault = failing(operation, { fail });
  await expect(session.write([put(2, 1)])).rejects.toBeInstanceOf(MqttError);
  disk.fault = () => undefined;
  await expect(session.write([put(3, 1)])).rejects.toBeInstanceOf(MqttError);
  await session.close();
  const again = await store.open("s");
  expect(again.records.map(({ key }) => key)).not.toContain(3);
  await again.session.write([put(4, 1)]);
  await again.session.close();
});

test.each(["EROFS", "EACCES"])(
  "a directory that is not writable (%s) is an error at open that names it",
  async (fail) => {
    const disk = new CrashingDisk();
    disk.fault = () => ({ fail });
    const store = new DiskStore(directory, { fileSystem: disk.fileSystem });
    const refusal = { code: "STORE_FAILED", message: expect.stringContaining(directory), cause: { code: fail } };
    await expect(store.open("s")).rejects.toMatchObject(refusal);
    disk.fault = () => undefined;
    await recordsOf(store, "s");
    const locked = { ...disk.fileSystem, lock: () => Promise.reject(Object.assign(new Error(fail), { code: fail })) };
    await expect(new DiskStore(directory, { fileSystem: locked }).open("s")).rejects.toMatchObject(refusal);
  },
);

test("a file where the directory should be is an error that names it", async () => {
  const place = mkdtempSync(join(tmpdir(), "aiko-mqtt-store-"));
  const path = join(place, "file");
  writeFileSync(path, "x");
  for (const wrong of [path, join(path, "below")]) {
    await expect(new DiskStore(wrong).open("s")).rejects.toMatchObject({
      code: "STORE_FAILED",
      message: expect.stringContaining(wrong),
    });
  }
  rmSync(place, { recursive: true });
});

test.each(["create", "sync", "rename", "write"])(
  "a file that cannot be rewritten (%s fails) stays, and the rewrite is not repeated at every write",
  async (operation) => {
    const { disk, store, session } = await opened({ toleratedWaste: 1000 });
    let failed = 0;
    disk.fault = (_, what) => {
      if (!what.startsWith(operation) || !what.includes(".new")) return undefined;
      failed++;
      return { fail: "ENOSPC" };
    };
    for (let i = 0; i < 100; i++) await session.write([put(i % 3, 200)]);
    expect(failed).toBeGreaterThan(1);
    expect(failed).toBeLessThan(15);
    await session.close();
    expect(disk.files().filter((name) => name.endsWith(".new"))).toEqual([]);
    disk.fault = () => undefined;
    const again = await store.open("s");
    for (let i = 0; i < 500; i++) await again.session.write([put(i % 3, 200)]);
    const [path] = disk.files();
    expect(disk.contents(path as string).length).toBeLessThan(30_000);
    await again.session.close();
    expect(await recordsOf(store, "s")).toHaveLength(3);
  },
);
