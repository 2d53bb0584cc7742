// A crash at every operation, in all the ways in which it may leave the disk. Each write is complete or absent,
// acknowledged writes are present, and no write is present without the earlier ones.
import { resolve } from "node:path";
import type { OpenedSession, StoreChange, StoredSession, StoreRecord } from "@aiko/mqtt";
import { SeededRandom } from "@aiko/mqtt/testing";
import { DiskStore } from "@aiko/mqtt-store";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CrashingDisk, type Fault } from "./crashing-disk.ts";

type Group = readonly (readonly StoreChange[])[];

const directory = resolve("d");

function open(disk: CrashingDisk, toleratedWaste = 3_000): Promise<OpenedSession> {
  const store = new DiskStore(directory, {
    fileSystem: disk.fileSystem,
    toleratedWaste,
    onDamage: ({ offset }) => {
      throw new Error(`a crash is no damage; at ${offset}`);
    },
  });
  return store.open("s");
}

/** A session according to the model, as one comparable text. */
class Model {
  constructor(private readonly records: ReadonlyMap<number, string> = new Map()) {}

  after(changes: readonly StoreChange[]): Model {
    const records = new Map(this.records);
    for (const { key, value } of changes) {
      if (value === undefined) records.delete(key);
      else records.set(key, Buffer.from(value).toString("latin1"));
    }
    return new Model(records);
  }

  get text(): string {
    return textOf([...this.records].map(([key, value]) => ({ key, value: Buffer.from(value, "latin1") })));
  }
}

function textOf(records: readonly StoreRecord[]): string {
  const sorted = [...records].sort((a, b) => a.key - b.key);
  return sorted.map(({ key, value }) => `${key}=${Buffer.from(value).toString("hex")}`).join(" ");
}

/** Writes group after group and records what may be on the disk. */
class Account {
  acknowledged = new Model();
  /** What may also be present after a crash: a write that failed or was pending, with all writes before it. */
  possible: Model[] = [];

  async write(session: StoredSession, group: Group): Promise<boolean> {
    let model = this.acknowledged;
    for (const changes of group) {
      model = model.after(changes);
      this.possible.push(model);
    }
    const outcomes = await Promise.allSettled(group.map((changes) => session.write(changes)));
    outcomes.forEach(({ status }, i) => {
      if (status === "rejected") return;
      expect(outcomes.slice(0, i).every((each) => each.status === "fulfilled")).toBe(true);
      this.acknowledged = this.acknowledged.after(group[i] ?? []);
    });
    const complete = outcomes.every(({ status }) => status === "fulfilled");
    if (complete) this.possible = [];
    return complete;
  }

  check(records: readonly StoreRecord[]): void {
    const found = textOf(records);
    const candidates = [this.acknowledged, ...this.possible];
    expect(candidates.map(({ text }) => text)).toContain(found);
    this.acknowledged = candidates.find(({ text }) => text === found) ?? this.acknowledged;
    this.possible = [];
  }
}

const value = (size: number, fill: number) => new Uint8Array(size).fill(fill);

/**
 * Every kind of operation in three sectors: puts, replacements, removals, groups, and enough obsolete records for two
 * rewrites of the file.
 */
const scenario: Group[] = Array.from({ length: 14 }, (_, i) => [
  [
    { key: i % 4, value: value(300 + i, i + 1) },
    { key: 100 + i, value: value(700, i + 1) },
  ],
  [
    { key: 99 + i, value: undefined },
    { key: 50 + (i % 3), value: value(i, 0) },
  ],
]);

/** Runs the scenario with a fault at one operation. Resolves to whether the fault happened. */
async function runWith(fault: Fault, at: number, after: (disk: CrashingDisk) => void): Promise<boolean> {
  const disk = new CrashingDisk();
  let happened = false;
  disk.fault = (operation) => {
    if (operation !== at) return undefined;
    happened = true;
    return fault;
  };
  const account = new Account();
  const opened = await open(disk).catch(() => undefined);
  if (opened !== undefined) {
    for (const group of scenario) if (!(await account.write(opened.session, group)) && disk.crashed) break;
    if (!disk.crashed) await opened.session.close().catch(() => {});
  }
  disk.fault = () => undefined;
  after(disk);
  for (let again = 0; again < 2; again++) {
    const { session, records } = await open(disk);
    account.check(records);
    expect(await account.write(session, [[{ key: 1, value: value(9, 9) }]])).toBe(true);
    await session.close();
  }
  account.check((await open(disk)).records);
  return happened;
}

