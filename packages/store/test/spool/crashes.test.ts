// A crash at every operation, in all the ways in which it may leave the disk. Accepted records are present, in order,
// and settled records return only if they were settled after the last checkpoint. SPOOL_RUNS sets the number of random
// histories.
import { resolve } from "node:path";
import { SeededRandom } from "@aiko/mqtt/testing";
import { Spool, type SpooledRecord, type SpoolOptions } from "@aiko/mqtt-store";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CrashingDisk, type Fault } from "../crashing-disk.ts";
import { expectBalanced, readAll } from "./spool-checks.ts";

const directory = resolve("d");
const RUNS = Number(process.env["SPOOL_RUNS"] ?? 300);

type State = "unknown" | "accepted" | "settled" | "settled for good";

/** Topics of all records. */
const TOPICS = 7;

/** The records that a spool must have. A record's payload begins with its number, in the order in which it was offered. */
class Model {
  readonly records: { source: string; state: State }[] = [];

  constructor(private readonly full: SpoolOptions["full"]) {}

  /** Compares the records of a spool that was just opened, and adopts the state of those that were not reported. */
  check(found: readonly SpooledRecord[]): void {
    const numbers = found.map(numberOf);
    const has = new Set(numbers);
    const wrong = found.filter(
      (record, i) =>
        numberOf(record) <= (numbers[i - 1] ?? -1) ||
        record.topic !== topicOf(numberOf(record)) ||
        record.source !== this.records[numberOf(record)]?.source ||
        !payloadOf(numberOf(record)).equals(record.payload),
    );
    expect(wrong).toEqual([]);
    const latest = new Map(
      this.records.map((_, i) => [topicOf(i), i]).filter(([, i]) => this.isAccepted(Number(i))) as [string, number][],
    );
    const mustBe = (i: number): boolean => {
      if (this.full === "drop-oldest") return false;
      return this.full !== "latest-per-topic" || latest.get(topicOf(i)) === i;
    };
    const lost = this.records.flatMap((_, i) => (this.isAccepted(i) && mustBe(i) && !has.has(i) ? [i] : []));
    const repeated = this.records.flatMap(({ state }, i) => (state === "settled for good" && has.has(i) ? [i] : []));
    expect({ lost, repeated }).toEqual({ lost: [], repeated: [] });
    this.records.forEach((record, i) => {
      record.state = has.has(i) ? "accepted" : "settled for good";
    });
  }

  private isAccepted(number: number): boolean {
    return this.records[number]?.state === "accepted";
  }
}

function topicOf(number: number): string {
  return `t/${number % TOPICS}`;
}

function payloadOf(number: number): Buffer {
  const payload = Buffer.alloc(4 + ((number * 37) % 900), number);
  payload.writeUInt32BE(number);
  return payload;
}

function numberOf({ payload }: SpooledRecord): number {
  return new DataView(payload.buffer, payload.byteOffset).getUint32(0);
}

/** A spool on a disk that fails, and its model. */
class History {
  readonly disk = new CrashingDisk();
  readonly model: Model;
  private spool: Spool | undefined;

  constructor(private readonly options: SpoolOptions = {}) {
    this.model = new Model(options.full);
  }

  async open(): Promise<boolean> {
    const spool = await Spool.open(directory, {
      fileSystem: this.disk.fileSystem,
      segmentSize: 65_536,
      maximumBytes: 2 ** 20,
      onDamage: ({ file, offset }) => {
        throw new Error(`a crash is no damage; ${file} at ${offset}`);
      },
      ...this.options,
    }).catch((error: unknown) => {
      if (!["STORE_FAILED", "STORE_FULL"].includes((error as { code: string }).code)) throw error;
      expect((error as { cause?: { code?: string } }).cause?.code).toMatch(/^E/);
      return undefined;
    });
    this.spool = spool;
    if (spool === undefined) return false;
    expectBalanced(spool);
    return true;
  }

  /** Opens without failures, and compares. */
  async recover(): Promise<void> {
    this.disk.fault = () => undefined;
    expect(await this.open()).toBe(true);
    const { records } = this.statistics;
    const found = await readAll(this.live);
    expect(found).toHaveLength(records);
    this.model.check(found);
    expectBalanced(this.live);
    await this.live.close();
    expect(await this.open()).toBe(true); // so that it is read again
  }

  async append(source: string, count: number): Promise<void> {
    const first = this.model.records.length;
    const records = Array.from({ length: count }, (_, i) => ({
      topic: topicOf(first + i),
      payload: payloadOf(first + i),
    }));
    for (let i = 0; i < count; i++) this.model.records.push({ source, state: "unknown" });
    await this.live.append(source, records).then(
      () => {
        for (let i = 0; i < count; i++) (this.model.records[first + i] as { state: State }).state = "accepted";
      },
      (error: unknown) => {
        const { code } = error as { code: string };
        expect(["STORE_FAILED", "STORE_FULL"]).toContain(code);
      },
    );
    expectBalanced(this.live);
  }

  async settle(count: number): Promise<void> {
    const records = await this.live.read(count).catch(() => []);
    for (const spooled of records) {
      const number = numberOf(spooled);
      this.live.settle(spooled.sequence, number % 5 ? "out" : "refused:0x87");
      const record = this.model.records[number] as { state: State };
      if (record.state.startsWith("settled")) throw new Error(`${number} was settled`);
      record.state = "settled";
    }
    expectBalanced(this.live);
  }

  /** Resolves when what is settled is written down. */
  async written(): Promise<void> {
    while (this.live.unwritten > 0) await new Promise((resolve) => setImmediate(resolve));
  }

