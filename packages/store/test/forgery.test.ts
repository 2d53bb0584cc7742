// Messages of strangers are part of the file: none of their bytes may be mistaken for a frame, whichever bit of the
// file is damaged.
import { resolve } from "node:path";
import type { StoreRecord } from "@aiko/mqtt";
import { type Damage, DiskStore } from "@aiko/mqtt-store";
import { describe, expect, test } from "vitest";
import { effort } from "../../../test/fixtures/effort.ts";
import { recordsOf } from "../../../test/fixtures/stores.ts";
import { CrashingDisk } from "./crashing-disk.ts";
import { frame, header, headersOnly, released } from "./version-1.ts";

const directory = resolve("d");
const path = resolve("d", "s-28a3d6d537e5d5090d33c042ad97db20.journal");
const textOf = (records: readonly StoreRecord[]) => records.map(({ key, value }) => [key, value.length]).join(" ");
const RELEASED = "2,7 3,30 5,11";

/** A file of two records as this version writes it; the first is a stranger's. */
async function written(payload: Uint8Array): Promise<Buffer> {
  const disk = new CrashingDisk();
  const store = new DiskStore(directory, { fileSystem: disk.fileSystem });
  const { session } = await store.open("s");
  await session.write([{ key: 1, value: payload }]);
  await session.write([{ key: 2, value: new Uint8Array(3) }]);
  await session.close();
  return disk.contents(path);
}

/** The same, as the previous release wrote it. */
function writtenBefore(payload: Uint8Array): Buffer {
  return Buffer.concat([header, frame(1, payload), frame(2, new Uint8Array(3))]);
}

async function opened(bytes: Uint8Array): Promise<{ disk: CrashingDisk; records: string; damage: Damage[] }> {
  const disk = new CrashingDisk();
  disk.place(path, bytes);
  const damage: Damage[] = [];
  const store = new DiskStore(directory, { fileSystem: disk.fileSystem, onDamage: (each) => damage.push(each) });
  const records = textOf(await recordsOf(store, "s"));
  return { disk, records, damage };
}

function flipped(bytes: Uint8Array, bit: number): Buffer {
  const damaged = Buffer.from(bytes);
  damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
  return damaged;
}

describe("a message with content that looks like frames", () => {
  test("yields no record, whichever bit of its frame's header is damaged", async () => {
    // With the file's own frames in their old format, version 1, and with a header of version 2.
    const old = frame(77, Buffer.from("forged"));
    const other = await written(old);
    const bytes = await written(Buffer.concat([old, other, old]));
    const { length } = (await written(new Uint8Array(0))).subarray(0, -31 - 28);
    for (let bit = length * 8; bit < (length + 28) * 8; bit++) {
      const { records, damage } = await opened(flipped(bytes, bit));
      expect({ bit, records }).toEqual({ bit, records: "2,3" });
      expect(damage).toMatchObject([{ offset: length, bytes: bytes.length - 31 - length }]);
    }
  });

  test("yields none if any bit of a version 1 header is damaged, and the rest is set aside", async () => {
    const bytes = writtenBefore(Buffer.concat([frame(77, Buffer.from("forged")), Buffer.alloc(5_000)]));
    for (let bit = 16 * 8; bit < 32 * 8; bit++) {
      const { records, damage, disk } = await opened(flipped(bytes, bit));
      expect({ bit, records }).toEqual({ bit, records: "" });
      expect(damage).toMatchObject([{ offset: 16, bytes: bytes.length - 16, keptAs: `${path}.damaged-1` }]);
      expect(disk.contents(`${path}.damaged-1`).equals(flipped(bytes, bit))).toBe(true);
    }
  });

  test("yields none in a file of version 1 if it is at the position of a later version's second header", async () => {
    const forged = (await written(frame(77, Buffer.from("forged")))).subarray(4096);
    const payload = Buffer.concat([Buffer.alloc(4096 - 16 - 28), forged]);
    const bytes = writtenBefore(payload);
    expect(bytes.subarray(4096, 4096 + forged.length).equals(forged)).toBe(true);
    for (let bit = 0; bit < 32 * 8; bit++) {
      const { records } = await opened(flipped(bytes, bit));
      expect(["1,4247 2,3", ""]).toContain(records.replace(`1,${payload.length}`, "1,4247"));
    }
  });

  test("faces another random mark and seed in each file", async () => {
    const files = await Promise.all(Array.from({ length: 20 }, () => written(new Uint8Array(1))));
    for (const at of [16, 20]) expect(new Set(files.map((bytes) => bytes.readUInt32BE(at))).size).toBe(20);
  });
});