describe("a crash at each operation", () => {
  const deaths: [string, (seed: number) => (disk: CrashingDisk) => void][] = [
    ["of the process", () => (disk) => disk.kill()],
    ["of the power", (seed) => (disk) => disk.powerLoss(randomFrom(seed))],
    [
      "of the power, twice",
      (seed) => (disk) => {
        disk.powerLoss(randomFrom(seed + 1000));
        disk.powerLoss(randomFrom(seed));
      },
    ],
  ];
  test.each(deaths)("%s", async (_, death) => {
    let at = 0;
    while (await runWith("crash", at, death(at))) at++;
    expect(at).toBeGreaterThan(40);
  });

  test("a power failure, with many outcomes at each operation", async () => {
    for (let at = 0; at < 45; at++) {
      for (let seed = 0; seed < 8; seed++) await runWith("crash", at, (disk) => disk.powerLoss(randomFrom(seed)));
    }
  });
});

test("the process is killed at each operation, and the power fails after the next process has written", async () => {
  let happened = true;
  for (let at = 0; happened; at++) {
    for (let seed = 0; seed < 8; seed++) {
      const disk = new CrashingDisk();
      happened = false;
      disk.fault = (operation) => {
        if (operation !== at) return undefined;
        happened = true;
        return "crash";
      };
      const account = new Account();
      const opened = await open(disk).catch(() => undefined);
      for (const group of opened === undefined ? [] : scenario)
        if (!(await account.write((opened as OpenedSession).session, group)) && disk.crashed) break;
      disk.fault = () => undefined;
      disk.kill();
      const { session, records } = await open(disk);
      account.check(records);
      expect(await account.write(session, [[{ key: 1, value: value(9, 9) }]])).toBe(true);
      disk.powerLoss(randomFrom(seed));
      account.check((await open(disk)).records);
    }
  }
});

describe("each operation fails once, then the power fails", () => {
  test.each([
    ["ENOSPC", 0],
    ["ENOSPC", 0.5],
    ["EIO", 1],
    ["EROFS", undefined],
  ])("%s with %s of a write done", async (fail, part) => {
    let at = 0;
    const fault = part === undefined ? { fail } : { fail, part };
    while (await runWith(fault, at, (disk) => disk.powerLoss(randomFrom(at)))) at++;
    expect(at).toBeGreaterThan(40);
  });
});

test("any writes, failures, crashes and rewrites, in any order", async () => {
  const changes = fc.array(
    fc.record({
      key: fc.nat(12),
      value: fc.option(
        fc.nat(900).map((size) => value(size, size & 0xff)),
        { nil: undefined },
      ),
    }),
    { minLength: 1, maxLength: 6 },
  );
  const step = fc.oneof(
    { weight: 12, arbitrary: fc.array(changes, { minLength: 1, maxLength: 4 }).map((group) => ({ group })) },
    { weight: 1, arbitrary: fc.constant({ death: "close" as const, seed: 0 }) },
    { weight: 3, arbitrary: fc.record({ death: fc.constantFrom("kill" as const, "power" as const), seed: fc.nat() }) },
    {
      weight: 4,
      arbitrary: fc.record({
        fail: fc.constantFrom("ENOSPC", "EIO", "crash"),
        after: fc.nat(6),
        part: fc.constantFrom(0, 0.3, 1),
      }),
    },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const disk = new CrashingDisk();
      const account = new Account();
      let { session, records } = await open(disk, 500);
      account.check(records);
      const again = async (death: string, seed: number): Promise<void> => {
        disk.fault = () => undefined;
        if (death === "close" && !disk.crashed) await session.close().catch(() => {});
        else if (death === "power") disk.powerLoss(randomFrom(seed));
        else disk.kill();
        ({ session, records } = await open(disk, 500));
        account.check(records);
      };
      for (const each of steps) {
        if ("group" in each) {
          await account.write(session, each.group);
          if (disk.crashed) await again("power", 7);
        } else if ("death" in each) {
          await again(each.death, each.seed);
        } else {
          const at = disk.operations + each.after;
          disk.fault = (operation) =>
            operation === at ? (each.fail === "crash" ? "crash" : { fail: each.fail, part: each.part }) : undefined;
        }
      }
      await again("power", 3);
    }),
    { numRuns: 300, seed: 4 },
  );
});

function randomFrom(seed: number): () => number {
  const random = new SeededRandom(seed);
  return () => random.next();
}
