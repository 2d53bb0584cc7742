// When the intake stops and resumes the wire, and what happens to records when the spool is full, on a clock that stands still.

import { FakeClock } from "@aiko/mqtt/testing";
import { Log } from "@aiko/mqtt-configuration";
import { MemoryFileSystem, Spool } from "@aiko/mqtt-store";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { expectBalanced, readAll } from "../../../store/test/spool/spool-checks.ts";
import type { SourceSettings } from "../../src/configuration/configuration.ts";
import { createPipeline } from "../../src/pipeline/pipeline.ts";
import { Channel } from "../../src/source/channel.ts";
import { Intake } from "../../src/source/intake.ts";
import { MemoryBudget } from "../../src/source/memory-budget.ts";
import { configurationOf, numbered } from "../gateway-bench.ts";

class IntakeBench {
  readonly clock = new FakeClock();
  /** What was done to the wire, in order. */
  readonly events: string[] = [];
  readonly failures: unknown[] = [];
  readonly intake: Intake;
  readonly channel: Channel;
  private received = "";

  private constructor(
    readonly spool: Spool,
    clock: FakeClock,
    spoolText: string,
    lines: string,
    readonly budget: MemoryBudget,
  ) {
    this.clock = clock;
    const {
      sources,
      spool: spoolSettings,
      gateway,
    } = configurationOf({ spool: `mode = "memory"\n${spoolText}`, lines });
    const settings = sources[0] as SourceSettings;
    const parts = {
      spool,
      spoolSettings,
      budget: this.budget,
      clock,
      random: () => 0.5,
      log: new Log(
        "debug",
        "text",
        (line) => this.events.push(line.slice(0, line.indexOf(":"))),
        () => 0,
      ),
      pass: async () => false,
      condition: () => {},
      failed: (error: unknown) => this.failures.push(error),
    };
    this.intake = new Intake(parts, settings, createPipeline(settings, gateway, { wallTime: () => 0 }));
    this.channel = new Channel(
      this.intake,
      { peer: "device", port: 0 },
      {
        duplex: "full",
        write: (bytes) => {
          this.received += Buffer.from(bytes).toString();
          return true;
        },
        pause: () => this.events.push("pause"),
        resume: () => this.events.push("resume"),
      },
    );
  }

  /** @param lines further lines of the source, and of the spool */
  static async open(
    maximumRecords: number,
    memory = 2 ** 20,
    lines: { readonly source?: string; readonly spool?: string } = {},
  ): Promise<IntakeBench> {
    const clock = new FakeClock();
    const spool = await Spool.open("spool", {
      fileSystem: new MemoryFileSystem(),
      maximumRecords,
      clock: { now: () => clock.now(), wallTime: () => clock.now() },
    });
    onTestFinished(() => expectBalanced(spool));
    const { source = "", spool: more = "" } = lines;
    return new IntakeBench(spool, clock, `max_records = ${maximumRecords}\n${more}`, source, new MemoryBudget(memory));
  }

  get answers(): number {
    return this.received.split("\n").length - 1;
  }

  async send(from: number, to: number): Promise<void> {
    this.channel.receive(
      Buffer.from(
        numbered(from, to)
          .map((n) => `${n},x\n`)
          .join(""),
      ),
    );
    await this.settle();
  }

  /** What the device received, line by line. */
  get lines(): string[] {
    return this.received.split("\n").slice(0, -1);
  }

  /** Lets all that needs no time happen: the spool's operations are long chains of promises. */
  async settle(): Promise<void> {
    for (let i = 0; i < 50; i++) await this.clock.tick();
  }
}

test("a held wire is read again when at most 90 % of the spool are in use", async () => {
  const bench = await IntakeBench.open(20);
  await bench.send(1, 30);
  expect(bench.answers).toBe(20);
  const records = await readAll(bench.spool);
  bench.spool.settle(records[0]?.sequence ?? 0, "out");
  await bench.settle();
  expect(bench.answers).toBe(20); // 19 records are 95 %
  bench.spool.settle(records[1]?.sequence ?? 0, "out");
  await bench.settle();
  expect(bench.answers).toBe(22);
  expect(bench.events).toEqual(["warn"]);
});

