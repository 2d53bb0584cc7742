// The spool in memory: the same promises as the one on a disk, as far as the process lives.
import { MemorySpool, type MemorySpoolOptions, type SpoolRecord } from "@aiko/mqtt-store";
import fc from "fast-check";
import { expect, test } from "vitest";
import { expectBalanced } from "./spool-checks.ts";

const encoder = new TextEncoder();

function record(topic: string, payload = topic, more: Partial<SpoolRecord> = {}): SpoolRecord {
  return { topic, payload: encoder.encode(payload), ...more };
}

const time = { now: 1_800_000_000_000 };

function create(options: Partial<MemorySpoolOptions> = {}): MemorySpool {
  time.now = 1_800_000_000_000;
  return new MemorySpool({
    maximumBytes: 1_000_000,
    maximumRecords: 100,
    maximumAge: Infinity,
    full: "reject",
    clock: { now: () => time.now, wallTime: () => time.now },
    ...options,
  });
}

const topics = async (spool: MemorySpool, limit = 100): Promise<string[]> =>
  (await spool.read(limit)).map(({ topic }) => topic);

test("returns records in the order of acceptance, unchanged, and each once", async () => {
  const spool = create();
  const properties = encoder.encode("p");
  await spool.append("a", [record("t/1", "one", { qos: 2, retain: true, expiry: 60, properties }), record("t/2")]);
  await spool.append("b", [record("t/3", "")]);
  const accepted = { acceptedAt: time.now, retain: false, qos: 1, expiry: undefined, properties: undefined };
  expect(await spool.read(2)).toEqual([
    { ...accepted, sequence: 1, source: "a", ...record("t/1", "one"), qos: 2, retain: true, expiry: 60, properties },
    { ...accepted, sequence: 2, source: "a", ...record("t/2") },
  ]);
  expect(await spool.read(2)).toEqual([{ ...accepted, sequence: 3, source: "b", ...record("t/3", "") }]);
  expect(await spool.read(2)).toEqual([]);
});

test("a payload that changes afterwards is not changed in the spool", async () => {
  const spool = create();
  const payload = encoder.encode("before");
  await spool.append("a", [{ topic: "t", payload }]);
  payload.fill(0);
  expect((await spool.read(1))[0]?.payload).toEqual(encoder.encode("before"));
});

test("rejects what exceeds a bound, keeps what it has, and reports room at 90 %", async () => {
  const spool = create({ maximumRecords: 10 });
  let rooms = 0;
  spool.onRoom(() => rooms++);
  const ten = Array.from({ length: 10 }, (_, i) => record(`t/${i}`));
  await spool.append("a", ten);
  await expect(spool.append("a", [record("more")])).rejects.toMatchObject({ code: "STORE_FULL" });
  expect(spool.statistics.records).toBe(10);
  const [first] = await spool.read(1);
  expect(rooms).toBe(0);
  spool.settle(first?.sequence ?? 0, "out");
  expect(rooms).toBe(1);
  await spool.append("a", [record("more")]);
  expectBalanced(spool);
});

test("a bound in bytes counts what a record costs in memory", async () => {
  const spool = create({ maximumBytes: 1_000 });
  await spool.append("a", [record("t", "x".repeat(500))]);
  expect(spool.statistics.bytes).toBeGreaterThan(700);
  await expect(spool.append("a", [record("t", "x")])).rejects.toMatchObject({ code: "STORE_FULL" });
});

test("drop-oldest drops the oldest records that are not in flight", async () => {
  const spool = create({ maximumRecords: 3, full: "drop-oldest" });
  await spool.append("a", [record("1"), record("2"), record("3")]);
  expect(await topics(spool, 1)).toEqual(["1"]);
  await spool.append("a", [record("4")]);
  expect(await topics(spool)).toEqual(["3", "4"]);
  expect(spool.statistics.sources["a"]).toMatchObject({ in: 4, spooled: 3, dropped: { full: 1 } });
});

test("latest-per-topic drops records of which there is a later one, and then the oldest", async () => {
  const spool = create({ maximumRecords: 3, full: "latest-per-topic" });
  await spool.append("a", [record("x", "1"), record("y"), record("x", "2")]);
  await spool.append("a", [record("z")]);
  await spool.append("a", [record("z", "2")]);
  expect(spool.statistics.sources["a"]?.dropped).toEqual({ full: 2 });
  await spool.append("a", [record("w")]);
  expect((await spool.read(9)).map(({ topic }) => topic)).toEqual(["x", "z", "w"]);
  expectBalanced(spool);
});

test("more records than could ever fit are rejected, whatever the policy", async () => {
  const spool = create({ maximumRecords: 2, full: "drop-oldest" });
  await spool.append("a", [record("kept")]);
  const three = [record("1"), record("2"), record("3")];
  await expect(spool.append("a", three)).rejects.toMatchObject({ code: "STORE_FULL" });
  expect(await topics(spool)).toEqual(["kept"]);
});

test("what is too old is dropped as expired, and not returned", async () => {
  const spool = create({ maximumAge: 60_000 });
  await spool.append("a", [record("old")]);
  time.now += 60_001;
  await spool.append("a", [record("new")]);
  expect(await topics(spool)).toEqual(["new"]);
  expect(spool.statistics.sources["a"]?.dropped).toEqual({ expired: 1 });
});

test("a closed spool accepts nothing", async () => {
  const spool = create();
  await spool.close();
  await expect(spool.append("a", [record("t")])).rejects.toMatchObject({ code: "STORE_FAILED" });
});

type Step = readonly ["append" | "read" | "settle" | "count", number];

const steps = fc.array(
  fc.tuple(fc.constantFrom<Step[0]>("append", "read", "settle", "count"), fc.integer({ min: 1, max: 6 })),
  { maxLength: 60 },
);

test.each(["reject", "drop-oldest", "latest-per-topic"] as const)(
  "with %s, whatever happens: in = out + spooled + dropped, the bounds hold, and the order stays",
  async (full) => {
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const spool = create({ maximumRecords: 12, maximumBytes: 4_000, full });
        const inflight: number[] = [];
        let last = 0;
        for (const [what, count] of sequence) {
          if (what === "append") {
            const records = Array.from({ length: count }, (_, i) => record(`t/${i}`));
            await spool.append(`source${count % 2}`, records).catch(() => {});
          } else if (what === "read") {
            for (const { sequence: each } of await spool.read(count)) {
              expect(each).toBeGreaterThan(last);
              last = each;
              inflight.push(each);
            }
          } else if (what === "settle") {
            for (const each of inflight.splice(0, count)) spool.settle(each, "out");
          } else {
            spool.count("source0", "decode", count);
          }
          const { records, bytes } = spool.statistics;
          expect(records).toBeLessThanOrEqual(12);
          expect(bytes).toBeLessThanOrEqual(4_000);
          expectBalanced(spool);
        }
      }),
    );
  },
);
