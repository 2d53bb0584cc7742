// The behaviour of a spool on an intact disk: order, settling, limits, counts, ages. The same on a real disk and in
// memory.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FileSystem, MemoryFileSystem, Spool, type SpoolOptions, type SpoolRecord } from "@aiko/mqtt-store";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { expectBalanced, readAll } from "./spool-checks.ts";

const encoder = new TextEncoder();

function record(topic: string, payload = topic, more: Partial<SpoolRecord> = {}): SpoolRecord {
  return { topic, payload: encoder.encode(payload), ...more };
}

const numbered = (count: number, from = 1): SpoolRecord[] =>
  Array.from({ length: count }, (_, i) => record(`t/${from + i}`, "x".repeat(100)));

const disks: [string, () => FileSystem | undefined][] = [
  ["on disk", () => undefined],
  ["in memory", () => new MemoryFileSystem()],
];

describe.each(disks)("a spool %s", (_, make) => {
  let directory: string;
  let fileSystem: FileSystem | undefined;
  let now = 1_800_000_000_000;
  const clock = { wallTime: () => now, now: () => now };
  const open = (options: SpoolOptions = {}): Promise<Spool> => Spool.open(directory, { fileSystem, clock, ...options });

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "spool-"));
    fileSystem = make();
    now = 1_800_000_000_000;
  });
  afterEach(() => rm(directory, { recursive: true }));

  test("returns records in the order of acceptance, unchanged", async () => {
    const spool = await open();
    const properties = encoder.encode('{"unit":"C"}');
    await spool.append("a", [record("t/1", "one", { qos: 2, retain: true, expiry: 60, properties })]);
    await spool.append("b", [record("ü/2", "", { qos: 0 }), record("t/3")]);
    expect(await spool.read(10)).toEqual(
      [
        {
          sequence: 1,
          source: "a",
          acceptedAt: now,
          ...record("t/1", "one"),
          qos: 2,
          retain: true,
          expiry: 60,
          properties,
        },
        {
          sequence: 2,
          source: "b",
          acceptedAt: now,
          ...record("ü/2", ""),
          qos: 0,
          retain: false,
          expiry: undefined,
          properties: undefined,
        },
        {
          sequence: 3,
          source: "b",
          acceptedAt: now,
          ...record("t/3"),
          qos: 1,
          retain: false,
          expiry: undefined,
          properties: undefined,
        },
      ].map((each) => ({
        ...each,
        payload: Buffer.from(each.payload),
        properties: each.properties && Buffer.from(each.properties),
      })),
    );
    expect(await spool.read(10)).toEqual([]);
    await spool.close();
  });

  test("returns a record once, and again after reopening, unless it is settled", async () => {
    let spool = await open();
    await spool.append("a", numbered(5));
    const [first, second, third] = await spool.read(3);
    expect([first?.topic, second?.topic, third?.topic]).toEqual(["t/1", "t/2", "t/3"]);
    spool.settle(second?.sequence ?? 0, "out");
    expect((await spool.read(9)).map(({ topic }) => topic)).toEqual(["t/4", "t/5"]);
    expectBalanced(spool);
    await spool.close();
    spool = await open();
    expect(spool.statistics).toMatchObject({ records: 4, sources: { a: { in: 5, out: 1, spooled: 4, dropped: {} } } });
    expect((await readAll(spool)).map(({ topic }) => topic)).toEqual(["t/1", "t/3", "t/4", "t/5"]);
    await spool.close();
  });

  test("counts the outcome of each record, also after reopening", async () => {
    let spool = await open();
    await spool.append("a", numbered(4));
    await spool.append("b", numbered(2));
    spool.count("a", "decode", 3);
    const [first, second] = await spool.read(2);
    spool.settle(first?.sequence ?? 0, "out");
    spool.settle(second?.sequence ?? 0, "refused:0x87");
    spool.settle(second?.sequence ?? 0, "out"); // is settled
    const counts = {
      a: { in: 7, out: 1, spooled: 2, dropped: { decode: 3, "refused:0x87": 1 } },
      b: { in: 2, out: 0, spooled: 2, dropped: {} },
    };
    expect(spool.statistics.sources).toEqual(counts);
    for (let again = 0; again < 2; again++) {
      await spool.close();
      spool = await open();
      expect(spool.statistics.sources).toEqual(counts);
    }
    expectBalanced(spool);
    await spool.close();
  });

  test("keeps order and counts over many segments, and removes settled segments", async () => {
    const spool = await open({ segmentSize: 65_536, maximumBytes: 2 ** 22 });
    const topics: string[] = [];
    for (let i = 0; i < 40; i++) await spool.append(i % 2 ? "a" : "b", numbered(200, i * 200));
    expect(spool.statistics.bytes).toBeGreaterThan(1_000_000);
    for (let records = await spool.read(500); records.length > 0; records = await spool.read(500)) {
      for (const { topic, sequence } of records) {
        topics.push(topic);
        spool.settle(sequence, "out");
      }
    }
    expect(topics).toEqual(Array.from({ length: 8_000 }, (_, i) => `t/${i}`));
    await spool.checkpoint();
    expect(spool.statistics.bytes).toBeLessThan(2 * 65_536);
    expect(spool.statistics).toMatchObject({ records: 0, sources: { a: { out: 4_000 }, b: { out: 4_000 } } });
    if (fileSystem === undefined)
      expect((await readdir(directory)).filter((name) => name.endsWith(".spool"))).toHaveLength(1);
    await spool.close();
  });

  test("reads records that are written during reading", async () => {
    const spool = await open({ segmentSize: 65_536 });
    let told = 0;
    const remove = spool.onRecords(() => void told++);
    const topics: string[] = [];
    for (let i = 0; i < 300; i++) {
      const writing = spool.append("a", numbered(10, i * 10));
      for (const { topic } of await spool.read(7)) topics.push(topic);
      await writing;
    }
    for (const { topic } of await readAll(spool)) topics.push(topic);
    expect(topics).toEqual(Array.from({ length: 3_000 }, (_, i) => `t/${i}`));
    expect(told).toBe(300);
    remove();
    await spool.append("a", numbered(1));
    expect(told).toBe(300);
    await spool.close();
  });

  test("rejects records above a limit, accepts records again when there is room, and reports it", async () => {
    const bounds = { segmentSize: 65_536, maximumBytes: 2 ** 18 };
    const spool = await open(bounds);
    let rooms = 0;
    spool.onRoom(() => void rooms++);
    let accepted = 0;
    const refusal = await (async () => {
      for (;;) {
        await spool.append("a", numbered(100, accepted));
        accepted += 100;
      }
    })().catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: "STORE_FULL", message: expect.stringContaining("maximumBytes is 262144") });
    expect(spool.statistics.bytes).toBeLessThanOrEqual(2 ** 18 + 65_536);
    await expect(spool.append("a", numbered(100))).rejects.toMatchObject({ code: "STORE_FULL" });
    expect(spool.statistics.sources).toMatchObject({ a: { in: accepted, spooled: accepted } });
    for (const { sequence } of await spool.read(1_200)) spool.settle(sequence, "out");
    await expect.poll(() => rooms).toBe(1);
    await spool.append("a", numbered(100, accepted));
    expect((await readAll(spool)).at(-1)?.topic).toBe(`t/${accepted + 99}`);
    expectBalanced(spool);
    await spool.close();
  });

  test("rejects more records than its limit", async () => {
    const spool = await open({ maximumRecords: 10 });
    await spool.append("a", numbered(10));
    await expect(spool.append("a", numbered(1))).rejects.toMatchObject({ code: "STORE_FULL" });
    const [first] = await spool.read(2);
    spool.settle(first?.sequence ?? 0, "out");
    await spool.append("a", numbered(1));
    await spool.close();
  });

  test("drops the oldest records when it is full, if its policy says so", async () => {
    const spool = await open({ segmentSize: 65_536, maximumBytes: 2 ** 18, full: "drop-oldest" });
    const [inFlight] = await spool.append("a", numbered(10)).then(() => spool.read(1));
    for (let i = 0; i < 40; i++) await spool.append("a", numbered(100, 11 + i * 100));
    const { records, sources } = spool.statistics;
    expect(sources["a"]).toMatchObject({ in: 4_010, spooled: records, dropped: { full: 4_010 - records } });
    spool.settle(inFlight?.sequence ?? 0, "out"); // was dropped
    expect(spool.statistics.sources).toEqual(sources);
    const topics = (await readAll(spool)).map(({ topic }) => topic);
    expect(topics).toEqual(Array.from({ length: records }, (_, i) => `t/${4_011 - records + i}`));
    expectBalanced(spool);
    await spool.close();
  });

  test("keeps the latest record of each topic when it is full, if its policy says so", async () => {
    const options = { segmentSize: 65_536, maximumBytes: 2 ** 18, full: "latest-per-topic" } as const;
    let spool = await open(options);
    const [inFlight] = await spool.append("a", [record("t/0", "first")]).then(() => spool.read(1));
    let appended = 1;
    for (let i = 0; i < 60; i++) {
      const records = Array.from({ length: 100 }, (_, j) =>
        record(`t/${(i * 100 + j) % 150}`, `${appended++}`.padStart(100)),
      );
      await spool.append(i % 2 ? "a" : "b", records);
      expectBalanced(spool);
    }
    expect(spool.statistics.bytes).toBeLessThanOrEqual(2 ** 18 + 65_536);
    const { records } = spool.statistics;
    const read = await readAll(spool);
    expect(read).toHaveLength(records - 1);
    const numbers = read.map(({ payload }) => Number(Buffer.from(payload).toString()));
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    const latest = new Map(read.map(({ topic }, i) => [topic, numbers[i] ?? 0]));
    expect([...latest.values()].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 150 }, (_, i) => appended - 150 + i),
    );
    spool.settle(inFlight?.sequence ?? 0, "out");
    expectBalanced(spool);
    await spool.close();
    spool = await open(options);
    expect(spool.statistics.records).toBe(records - 1);
    expectBalanced(spool);
    expect(await readAll(spool)).toHaveLength(records - 1);
    await spool.close();
  });

  test("drops the oldest records when it is full and each topic has one record", async () => {
    const spool = await open({ segmentSize: 65_536, maximumBytes: 2 ** 18, full: "latest-per-topic" });
    for (let i = 0; i < 40; i++) await spool.append("a", numbered(100, i * 100));
    const { records } = spool.statistics;
    const topics = (await readAll(spool)).map(({ topic }) => topic);
    expect(topics).toEqual(Array.from({ length: records }, (_, i) => `t/${4_000 - records + i}`));
    expectBalanced(spool);
    await spool.close();
  });

  test("drops records that are too old, including those that nobody reads", async () => {
    const spool = await open({ segmentSize: 65_536, maximumAge: 1_000 });
    await spool.append("a", numbered(3));
    now += 1_001;
    await spool.append("a", numbered(1, 4));
    expect((await spool.read(10)).map(({ topic }) => topic)).toEqual(["t/4"]);
    expect(spool.statistics.sources).toEqual({ a: { in: 4, out: 0, spooled: 1, dropped: { expired: 3 } } });
    for (let i = 0; i < 10; i++) await spool.append("a", numbered(200));
    now += 1_001;
    await spool.checkpoint();
    expect(spool.statistics.records).toBeLessThan(700);
    expectBalanced(spool);
    await spool.close();
  });

  test("drops no records for their age after the clock jumped, or before it was set", async () => {
    let wallTime = 1_000;
    const jumping = { wallTime: () => wallTime, now: () => now };
    const spool = await open({ maximumAge: 7_200_000, clock: jumping });
    await spool.append("a", numbered(1));
    wallTime = now;
    await spool.append("a", numbered(1, 2));
    wallTime += 86_400_000;
    expect((await readAll(spool)).map(({ acceptedAt }) => acceptedAt)).toEqual([0, now]);
    await spool.append("a", numbered(1, 3));
    wallTime += 7_200_001;
    now += 7_200_001;
    expect(await readAll(spool)).toEqual([]);
    expect(spool.statistics.sources).toMatchObject({ a: { dropped: { expired: 1 } } });
    await spool.close();
  });

  test("clears one source and not the others", async () => {
    let spool = await open();
    await spool.append("a", numbered(3));
    await spool.append("b", numbered(3, 4));
    await spool.append("a", numbered(3, 7));
    await spool.read(2);
    expect(await spool.clear("a")).toBe(6);
    expect(await spool.clear("nobody")).toBe(0);
    expect((await readAll(spool)).map(({ topic }) => topic)).toEqual(["t/4", "t/5", "t/6"]);
    await spool.append("a", numbered(1, 10));
    expectBalanced(spool);
    await spool.close();
    spool = await open();
    expect(spool.statistics.sources).toMatchObject({
      a: { in: 7, spooled: 1, dropped: { cleared: 6 } },
      b: { spooled: 3 },
    });
    expect((await readAll(spool)).map(({ topic }) => topic)).toEqual(["t/4", "t/5", "t/6", "t/10"]);
    await spool.close();
  });

  test("has one owner at a time", async () => {
    const spool = await open();
    await expect(open()).rejects.toMatchObject({ code: "STORE_LOCKED" });
    await spool.close();
    await (await open()).close();
  });

  test("rejects wrong calls, and every call after it was closed", async () => {
    await expect(open({ segmentSize: 65_536, maximumBytes: 100_000 })).rejects.toMatchObject({ option: "segmentSize" });
    await expect(Spool.open("")).rejects.toMatchObject({ option: "directory" });
    await expect(open({ full: "reject-all" as "reject" })).rejects.toMatchObject({ code: "OPTION_INVALID" });
    const spool = await open();
    await expect(spool.append("s".repeat(65), [])).rejects.toMatchObject({ option: "source" });
    await expect(spool.append("a", [record("t", "x".repeat(2 ** 20))])).rejects.toMatchObject({ code: "STORE_FULL" });
    await expect(spool.append("a", [record("t".repeat(65_536))])).rejects.toMatchObject({ code: "STORE_FULL" });
    for (let i = 0; i < 256; i++) spool.count(`source ${i}`, "decode");
    expect(() => spool.count("one more", "decode")).toThrow("more than 256 sources");
    for (let i = 0; i < 100; i++) spool.count("source 1", `reason-${i}`);
    expectBalanced(spool);
    await spool.close();
    await expect(spool.append("source 1", numbered(1))).rejects.toMatchObject({ code: "STORE_FAILED" });
    await spool.close();
  });

  test("remembers settled records far beyond the first unsettled one", async () => {
    let spool = await open();
    for (let i = 0; i < 40; i++) await spool.append("a", numbered(1_000, i * 1_000));
    const records = await readAll(spool);
    expect(records).toHaveLength(32_768);
    for (const { sequence } of records.slice(1)) spool.settle(sequence, "out");
    expect(await spool.read(10)).toEqual([]);
    await spool.close();
    spool = await open();
    expectBalanced(spool);
    const [first] = await spool.read(1);
    expect(first?.topic).toBe("t/0");
    expect(await spool.read(1)).toEqual([]);
    spool.settle(first?.sequence ?? 0, "out");
    expect((await spool.read(1)).map(({ topic }) => topic)).toEqual(["t/32768"]);
    let left = 0;
    for await (const { topic } of spool.records()) expect(topic).toBe(`t/${32_768 + left++}`);
    expect(left).toBe(40_000 - 32_768);
    await spool.close();
  });
});
