import { expect, test } from "vitest";
import { type Announcement, Announcements } from "../../src/uplink/announcements.ts";

class Bench {
  /** What was published, in order. */
  readonly sent: string[] = [];
  private readonly waiting: { resolve(): void; reject(error: Error): void }[] = [];
  readonly announcements = new Announcements(({ topic, payload }) => {
    this.sent.push(`${topic}=${payload}`);
    return new Promise<void>((resolve, reject) => this.waiting.push({ resolve, reject }));
  });

  get open(): number {
    return this.waiting.length;
  }

  async settle(count: number, error?: Error): Promise<void> {
    for (const { resolve, reject } of this.waiting.splice(0, count)) {
      if (error === undefined) resolve();
      else reject(error);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function* many(count: number): Generator<Announcement> {
  for (let i = 0; i < count; i++) yield { topic: `t${i}`, payload: "x" };
}

test("publishes all on a new connection, at most 50 at a time, and says when it is done", async () => {
  const bench = new Bench();
  let isDone = false;
  bench.announcements.begin(many(120), () => {
    isDone = true;
  });
  expect([bench.open, bench.announcements.isRunning, isDone]).toEqual([50, true, false]);
  await bench.settle(60);
  expect([bench.sent.length, isDone]).toEqual([100, false]);
  await bench.settle(50);
  expect([bench.sent.length, isDone, bench.announcements.isRunning]).toEqual([120, true, false]);
});

test("publishes the latest of each topic, after what is announced on the connection", async () => {
  const bench = new Bench();
  bench.announcements.begin(many(60), () => {});
  for (const payload of ["1", "2", "3"]) bench.announcements.add({ topic: "state", payload });
  await bench.settle(50);
  expect(bench.sent.slice(59)).toEqual(["t59=x", "state=3"]);
});

test("forgets what waits when the connection is lost, and says so", async () => {
  const bench = new Bench();
  const outcomes: boolean[] = [];
  const done = (isPublished: boolean): void => void outcomes.push(isPublished);
  bench.announcements.begin(many(50), () => {});
  bench.announcements.add({ topic: "a", payload: "", done });
  bench.announcements.add({ topic: "a", payload: "", done });
  expect(outcomes).toEqual([false]);
  bench.announcements.end();
  expect(outcomes).toEqual([false, false]);
  await bench.settle(50, new Error("the connection was lost"));
  expect([bench.sent.length, bench.announcements.isRunning]).toEqual([50, false]);
  bench.announcements.begin([{ topic: "b", payload: "", done }], () => {});
  await bench.settle(1);
  expect(outcomes).toEqual([false, false, true]);
});
