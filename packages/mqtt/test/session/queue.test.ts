import fc from "fast-check";
import { expect, test } from "vitest";
import { Queue } from "../../src/session/queue.ts";

test("it keeps its order through thousands of items, and does not retain shifted items", () => {
  const queue = new Queue<number>();
  for (let i = 0; i < 10_000; i++) queue.push(i);
  for (let i = 0; i < 9_000; i++) expect(queue.shift()).toBe(i);
  expect(queue.drain()).toEqual(Array.from({ length: 1_000 }, (_, i) => 9_000 + i));
});

test("it behaves like an array", () => {
  const item = fc.nat(20);
  const step = fc.oneof(
    fc.record({ do: fc.constant("push" as const), items: fc.array(item, { maxLength: 1200 }) }),
    fc.record({ do: fc.constant("shift" as const), count: fc.nat(1500) }),
    fc.record({ do: fc.constant("drain" as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (script) => {
      const queue = new Queue<number>();
      let model: number[] = [];
      for (const each of script) {
        switch (each.do) {
          case "push":
            for (const one of each.items) queue.push(one);
            model.push(...each.items);
            break;
          case "shift":
            for (let i = 0; i < each.count; i++) expect(queue.shift()).toBe(model.shift());
            break;
          case "drain":
            expect(queue.drain()).toEqual(model);
            model = [];
            break;
        }
        expect(queue.length).toBe(model.length);
        expect(queue.peek()).toBe(model[0]);
      }
    }),
  );
});
