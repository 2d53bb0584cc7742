import { CLOCK_KINDS, FakeClock, SeededRandom } from "@aiko/mqtt/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { clockKinds } from "./clock-kinds.ts";

test("time stands still until it is advanced", async () => {
  const clock = new FakeClock(1000);
  await clock.tick();
  expect(clock.now()).toBe(1000);
  await clock.advance(5);
  expect(clock.now()).toBe(1005);
  clock.run(5);
  expect(clock.now()).toBe(1010);
});

test("timers run in the order of their time, and then of their creation", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(20), fc.boolean()), { maxLength: 60 }), (delays) => {
      const clock = new FakeClock(0);
      const ran: [number, number][] = [];
      const timers = delays.map(([delay], i) =>
        clock.schedule(delay, () => {
          expect(clock.now()).toBe(delay);
          ran.push([delay, i]);
        }),
      );
      delays.forEach(([, cancelled], i) => {
        if (cancelled) timers[i]?.cancel();
      });
      clock.run(20);
      const expected = delays.flatMap(([delay, cancelled], i) => (cancelled ? [] : [[delay, i]]));
      expect(ran).toEqual(expected.sort(([a = 0], [b = 0]) => a - b));
      expect(clock.nextTimer).toBe(Infinity);
    }),
  );
});

test("a timer that a timer starts runs within the same advance if it is due", async () => {
  const clock = new FakeClock(0);
  const times: number[] = [];
  const again = () => {
    times.push(clock.now());
    clock.schedule(10, again);
  };
  clock.schedule(10, again);
  await clock.advance(35);
  expect(times).toEqual([10, 20, 30]);
  expect(clock.nextTimer).toBe(40);
});

test("deferred callbacks run at the end of the tick, including those that they defer", () => {
  const clock = new FakeClock();
  const order: string[] = [];
  clock.defer(() => {
    order.push("one");
    clock.defer(() => order.push("three"));
  });
  clock.defer(() => order.push("two"));
  expect(order).toEqual([]);
  clock.settle();
  expect(order).toEqual(["one", "two", "three"]);
});

test("promises settle before deferred callbacks, and before the next timer", async () => {
  const clock = new FakeClock();
  const order: string[] = [];
  const deep = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) await undefined;
    order.push("promise");
  };
  clock.defer(() => order.push("deferred"));
  deep();
  await clock.tick();
  expect(order).toEqual(["promise", "deferred"]);
  clock.schedule(1, () => {
    order.push("timer");
    deep();
  });
  clock.schedule(1, () => order.push("next timer"));
  await clock.advance(1);
  expect(order.slice(2)).toEqual(["timer", "promise", "next timer"]);
});

test("after a sleep the machine runs overdue timers late, and the timers that they start at their own time", async () => {
  const clock = new FakeClock();
  const ran: [string, number][] = [];
  const start = clock.now();
  clock.schedule(10, () => {
    ran.push(["first", clock.now() - start]);
    clock.schedule(50, () => ran.push(["second", clock.now() - start]));
  });
  await clock.sleep(1_000);
  expect(ran).toEqual([["first", 1_000]]);
  await clock.advance(50);
  expect(ran[1]).toEqual(["second", 1_050]);
});

test("time never steps back, even if two callers advance it at once", async () => {
  const clock = new FakeClock(0);
  await Promise.all([clock.advance(10), clock.advance(100), clock.advance(5)]);
  expect(clock.now()).toBe(100);
});

test.each([
  ["browser", ["promise", "one", "two", "promise of one"]],
  ["node", ["promise", "soon", "one", "promise of one", "two"]],
  ["quickjs", ["promise", "one", "promise of one", "two"]],
  ["small", ["one", "two", "promise", "promise of one"]],
] as const)("the kind %s decides when promises and deferred callbacks run", async (kind, expected) => {
  const clock = new FakeClock(undefined, CLOCK_KINDS[kind]);
  const order: string[] = [];
  clock.defer(() => {
    order.push("one");
    Promise.resolve().then(() => order.push("promise of one"));
  });
  clock.defer(() => order.push("two"));
  Promise.resolve().then(() => order.push("promise"));
  clock.soon?.(() => order.push("soon"));
  expect(order).toEqual([]);
  await clock.tick();
  expect(order).toEqual(expected);
});

