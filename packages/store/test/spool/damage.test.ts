// A disk that damages bits or loses files: the spool always opens, counts the lost records, and has the others.
import { resolve } from "node:path";
import { type Damage, Spool } from "@aiko/mqtt-store";
import { expect, test } from "vitest";
import { CrashingDisk } from "../crashing-disk.ts";
import { expectBalanced, readAll } from "./spool-checks.ts";

const directory = resolve("d");
/** Whether to flip each bit, instead of one bit in each byte. */
const EVERY_BIT = process.env["SPOOL_RUNS"] !== undefined;

function open(disk: CrashingDisk, damage: Damage[] = []): Promise<Spool> {
  return Spool.open(directory, {
    fileSystem: disk.fileSystem,
    segmentSize: 65_536,
    onDamage: (each) => void damage.push(each),
  });
}

function records(from: number, count: number, size = 20) {
  return Array.from({ length: count }, (_, i) => ({ topic: `t/${from + i}`, payload: Buffer.alloc(size, from + i) }));
}

/** Three segments: the first has four unsettled records, the second has one long record, the third has two records. */
async function smallSpool(): Promise<CrashingDisk> {
  const disk = new CrashingDisk();
  const spool = await open(disk);
  await spool.append("a", records(0, 2));
  await spool.append("b", records(2, 3));
  for (const { sequence } of await spool.read(1)) spool.settle(sequence, "out");
  await spool.append("c", records(5, 1, 65_000));
  await spool.append("a", records(6, 1));
  await spool.append("a", records(7, 1));
  await spool.close();
  return disk;
}

const topics = ["t/1", "t/2", "t/3", "t/4", "t/5", "t/6", "t/7"];

test("opens with any bit flipped, and counts the lost records", async () => {
  const disk = await smallSpool();
  const files = disk.files();
  expect(files).toHaveLength(4);
  const intact = new Map(files.map((path) => [path, disk.contents(path)]));
  let lostInAll = 0;
  let flips = 0;
  for (const path of files) {
    const bytes = intact.get(path) as Buffer;
    for (let offset = 0; offset < bytes.length; offset++) {
      // Only a sample of the zeros and of the long payload.
      const isSample = path.endsWith("cursor")
        ? offset % 98_304 > 300
        : offset > 5_000 || (offset > 40 && offset < 4_090);
      if (isSample && offset % (EVERY_BIT ? 11 : 101)) continue;
      for (let bit = 0; bit < (EVERY_BIT ? 8 : 1); bit++) {
        flips++;
        for (const [each, contents] of intact) disk.place(each, contents);
        disk.flip(path, offset, (offset + bit) % 8);
        const damage: Damage[] = [];
        const spool = await open(disk, damage);
        expectBalanced(spool);
        const { sources } = spool.statistics;
        const damaged = Object.values(sources).reduce((sum, { dropped }) => sum + (dropped["damaged"] ?? 0), 0);
        const found = (await readAll(spool)).map(({ topic }) => topic);
        if (path.endsWith("cursor")) {
          // Without the newest slot the previous one is used; without both nothing is settled.
          expect(found.filter((topic) => topic !== "t/0")).toEqual(topics);
        } else {
          expect(topics.filter((topic) => found.includes(topic))).toEqual(found);
          expect(found.length + damaged).toBe(topics.length);
          expect(damage.length > 0 || damaged === 0).toBe(true);
        }
        lostInAll += damaged;
        await spool.close();
        disk.kill();
        for (const each of disk.files()) if (!intact.has(each)) await disk.fileSystem.remove(each);
      }
    }
  }
  expect(flips).toBeGreaterThan(3_000);
  expect(lostInAll).toBeGreaterThan(300);
});

test("continues after damage, keeps the damaged file once, and removes it when there are too many damaged files", async () => {
  const disk = await smallSpool();
  const [path = ""] = disk.files();
  disk.flip(path, 4_200, 0);
  for (let again = 0; again < 2; again++) {
    const spool = await open(disk);
    expectBalanced(spool);
    await spool.append("a", records(8 + again, 1));
    expect((await readAll(spool)).map(({ topic }) => topic)).toContain(`t/${8 + again}`);
    await spool.close();
  }
  expect(disk.files().filter((each) => each.endsWith(".damaged"))).toEqual([`${path}.damaged`]);
  for (let n = 0; n < 15; n++) disk.place(`${directory}/000000${10 + n}.spool.damaged`, Buffer.alloc(10));
  await (await open(disk)).close();
  expect(disk.files().filter((each) => each.endsWith(".damaged"))).toHaveLength(10);
});

test("counts records that a disk loses while the spool is open", async () => {
  const disk = await smallSpool();
  const spool = await open(disk);
  const [path = ""] = disk.files();
  disk.flip(path, 4_400, 3);
  const found = await readAll(spool);
  expect(found.length).toBeLessThan(topics.length);
  await expect
    .poll(() =>
      Object.values(spool.statistics.sources).reduce((sum, { dropped }) => sum + (dropped["damaged"] ?? 0), 0),
    )
    .toBe(topics.length - found.length);
  expectBalanced(spool);
  for (const { sequence } of found) spool.settle(sequence, "out");
  expect(spool.statistics.records).toBe(0);
  await spool.close();
});

test("opens without a segment that was removed", async () => {
  const disk = await smallSpool();
  const [path = ""] = disk.files();
  await disk.fileSystem.remove(path);
  const spool = await open(disk);
  expectBalanced(spool);
  const found = await readAll(spool);
  expect(found.map(({ topic }) => topic)).toEqual(["t/5", "t/6", "t/7"]);
  expect(spool.statistics.sources).toMatchObject({ a: { dropped: { damaged: 1 } }, b: { dropped: { damaged: 3 } } });
  for (const { sequence } of found) spool.settle(sequence, "out");
  await spool.append("d", records(9, 1));
  expect((await readAll(spool)).map(({ topic }) => topic)).toEqual(["t/9"]);
  await spool.close();
});

test("opens a directory that has only the cursor's file left, and does not reuse its sequence numbers", async () => {
  const disk = await smallSpool();
  for (const path of disk.files()) if (path.endsWith(".spool")) await disk.fileSystem.remove(path);
  const spool = await open(disk);
  expectBalanced(spool);
  expect(spool.statistics.records).toBe(0);
  await spool.append("a", records(9, 1));
  expect((await readAll(spool)).map(({ topic }) => topic)).toEqual(["t/9"]);
  await spool.close();
});
