// What is counted, and what goes first.
import fc from "fast-check";
import { expect, test } from "vitest";
import { type HeldMessage, MemoryBudget, type QueueOwner } from "../src/messages/memory-budget.ts";

class Queue implements QueueOwner {
  readonly waiting: HeldMessage[] = [];
  drops = 0;

  constructor(private readonly budget: MemoryBudget) {}

  add(message: HeldMessage): void {
    this.waiting.push(message);
    this.budget.hold(message, this, 0);
  }

  dropQos0(): void {
    this.drops++;
    for (const message of this.waiting.splice(0)) this.budget.release(message, this, 0);
  }
}

const message = (bytes: number): HeldMessage => ({ topic: "a", payload: new Uint8Array(bytes), holders: 0 });

test("a message that waits for many clients counts its payload once", () => {
  const budget = new MemoryBudget(1e9);
  const queues = Array.from({ length: 100 }, () => new Queue(budget));
  const large = message(1_000_000);
  for (const queue of queues) queue.add(large);
  expect(budget.used).toBeGreaterThan(1_000_000);
  expect(budget.used).toBeLessThan(1_100_000);
  for (const queue of queues) queue.dropQos0();
  expect(budget.used).toBe(0);
});

test("when it is full, the longest queue of QoS 0 messages goes first, and others stay", () => {
  const budget = new MemoryBudget(100_000);
  const [short, long] = [new Queue(budget), new Queue(budget)];
  for (let i = 0; i < 10; i++) short.add(message(1_000));
  while (long.drops === 0) long.add(message(5_000));
  expect(short.waiting).toHaveLength(10);
  expect(budget.used).toBeLessThan(95_000);
  expect(budget.isFull).toBe(false);
});

test("it is full while nothing can be dropped", () => {
  const budget = new MemoryBudget(10_000);
  const queue = new Queue(budget);
  budget.hold(message(10_000), queue, 1);
  expect([budget.isFull, queue.drops]).toEqual([true, 0]);
  budget.take(-10_000);
  expect(budget.isFull).toBe(false);
});

test("whatever is held and released, nothing is left at the end, and the limit is exceeded by one message at most", () => {
  const step = fc.record({ queue: fc.nat(3), bytes: fc.nat(3_000), drop: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const budget = new MemoryBudget(20_000);
      const queues = Array.from({ length: 4 }, () => new Queue(budget));
      for (const { queue, bytes, drop } of steps) {
        if (drop) queues[queue]?.dropQos0();
        else queues[queue]?.add(message(bytes));
        expect(budget.used).toBeLessThan(20_000 + 4_000);
      }
      for (const queue of queues) queue.dropQos0();
      expect(budget.used).toBe(0);
    }),
  );
});