test("the wire is paused while much is waiting, and resumed when it is not", async () => {
  const bench = await IntakeBench.open(20);
  for (let i = 0; !bench.events.includes("pause"); i++) {
    expect(i).toBeLessThan(100);
    await bench.send(1, 500);
  }
  expect(bench.events).toEqual(["warn", "pause"]);
  for (let i = 0; i < 2_000 && !bench.events.includes("resume"); i++) {
    for (const { sequence } of await readAll(bench.spool)) bench.spool.settle(sequence, "out");
    await bench.settle();
  }
  expect(bench.events.filter((event) => event !== "warn" && event !== "info")).toEqual(["pause", "resume"]);
});

test("the wire is paused while all sources together have used up their memory, and goes on after that", async () => {
  const bench = await IntakeBench.open(20, 50_000);
  bench.budget.take(40_000);
  await bench.send(1, 500);
  expect(bench.events).toEqual(["warn"]);
  await bench.send(501, 5_000);
  expect(bench.events).toEqual(["warn", "pause"]);
  for (let i = 0; i < 2_000 && bench.answers < 5_000; i++) {
    for (const { sequence } of await readAll(bench.spool)) bench.spool.settle(sequence, "out");
    await bench.settle();
  }
  expect(bench.lines).toEqual(Array.from({ length: 5_000 }, (_, i) => `ok ${i + 1}`));
  expect(bench.budget.bytes).toBe(40_000);
});

test("a connection that has nothing waiting is read although no memory is left", async () => {
  const bench = await IntakeBench.open(20, 50_000);
  bench.budget.take(60_000);
  await bench.send(1, 3);
  expect(bench.answers).toBe(3);
  expect(bench.budget.bytes).toBe(60_000);
});

test("after a stop, what fits is accepted and what does not is not, and nothing that comes later either", async () => {
  const bench = await IntakeBench.open(20);
  await bench.send(1, 30);
  const stopped = bench.intake.stop();
  await bench.settle();
  await stopped;
  for (const { sequence } of await readAll(bench.spool)) bench.spool.settle(sequence, "out");
  await bench.send(31, 40);
  await bench.channel.close();
  expect(bench.spool.statistics.sources["lines"]).toEqual({ in: 20, out: 20, spooled: 0, dropped: {} });
  expect(bench.clock.nextTimer).toBe(Infinity);
});

test("a stop accepts what was received before", async () => {
  const bench = await IntakeBench.open(1_000);
  bench.channel.receive(Buffer.from("1,x\n2,x\n"));
  bench.channel.receive(Buffer.from("3,x\n4,x"));
  const stopped = bench.intake.stop();
  await bench.channel.close();
  await stopped;
  expect(bench.spool.statistics.sources["lines"]).toEqual({ in: 4, out: 0, spooled: 4, dropped: {} });
  expect(bench.answers).toBe(4);
});

test("an intake that was stopped leaves nothing behind in the spool", async () => {
  const bench = await IntakeBench.open(20);
  await bench.intake.stop();
  const listeners = Reflect.get(bench.spool, "roomListeners") as ReadonlySet<unknown>;
  expect(listeners.size).toBe(0);
});

test("an error of the spool that is not about room is reported once for each batch, and nothing is accepted", async () => {
  const bench = await IntakeBench.open(20);
  await bench.spool.close();
  await bench.send(1, 3);
  expect(bench.failures).toMatchObject([{ code: "STORE_FAILED" }]);
  expect(bench.answers).toBe(0);
});