  async checkpoint(): Promise<void> {
    const settled = this.model.records.filter(({ state }) => state === "settled");
    const done = await this.live.checkpoint().then(
      () => true,
      () => false,
    );
    if (done) for (const record of settled) record.state = "settled for good";
  }

  async die(how: "close" | "kill" | "power", seed: number): Promise<void> {
    const wasSettled = this.model.records.filter(({ state }) => state === "settled");
    if (how === "close" && !this.disk.crashed) {
      this.disk.fault = () => undefined;
      await this.spool?.close();
      for (const record of wasSettled) record.state = "settled for good";
    } else if (how === "power") {
      this.disk.powerLoss(randomFrom(seed));
    } else {
      this.disk.kill();
    }
    await this.recover();
  }

  get statistics(): Spool["statistics"] {
    return this.live.statistics;
  }

  private get live(): Spool {
    if (this.spool === undefined) throw new Error("the spool is not open");
    return this.spool;
  }
}

/** Several segments, settled records, segments that are removed, and sources that are added later. */
async function scenario(history: History): Promise<void> {
  if (!(await history.open())) return;
  for (let i = 0; i < 9; i++) {
    await history.append(i % 3 ? "a" : "b", 60);
    await history.append(`c${i % 4}`, 3);
    if (i % 2) await history.settle(80);
    if (i % 3 === 2) await history.checkpoint();
    if (history.disk.crashed) return;
  }
}

async function runWith(fault: Fault, at: number, death: (history: History) => Promise<void>): Promise<boolean> {
  const history = new History();
  let happened = false;
  history.disk.fault = (operation) => {
    if (operation !== at) return undefined;
    happened = true;
    return fault;
  };
  await scenario(history);
  await death(history);
  await history.append("d", 5);
  await history.settle(1_000);
  await history.checkpoint();
  await history.die("power", at);
  return happened;
}

describe("a crash at each operation", () => {
  test.each(["kill", "power"] as const)("%s", async (how) => {
    let at = 0;
    while (await runWith("crash", at, (history) => history.die(how, at))) at++;
    expect(at).toBeGreaterThan(60);
  });

  test("a power failure, with many outcomes at each operation", async () => {
    for (let at = 0; at < 60; at++) {
      for (let seed = 0; seed < 5; seed++) await runWith("crash", at, (history) => history.die("power", seed));
    }
  });
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
    while (await runWith(fault, at, (history) => history.die("power", at))) at++;
    expect(at).toBeGreaterThan(60);
  });
});

test("a full disk accepts no records; settled records free room, and it accepts again", async () => {
  const history = new History();
  await history.open();
  await history.append("a", 200);
  history.disk.fault = (_, what) =>
    /^(write|create).*(spool|segment)/.test(what) ? { fail: "ENOSPC", part: 0.4 } : undefined;
  const { records } = history.statistics;
  for (let i = 0; i < 3; i++) await history.append("a", 20);
  expect(history.statistics.records).toBe(records);
  await history.settle(150);
  await history.checkpoint();
  history.disk.fault = () => undefined;
  await history.append("a", 20);
  expect(history.statistics.records).toBe(70);
  await history.die("power", 1);
  expect(history.statistics.records).toBe(70);
});

test("what is settled survives the process without a checkpoint", async () => {
  const history = new History();
  await history.open();
  await history.append("a", 200);
  await history.settle(150);
  await history.written();
  await history.die("kill", 0);
  expect(history.statistics).toMatchObject({ records: 50, sources: { a: { in: 200, spooled: 50 } } });
});

test.each(Array.from({ length: 20 }, (_, seed) => seed))(
  "a failed write leaves no damage in a segment that is not used again, seed %i",
  async (seed) => {
    const history = new History({ maximumBytes: 2 ** 18 });
    await history.open();
    await history.append("a", 70);
    const at = history.disk.operations;
    history.disk.fault = (operation) => (operation === at ? { fail: "ENOSPC", part: 0.3 } : undefined);
    await history.append("a", 13);
    await history.append("a", 90);
    expect(history.disk.files()).toHaveLength(3);
    await history.die("power", seed);
  },
);

test("any records, failures and crashes in any order", async () => {
  const step = fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({ source: fc.constantFrom("a", "b", "c"), count: fc.integer({ min: 1, max: 150 }) }),
    },
    { weight: 6, arbitrary: fc.record({ settle: fc.integer({ min: 1, max: 80 }) }) },
    { weight: 3, arbitrary: fc.constant({ checkpoint: true }) },
    {
      weight: 2,
      arbitrary: fc.record({
        death: fc.constantFrom("close" as const, "kill" as const, "power" as const),
        seed: fc.nat(),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        fail: fc.constantFrom("ENOSPC", "EIO", "crash"),
        after: fc.nat(6),
        part: fc.constantFrom(0, 0.3, 1),
      }),
    },
  );
  const full = fc.constantFrom("reject" as const, "drop-oldest" as const, "latest-per-topic" as const);
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), full, async (steps, policy) => {
      const history = new History({ full: policy, maximumBytes: 2 ** 18 });
      await history.open();
      for (const each of steps) {
        if ("source" in each) await history.append(each.source, each.count);
        else if ("settle" in each) await history.settle(each.settle);
        else if ("checkpoint" in each) await history.checkpoint();
        else if ("death" in each) await history.die(each.death, each.seed);
        else {
          const at = history.disk.operations + each.after;
          history.disk.fault = (operation) =>
            operation === at ? (each.fail === "crash" ? "crash" : { fail: each.fail, part: each.part }) : undefined;
        }
        if (history.disk.crashed) await history.die("power", 7);
      }
      await history.die("power", 3);
    }),
    { numRuns: RUNS, seed: 4 },
  );
});

function randomFrom(seed: number): () => number {
  const random = new SeededRandom(seed);
  return () => random.next();
}