describe.each(clockKinds)("of the kind %s,", (_, kind) => {
  test("deferred callbacks run once, whether `settle` or the promises come first", async () => {
    const clock = new FakeClock(undefined, kind);
    const order: string[] = [];
    clock.defer(() => order.push("one"));
    clock.soon?.(() => order.push("one, soon"));
    clock.settle();
    clock.defer(() => order.push("two"));
    await clock.tick();
    clock.settle();
    expect(order).toEqual(clock.soon === undefined ? ["one", "two"] : ["one, soon", "one", "two"]);
  });

  test("a very long chain of promises ends within one tick", async () => {
    const clock = new FakeClock(undefined, kind);
    let left = 1_000;
    const next = () => {
      if (--left > 0) clock.defer(next);
    };
    next();
    await clock.tick();
    expect(left).toBe(0);
  });

  test("an endless loop of deferred callbacks is an error and does not hang", async () => {
    const clock = new FakeClock(undefined, kind);
    const forever = () => clock.defer(forever);
    forever();
    expect(() => clock.settle()).toThrow("without end");
    await clock.tick(); // the loop has ended with it
  });
});

test("a seed determines all numbers", () => {
  const numbers = (seed: number) => {
    const random = new SeededRandom(seed);
    return Array.from({ length: 20 }, () => random.next());
  };
  expect(numbers(7)).toEqual(numbers(7));
  expect(numbers(7)).not.toEqual(numbers(8));
});

test("numbers are distributed evenly over [0, 1)", () => {
  const random = new SeededRandom(1);
  const counts = new Array<number>(10).fill(0);
  for (let i = 0; i < 10_000; i++) {
    const number = random.integer(10);
    counts[number] = (counts[number] ?? 0) + 1;
  }
  expect(counts).toHaveLength(10);
  for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
});

describe("until", () => {
  const after = (clock: FakeClock, delay: number) =>
    new Promise<number>((resolve) => clock.schedule(delay, () => resolve(clock.now())));

  test.each(clockKinds)("%s: advances the time only as far as the promise needs", async (_, kind) => {
    const clock = new FakeClock(0, kind);
    clock.schedule(40, () => undefined);
    const chain = after(clock, 10).then(() => new Promise<void>((resolve) => clock.defer(resolve)));
    await clock.until(chain);
    expect(clock.now()).toBe(10);
    await clock.until(Promise.resolve());
    expect(clock.now()).toBe(10);
  });

  test("settles as the promise does, after the rest of the tick", async () => {
    const clock = new FakeClock(0);
    let done = 0;
    const work = after(clock, 5).then((time) => {
      clock.defer(() => clock.defer(() => done++));
      return time;
    });
    expect(await clock.until(work)).toBe(5);
    expect(done).toBe(1);
    await expect(clock.until(Promise.reject(new Error("no")))).rejects.toThrow("no");
  });

  test("rejects if no timer is left, or if the limit has passed", async () => {
    const clock = new FakeClock(0);
    await expect(clock.until(new Promise(() => undefined))).rejects.toThrow("no timer is set");
    const again = (): unknown => clock.schedule(1_000, again);
    again();
    const never = new Promise(() => undefined);
    await expect(clock.until(never, { limit: 2_500 })).rejects.toThrow("did not settle within limit 2500 ms");
    expect(clock.now()).toBe(2_000);
    await expect(clock.until(never)).rejects.toThrow("within limit 3600000 ms");
  });

  test("rejects if the tested code runs endlessly without advancing the time", async () => {
    const clock = new FakeClock(0);
    const again = (): unknown => clock.schedule(0, again);
    again();
    await expect(clock.until(new Promise(() => undefined))).rejects.toThrow("without end");
  });

  test("does not advance the time while the code under test ticks the same clock", async () => {
    const clock = new FakeClock(0);
    clock.schedule(10, () => undefined);
    const ticking = async (): Promise<number> => {
      for (let i = 0; i < 20; i++) await clock.tick();
      return clock.now();
    };
    expect(await clock.until(ticking())).toBe(0);
  });

  test("several calls at once run every timer in order, each with a whole tick", async () => {
    const clock = new FakeClock(0);
    const order: string[] = [];
    const step = async (name: string, delay: number): Promise<void> => {
      await after(clock, delay);
      for (let i = 0; i < 30; i++) await undefined;
      order.push(`${name} ${clock.now()}`);
    };
    await Promise.all([clock.until(step("a", 1)), clock.until(step("b", 2)), clock.until(step("c", 3))]);
    expect(order).toEqual(["a 1", "b 2", "c 3"]);
  });
});
