// The queue of keys must contain what an array would contain.
import { SeededRandom } from "@aiko/mqtt/testing";
import { expect, test } from "vitest";
import { StoredQueue } from "../../src/persistence/stored-queue.ts";

test("has what an array would have, after any changes", () => {
  for (let seed = 1; seed <= 10; seed++) {
    const random = new SeededRandom(seed);
    const queue = new StoredQueue();
    let model: { key: number; message: { key: number; size: number; expiresAt: number; references: number } }[] = [];
    let lastKey = 0;
    let now = 0;
    for (let step = 0; step < 3_000; step++) {
      const choice = random.integer(20);
      if (choice < (step % 1_500 < 900 ? 12 : 3)) {
        lastKey += 1 + random.integer(3);
        const expiresAt = random.integer(10) === 0 ? now + random.integer(500) : Infinity;
        const message = { key: lastKey - 1, size: random.integer(100), expiresAt, references: 1 };
        queue.add(lastKey, message);
        model.push({ key: lastKey, message });
      } else if (choice < 17) {
        const key = random.integer(3) > 0 ? (model[0]?.key ?? 0) : random.integer(lastKey + 2);
        expect(queue.take(key)).toBe(model.find((each) => each.key === key)?.message);
        model = model.filter((each) => each.key !== key);
      } else if (choice === 17) {
        now += random.integer(20);
        expect(queue.expiresAt).toBeLessThanOrEqual(Math.min(Infinity, ...model.map((each) => each.message.expiresAt)));
        expect(queue.expire(now)).toEqual(model.filter(({ message }) => message.expiresAt <= now));
        model = model.filter(({ message }) => message.expiresAt > now);
      } else {
        const [first] = model;
        expect(queue.first(1, 0)).toEqual(first === undefined ? [] : [first]);
        expect(queue.first(5, Infinity)).toEqual(model.slice(0, 5));
      }
      expect(queue.length).toBe(model.length);
    }
    expect(queue.bytes).toBe(model.reduce((sum, { message }) => sum + message.size, 0));
    expect(queue.drain()).toEqual(model);
    expect([queue.length, queue.bytes, queue.expiresAt]).toEqual([0, 0, Infinity]);
  }
});

test("takes as many as the limits allow, but at least one", () => {
  const queue = new StoredQueue();
  for (let key = 1; key <= 5; key++) queue.add(key, { key, size: 100, expiresAt: Infinity, references: 1 });
  expect(queue.first(10, 250).map(({ key }) => key)).toEqual([1, 2]);
  expect(queue.first(10, 5).map(({ key }) => key)).toEqual([1]);
});

test("removed entries behind one that stays take no room", () => {
  const queue = new StoredQueue();
  queue.add(1, { key: 1, size: 1, expiresAt: Infinity, references: 1 });
  for (let now = 2; now < 50_000; now++) {
    queue.add(now, { key: now, size: 1, expiresAt: now + 10, references: 1 });
    if (now % 10 === 9) queue.expire(now);
  }
  expect(queue.length).toBeLessThan(30);
  expect((queue as unknown as { keys: number[] }).keys.length).toBeLessThan(3_000);
});