describe("the search after a damaged header", () => {
  test.each<[string, (size: number) => Uint8Array]>([
    ["headers that announce the rest of the file", headersOnly],
    ["repeated bytes of the mark of version 1", (size) => Buffer.alloc(size, 0x41)],
    ["marks of version 1", (size) => Buffer.alloc(size, "AKJB")],
    ["zeros", (size) => Buffer.alloc(size)],
  ])("takes linear time in the file's length, with a message of %s", async (_, payload) => {
    for (const make of [written, writtenBefore]) {
      const files = await Promise.all([2 ** 18, 2 ** 21].map(async (size) => make(payload(size))));
      const [small, large] = files.map((bytes) =>
        flipped(bytes, (bytes.length - 31 - 28 - payloadSize(bytes)) * 8 + 37),
      );
      const few = await effort(() => opened(small as Buffer));
      const many = await effort(() => opened(large as Buffer));
      expect(many / Math.max(few, 5)).toBeLessThan(40); // 8 times as long
    }
  });

  test("finds the existing frames", async () => {
    const bytes = await written(Buffer.alloc(3 * 2 ** 20, 7));
    const start = bytes.length - 31 - 28 - payloadSize(bytes);
    const { records, damage } = await opened(flipped(bytes, start * 8));
    expect({ records, damage }).toMatchObject({ records: "2,3", damage: [{ offset: start }] });
  });
});

/** Of the first record, by the file's length. */
function payloadSize(bytes: Buffer): number {
  const version1 = bytes.readUInt32BE(8) === 1;
  return bytes.length - (version1 ? 16 : 4124) - 28 - 31;
}

describe("a file of the previous release", () => {
  test("is read, and rewritten in this version", async () => {
    const { records, damage, disk } = await opened(released);
    expect({ records, damage }).toEqual({ records: RELEASED, damage: [] });
    expect(disk.files()).toEqual([path]);
    expect(disk.contents(path).readUInt32BE(8)).toBe(2);
    expect((await opened(disk.contents(path))).records).toBe(RELEASED);
  });

  test("is truncated silently where a crash left it incomplete", async () => {
    for (const bytes of [released.subarray(0, -1), Buffer.concat([released.subarray(0, -47), Buffer.alloc(700)])]) {
      expect(await opened(bytes)).toMatchObject({ records: "2,7 3,30 4,5", damage: [] });
    }
  });

  test("keeps its records if its header is damaged, and the records before a damaged frame", async () => {
    expect(await opened(flipped(released, 70))).toMatchObject({
      records: RELEASED,
      damage: [{ offset: 0, bytes: 16 }],
    });
    const second = 16 + 16 + 33;
    expect(await opened(flipped(released, second * 8))).toMatchObject({
      records: "1,9 2,0",
      damage: [{ offset: second }],
    });
    const body = await opened(flipped(released, (second + 20) * 8));
    expect(body).toMatchObject({ records: "2,7 5,11", damage: [{ offset: second, bytes: 58 }] });
  });

  test("is read and appended to on a full disk, and rewritten when there is room", async () => {
    const disk = new CrashingDisk();
    disk.place(path, released);
    const store = new DiskStore(directory, { fileSystem: disk.fileSystem, toleratedWaste: 100 });
    disk.fault = (_, what) => (what.includes(".new") ? { fail: "ENOSPC" } : undefined);
    const { records, session } = await store.open("s");
    expect(textOf(records)).toBe(RELEASED);
    for (let i = 0; i < 9; i++) await session.write([{ key: 9, value: new Uint8Array(90) }]);
    await session.close();
    expect(disk.contents(path).readUInt32BE(8)).toBe(1);
    disk.fault = () => undefined;
    expect(textOf(await recordsOf(store, "s"))).toBe(`${RELEASED} 9,90`);
    expect(disk.contents(path).readUInt32BE(8)).toBe(2);
  });

  test("loses nothing in a crash at any step of its rewrite", async () => {
    for (let at = 0; ; at++) {
      const disk = new CrashingDisk();
      disk.place(path, released);
      let crashed = false;
      disk.fault = (operation) => {
        crashed ||= operation === at;
        return operation === at ? "crash" : undefined;
      };
      await new DiskStore(directory, { fileSystem: disk.fileSystem }).open("s").catch(() => {});
      if (!crashed) break;
      disk.fault = () => undefined;
      disk.powerLoss(() => (at % 3) / 2);
      const store = new DiskStore(directory, { fileSystem: disk.fileSystem });
      expect(textOf(await recordsOf(store, "s"))).toBe(RELEASED);
    }
  });

  test("is not mistaken for that of another session", async () => {
    const disk = new CrashingDisk();
    const store = new DiskStore(directory, { fileSystem: disk.fileSystem, onDamage: () => {} });
    const { session } = await store.open("other");
    await session.write([{ key: 1, value: new Uint8Array(1) }]);
    await session.close();
    disk.place(disk.files()[0] as string, released);
    expect(await recordsOf(store, "other")).toEqual([]);
  });
});