test("whatever a device sends, however it is cut and however fast records leave: every frame is answered in order, and the law holds", async () => {
  const frame = fc.constantFrom("valid", "valid", "valid", "wrong");
  const input = fc.record({
    frames: fc.array(frame, { minLength: 1, maxLength: 60 }),
    cuts: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 }),
    settled: fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 20 }),
    maximumRecords: fc.integer({ min: 1, max: 30 }),
  });
  await fc.assert(
    fc.asyncProperty(input, async ({ frames, cuts, settled, maximumRecords }) => {
      const bench = await IntakeBench.open(maximumRecords);
      const bytes = Buffer.from(frames.map((each, n) => (each === "valid" ? `${n},x\n` : "wrong\n")).join(""));
      const topics: string[] = [];
      const leave = async (count: number): Promise<void> => {
        for (const { sequence, topic } of count === 0 ? [] : await bench.spool.read(count)) {
          topics.push(topic);
          bench.spool.settle(sequence, "out");
        }
      };
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const cut = cuts[i % cuts.length] as number;
        bench.channel.receive(bytes.subarray(at, at + cut));
        at += cut;
        for (let turn = 0; turn < 5; turn++) await bench.clock.tick();
        await leave(settled[i % settled.length] as number);
        expectBalanced(bench.spool);
      }
      for (let i = 0; i < frames.length + 1; i++) {
        await leave(100);
        await bench.settle();
      }
      const valid = frames.flatMap((each, n) => (each === "valid" ? [`t/${n}`] : []));
      expect(topics).toEqual(valid);
      expect(bench.lines).toEqual(frames.map((each, n) => (each === "valid" ? `ok ${n}` : "no decode")));
      const decode = frames.length - valid.length;
      expect(bench.spool.statistics.sources["lines"]).toEqual({
        in: frames.length,
        out: valid.length,
        spooled: 0,
        dropped: decode === 0 ? {} : { decode },
      });
    }),
    { numRuns: 60 },
  );
});

test("a duplicate is acknowledged, so that the device does not repeat it for ever; what the rate drops is refused", async () => {
  const source = 'dedupe = { key = "n", within = "10s" }\nrate = { per_second = 1, burst = 2 }';
  const bench = await IntakeBench.open(20, 2 ** 20, { source });
  await bench.send(1, 1);
  await bench.send(1, 2);
  await bench.send(1, 3);
  expect(bench.lines).toEqual(["ok 1", "ok 1", "ok 2", "ok 1", "ok 2", "no rate"]);
  expect(bench.spool.statistics.sources["lines"]?.dropped).toEqual({ duplicate: 3, rate: 1 });
});

test("a duplicate of a record that was not accepted is not acknowledged, and is accepted when it is repeated", async () => {
  const lines = { source: 'dedupe = { key = "n", within = "10s" }', spool: 'full = "drop-newest"' };
  const bench = await IntakeBench.open(1, 2 ** 20, lines);
  await bench.send(1, 1);
  bench.channel.receive(Buffer.from("2,x\n2,x\n"));
  await bench.settle();
  expect(bench.lines).toEqual(["ok 1", "no full", "no duplicate"]);
  for (const { sequence } of await readAll(bench.spool)) bench.spool.settle(sequence, "out");
  await bench.settle();
  await bench.send(2, 2);
  await bench.send(2, 2);
  expect(bench.lines.slice(3)).toEqual(["ok 2", "ok 2"]);
});

test("a duplicate whose record is still on its way to the spool, on another connection, is not acknowledged", async () => {
  const bench = await IntakeBench.open(1, 2 ** 20, { source: 'dedupe = { key = "n", within = "10s" }' });
  await bench.send(1, 2); // 2 waits for room
  const received: string[] = [];
  const other = new Channel(
    bench.intake,
    { peer: "other", port: 0 },
    {
      duplex: "full",
      write: (bytes) => received.push(Buffer.from(bytes).toString()) > 0,
      pause: () => {},
      resume: () => {},
    },
  );
  other.receive(Buffer.from("2,x\n1,x\n"));
  await bench.settle();
  expect(received.join("")).toBe("no duplicate\nok 1\n");
  for (const { sequence } of await readAll(bench.spool)) bench.spool.settle(sequence, "out");
  await bench.settle();
  other.receive(Buffer.from("2,x\n"));
  await bench.settle();
  expect(received.join("")).toBe("no duplicate\nok 1\nok 2\n");
});
