// When something is opened again, and what the status and the log show of it, on a clock that stands still.

import { FakeClock } from "@aiko/mqtt/testing";
import { Log } from "@aiko/mqtt-configuration";
import { expect, test } from "vitest";
import { Health } from "../../src/source/health.ts";
import { type Attempt, type Delays, Reopening } from "../../src/source/reopening.ts";

function open(delays?: Delays) {
  const clock = new FakeClock();
  const lines: string[] = [];
  const health = new Health(
    "device",
    new Log(
      "info",
      "text",
      (line) => lines.push(line),
      () => 0,
    ),
    () => {},
  );
  const attempts: Attempt[] = [];
  const reopening = new Reopening(health, clock, (attempt) => attempts.push(attempt), delays);
  const latest = (): Attempt => attempts.at(-1) ?? expect.fail("nothing was opened");
  return { clock, lines, health, attempts, reopening, latest };
}

test("the delays grow from 200 ms to 30 s, with full jitter", async () => {
  const { clock, reopening, latest } = open();
  void reopening.start();
  for (let n = 0; n < 200; n++) {
    const before = clock.now();
    latest().closed("no");
    const delay = clock.nextTimer - before;
    expect(delay).toBeGreaterThanOrEqual(0);
    expect(delay).toBeLessThanOrEqual(Math.min(30_000, 200 * 2 ** n));
    await clock.advance(30_000);
  }
});

test("one line is logged for each change of state, not for each attempt", async () => {
  const { clock, lines, health, reopening, latest } = open();
  void reopening.start();
  for (let n = 0; n < 20; n++) {
    latest().closed(`failure ${n}`);
    await clock.advance(30_000);
  }
  expect(health.status(0)).toMatchObject({ state: "down", lastError: "failure 19", reopens: 0 });
  latest().opened("x:1");
  expect(health.status(1)).toMatchObject({ state: "up", lastError: undefined, reopens: 0, url: "x:1" });
  await clock.advance(60_000);
  latest().closed("gone");
  await clock.advance(200);
  latest().opened("x:1");
  expect(health.status(1).reopens).toBe(1);
  expect(lines).toEqual([
    'warn: the source is down; it is tried again source=device error="failure 0"',
    "info: the source is up source=device url=x:1",
    "warn: the source is down; it is tried again source=device error=gone",
    "info: the source is up source=device url=x:1",
  ]);
});

test("after a success the delays start anew, unless it was over at once", async () => {
  const { clock, reopening, latest, attempts } = open({ min: 1_000, max: 1_000_000 });
  void reopening.start();
  for (let n = 0; n < 10; n++) {
    latest().closed("no");
    await clock.advance(1_000_000);
  }
  latest().opened(undefined);
  await clock.advance(2_000_000);
  latest().closed("gone");
  expect(clock.nextTimer - clock.now()).toBeLessThanOrEqual(1_000);
  const before = attempts.length;
  for (let time = 0; time < 1_000_000; time += 1_000) {
    await clock.advance(1_000);
    latest().opened(undefined);
    latest().closed("at once");
  }
  expect(attempts.length - before).toBeLessThan(100);
});

test("what hurries is opened at once, but not twice", async () => {
  const { clock, attempts, reopening, latest } = open();
  void reopening.start();
  latest().closed("no");
  reopening.hurry();
  reopening.hurry();
  expect(attempts).toHaveLength(2);
  latest().opened(undefined);
  reopening.hurry();
  await clock.advance(60_000);
  expect(attempts).toHaveLength(2);
});

test("what an attempt reports that is over is ignored, and so is everything after the stop", async () => {
  const { clock, attempts, health, reopening, latest } = open();
  const started = reopening.start();
  const [first] = attempts;
  latest().closed("no");
  await started;
  await clock.advance(30_000);
  first?.opened("x:0");
  first?.closed("again");
  expect(health.status(0)).toMatchObject({ state: "down", lastError: "no" });
  latest().opened("x:1");
  reopening.stop();
  latest().closed("stopped");
  expect(health.status(0)).toMatchObject({ state: "down", lastError: undefined });
  expect(clock.nextTimer).toBe(Infinity);
});
