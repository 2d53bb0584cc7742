// Attempts, back-off and bounds of `sub --exec`, without processes.
import { FakeClock } from "@aiko/mqtt/testing";
import { expect, test } from "vitest";
import { CommandError } from "../../src/command.ts";
import { Execution, type Failure, LONGEST_DELAY, PATIENCE } from "../../src/shell/execution.ts";

const failure: Failure = { problem: "the command ended with exit code 1", isFinal: false };

interface Started {
  readonly item: string;
  readonly number: number;
  readonly at: number;
  readonly end: (failure?: Failure) => void;
  isAbandoned: boolean;
}

function machine(settings: { attempts?: number; skips?: boolean; concurrency?: number; delay?: number } = {}) {
  const clock = new FakeClock(0);
  const started: Started[] = [];
  const notes: string[] = [];
  const execution = new Execution<string>(
    { attempts: 3, delay: 1_000, skips: false, concurrency: 1, ...settings },
    (item, number, abandoned) =>
      new Promise((resolve) => {
        const one: Started = { item, number, at: clock.now(), end: resolve, isAbandoned: false };
        abandoned.addEventListener("abort", () => {
          one.isAbandoned = true;
        });
        started.push(one);
      }),
    { clock, random: { next: () => 0.999_999 } },
    (line) => notes.push(line),
  );
  return { clock, started, notes, execution };
}

/** Whether the promise has settled, and how. */
function watch(promise: Promise<unknown>): { state: string } {
  const watched = { state: "pending" };
  promise.then(
    () => {
      watched.state = "resolved";
    },
    () => {
      watched.state = "rejected";
    },
  );
  return watched;
}

test("a message is done when its command has succeeded", async () => {
  const { clock, started, notes, execution } = machine();
  const done = watch(execution.handle("a", "topic"));
  await clock.tick();
  expect(done.state).toBe("pending");
  started[0]?.end();
  await clock.tick();
  expect([done.state, notes]).toEqual(["resolved", []]);
});

test("the delay doubles with each failure, up to a limit", async () => {
  const { clock, started, execution } = machine({ attempts: 10 });
  void execution.handle("a", "topic");
  const delays: number[] = [];
  for (let i = 0; i < 9; i++) {
    await clock.tick();
    const before = clock.now();
    started[i]?.end(failure);
    await clock.tick();
    await clock.advance(LONGEST_DELAY);
    delays.push(Math.round(((started[i + 1]?.at ?? Number.NaN) - before) / 1_000));
  }
  expect(delays).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
});

test("after the last attempt, the message is kept and the execution fails", async () => {
  const { clock, started, notes, execution } = machine({ attempts: 2 });
  const done = watch(execution.handle("a", 'topic "a"'));
  const failed = execution.failed.catch((error: unknown) => error);
  for (let i = 0; i < 2; i++) {
    await clock.tick();
    started[i]?.end(failure);
    await clock.advance(1_000);
  }
  const error = (await failed) as CommandError;
  expect(error).toBeInstanceOf(CommandError);
  expect(error.exitCode).toBe(75);
  expect(error.message).toBe('topic "a": the command ended with exit code 1, 2 times; the message is not acknowledged');
  expect(notes).toEqual(['topic "a": the command ended with exit code 1; attempt 2 of 2 in 1.0 s']);
  expect([done.state, started.length]).toEqual(["pending", 2]);
});

test("with skips, the message is rejected after the last attempt, and others continue", async () => {
  const { clock, started, execution } = machine({ attempts: 1, skips: true });
  const first = watch(execution.handle("a", "topic"));
  const second = watch(execution.handle("b", "topic"));
  await clock.tick();
  started[0]?.end(failure);
  await clock.tick();
  started[1]?.end();
  await clock.tick();
  expect([first.state, second.state]).toEqual(["rejected", "resolved"]);
});

test("a final failure is not repeated", async () => {
  const { clock, started, execution } = machine({ skips: true });
  const done = watch(execution.handle("a", "topic"));
  await clock.tick();
  started[0]?.end({ problem: "too long", isFinal: true });
  await clock.advance(LONGEST_DELAY);
  expect([done.state, started.length]).toEqual(["rejected", 1]);
});

test("no more commands run than allowed, and a message that waits for its next attempt does not count", async () => {
  const { clock, started, execution } = machine({ concurrency: 2 });
  for (const item of ["a", "b", "c", "d"]) void execution.handle(item, "topic");
  await clock.tick();
  expect(started.map(({ item }) => item)).toEqual(["a", "b"]);
  started[0]?.end(failure);
  await clock.tick();
  expect(started.map(({ item }) => item)).toEqual(["a", "b", "c"]);
  started[1]?.end();
  await clock.tick();
  expect(started.map(({ item }) => item)).toEqual(["a", "b", "c", "d"]);
  await clock.advance(1_000);
  expect(started).toHaveLength(4);
  started[2]?.end();
  await clock.tick();
  expect(started.at(-1)).toMatchObject({ item: "a", number: 2 });
});

test("the end waits for running commands and starts no others", async () => {
  const { clock, started, execution } = machine({ concurrency: 2 });
  const done = ["a", "b", "c"].map((item) => watch(execution.handle(item, "topic")));
  await clock.tick();
  const end = watch(execution.end());
  await clock.tick();
  expect(end.state).toBe("pending");
  started[0]?.end();
  started[1]?.end(failure);
  await clock.advance(1);
  expect(end.state).toBe("resolved");
  await clock.advance(LONGEST_DELAY);
  expect(done.map(({ state }) => state)).toEqual(["resolved", "pending", "pending"]);
  expect(started.map(({ item, isAbandoned }) => [item, isAbandoned])).toEqual([
    ["a", false],
    ["b", false],
  ]);
});

test("the end abandons commands that run too long", async () => {
  const { clock, started, execution } = machine();
  void execution.handle("a", "topic");
  await clock.tick();
  const ends = [execution.end(), execution.end()].map(watch);
  await clock.advance(PATIENCE - 1);
  expect([ends[0]?.state, started[0]?.isAbandoned]).toEqual(["pending", false]);
  await clock.advance(2);
  expect(ends.map(({ state }) => state)).toEqual(["resolved", "resolved"]);
  expect(started[0]?.isAbandoned).toBe(true);
});

test("the end is immediate while messages wait for their next attempt", async () => {
  const { clock, started, execution } = machine();
  void execution.handle("a", "topic");
  await clock.tick();
  started[0]?.end(failure);
  await clock.tick();
  const end = watch(execution.end());
  await clock.advance(0);
  expect(end.state).toBe("resolved");
  await clock.advance(LONGEST_DELAY);
  expect(started).toHaveLength(1);
});
