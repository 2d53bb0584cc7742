// A recorder at the pipelines of a gateway, and the replay of what it has written.
import fc from "fast-check";
import { expect, test } from "vitest";
import { createCodec } from "../../src/codec/codec.ts";
import { WireExplanation } from "../../src/pipeline/explain.ts";
import type { Outcome, Peer } from "../../src/pipeline/outcome.ts";
import { createPipeline, type Pipeline } from "../../src/pipeline/pipeline.ts";
import { Recorder } from "../../src/recording/recorder.ts";
import { readRecording } from "../../src/recording/recording.ts";
import { replay } from "../../src/recording/replay.ts";
import { anySettings } from "../pipeline/any-pipeline.ts";
import { bytesOf, csv, field, gateway, sourceWith } from "../settings.ts";

const STARTED = 1_790_000_000_000;
const peer: Peer = { peer: "192.0.2.1", port: 2000 };

class Bench {
  text = "";
  isFull = false;
  now = 1_000;
  readonly recorder: Recorder;
  readonly pipeline: Pipeline;

  constructor(
    readonly settings = sourceWith(),
    maximumBytes = 2 ** 20,
  ) {
    this.recorder = new Recorder({
      maximumBytes,
      startedAt: STARTED,
      write: (line) => {
        this.text += line;
      },
      full: () => {
        expect(this.isFull).toBe(false);
        this.isFull = true;
      },
    });
    const pipeline = createPipeline(settings, gateway, { wallTime: () => STARTED });
    this.pipeline = this.recorder.tap(pipeline, settings.id, () => this.now);
  }

  replayed(sources = [this.settings], source?: string): string[] {
    const { recording, problem } = readRecording(this.text);
    if (recording === undefined) return expect.fail(problem);
    return [...replay(recording, { gateway, sources }, source)].join("").split("\n");
  }
}

const step = fc.record({
  wait: fc.constantFrom(0, 0.1, 1, 400.3333, 1_500),
  what: fc.oneof(
    { arbitrary: fc.uint8Array({ maxLength: 40 }), weight: 6 },
    fc.constantFrom("deadline", "timeout", "end"),
  ),
});

test("the replay shows the frames, records and drop reasons of the run", () => {
  fc.assert(
    fc.property(anySettings, fc.array(step, { maxLength: 20 }), (changes, steps) => {
      const settings = sourceWith(changes);
      const bench = new Bench(settings);
      const wire = bench.pipeline.open(peer);
      const outcomes: Outcome[] = [];
      const bytes: number[] = [];
      for (const { wait, what } of steps) {
        bench.now += wait;
        if (what === "deadline" && wire.deadline() < Infinity) bench.now = Math.max(bench.now, wire.deadline());
        if (what === "end") outcomes.push(...wire.end(bench.now));
        else if (typeof what === "string")
          outcomes.push(...(bench.now < wire.deadline() ? [] : wire.advance(bench.now)));
        else {
          outcomes.push(...wire.push(Uint8Array.from(what), bench.now));
          bytes.push(...what);
        }
      }
      outcomes.push(...wire.end(bench.now));
      const codec = createCodec(settings.decode, settings.encoding);
      const run = new WireExplanation(settings, bench.pipeline, codec, peer, Uint8Array.from(bytes));
      const important = (lines: readonly string[]) => lines.filter((line) => !/^bytes? |^connection/.test(line));
      expect(important(bench.replayed()).slice(0, -2)).toEqual(important(run.outcomes(outcomes)));
    }),
    { numRuns: 500 },
  );
});

test("shows several connections in the order of their frames, at the times at which they were complete", () => {
  const bench = new Bench(sourceWith({ decode: csv(field("n")), topic: "t/{n}", frameTimeout: 100 }));
  const first = bench.pipeline.open(peer);
  const second = bench.pipeline.open({ peer: "meter", port: 0 });
  first.push(bytesOf("a"), 1_000);
  second.push(bytesOf("b\n"), 1_050);
  first.advance(1_100);
  first.push(bytesOf("\nc\n\n"), 1_200);
  first.end(1_300);
  second.push(bytesOf("d"), 1_400);
  expect(bench.replayed()).toEqual([
    "connection 2 of meter, opened at 0.000 s",
    "byte 0       frame  line, 1 byte",
    '             fields n="b" (text)',
    '             record t/b  qos 1  9 bytes  {"n":"b"}',
    "connection 1 of meter, peer 192.0.2.1, opened at 0.000 s",
    "byte 0       frame  line, 1 byte",
    '             dropped "incomplete": the line began 100 ms ago and has not ended',
    "byte 1       skipped: LF",
    "byte 2       frame  line, 1 byte",
    '             fields n="c" (text)',
    '             record t/c  qos 1  9 bytes  {"n":"c"}',
    "bytes 3–4    skipped: LF LF",
    "connection 2 of meter, opened at 0.000 s",
    "byte 1       skipped: LF",
    "byte 2       frame  line, 1 byte",
    '             fields n="d" (text)',
    '             record t/d  qos 1  9 bytes  {"n":"d"}',
    'frames: 4, records: 3, dropped "incomplete": 1',
    "",
  ]);
});

test("replays the connections of one source", () => {
  const bench = new Bench();
  const other = sourceWith({ id: "other" });
  const pipeline = bench.recorder.tap(createPipeline(other, gateway, { wallTime: () => 0 }), "other", () => 2_000);
  bench.pipeline.open(peer).push(bytesOf("a\n"), 2_000);
  pipeline.open(peer).push(bytesOf("b\n"), 2_000);
  expect(bench.replayed([bench.settings, other], "other").at(-2)).toBe("frames: 1, records: 1");
  expect(bench.replayed([bench.settings, other]).at(-2)).toBe("frames: 2, records: 2");
  expect(() => bench.replayed([other])).toThrow(
    "the recording has the source meter, the configuration only other; pass --source ID",
  );
  expect(() => bench.replayed([other], "third")).toThrow("the recording has nothing of the source third");
});

test("a time in the payload is that of the recording", () => {
  const settings = sourceWith();
  const bench = new Bench(settings);
  bench.pipeline.open(peer).push(bytesOf("a\n"), 1_500.25);
  const { recording } = readRecording(bench.text);
  if (recording === undefined) return expect.fail();
  const configuration = { gateway: { ...gateway, timestamps: "ms" as const }, sources: [settings] };
  expect([...replay(recording, configuration)].join("")).toContain(`"time":${STARTED + 500}`);
});

test("a recording ends before it exceeds its size, and the gateway goes on", () => {
  const bench = new Bench(sourceWith(), 200);
  const wire = bench.pipeline.open(peer);
  for (let i = 0; i < 100; i++) expect(wire.push(bytesOf("é\n"), 1_000)).toHaveLength(1);
  expect(bench.isFull).toBe(true);
  expect(Buffer.byteLength(bench.text)).toBeLessThanOrEqual(200);
  expect(bench.recorder.counts).toEqual({ connections: 1, received: 300, written: Buffer.byteLength(bench.text) });
  expect(bench.replayed().at(-2)).toMatch(/^frames: \d, records: \d$/);
});
