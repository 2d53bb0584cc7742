// The cost of a thousand messages in writes, bytes, timers and commits: it is the same on every machine, so that a
// regression fails here and not only in a benchmark that few people run.
import { MemoryStore } from "@aiko/mqtt";
import { describe, expect, test } from "vitest";
import { CountingPlace } from "./counting-place.ts";

describe("a thousand messages of 64 bytes, published a hundred in each tick,", () => {
  // A PUBLISH is 79 bytes, 81 with its packet identifier; PUBREL is 4.
  test.each([
    [0, { writes: 10, bytes: 79_000 }],
    [1, { writes: 10, bytes: 81_000 }],
    [2, { writes: 20, bytes: 85_000 }],
  ] as const)("at QoS %i cause one write for each step of a tick, and no timer", async (qos, expected) => {
    const place = new CountingPlace();
    await place.online();
    await place.publish(qos, 10, 100); // the output buffer has grown to the size of a tick
    const counts = await place.counted(() => place.publish(qos, 10, 100));
    expect(counts.bytes).toBe(expected.bytes);
    expect(counts.writes).toBeGreaterThanOrEqual(expected.writes);
    expect(counts.writes).toBeLessThanOrEqual(expected.writes * 1.3); // where a slab ends within a tick
    expect(counts.timers).toBe(0);
  });
});

test.each([0, 1, 2] as const)(
  "ten thousand messages at once at QoS %i cause at most two writes for each 64 KiB",
  async (qos) => {
    const place = new CountingPlace();
    await place.online();
    await place.publish(qos, 1, 10_000);
    const { writes, bytes, timers } = await place.counted(() => place.publish(qos, 1, 10_000));
    expect(writes).toBeLessThanOrEqual(2 * Math.ceil(bytes / 65_536) + 2);
    expect(timers).toBe(0);
  },
);

describe("a thousand messages that arrive at once", () => {
  test.each([
    [0, { writes: 0, bytes: 0 }],
    [1, { writes: 1, bytes: 4_000 }],
    [2, { writes: 2, bytes: 8_000 }],
  ] as const)("at QoS %i are acknowledged with one write for each step, and set no timer", async (qos, expected) => {
    const place = new CountingPlace();
    const client = await place.online();
    let got = 0;
    const subscribing = client.subscribe("bench/#", { qos, onMessage: () => void got++ });
    await place.clock.tick();
    await subscribing;
    await place.receive(qos, 1_000);
    const counts = await place.counted(() => place.receive(qos, 1_000));
    expect(got).toBe(2_000);
    expect(counts.bytes).toBe(expected.bytes);
    expect(counts.writes).toBeGreaterThanOrEqual(expected.writes);
    expect(counts.writes).toBeLessThanOrEqual(expected.writes * 3); // where a slab ends within a tick
    expect(counts.timers).toBe(0);
  });
});

describe("a thousand durable messages, published a hundred in each tick,", () => {
  // At QoS 1 a record is put and removed; at QoS 2 it is also put again, released.
  test.each([
    [1, { commits: 20, changes: 2_000 }],
    [2, { commits: 30, changes: 3_000 }],
  ] as const)("at QoS %i cause one commit for each step of a tick", async (qos, expected) => {
    const place = new CountingPlace();
    await place.online({ store: place.counting(new MemoryStore()) });
    await place.publish(qos, 10, 100);
    const { commits, changes, timers } = await place.counted(() => place.publish(qos, 10, 100));
    expect(commits).toBeLessThanOrEqual(expected.commits);
    expect(changes).toBeLessThanOrEqual(expected.changes);
    expect(changes).toBeGreaterThan(0);
    expect(timers).toBe(0);
  });
});
