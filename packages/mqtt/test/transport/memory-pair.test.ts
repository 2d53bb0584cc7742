import { FakeClock, memoryPair, transportSuite } from "@aiko/mqtt/testing";
import { describe, expect, test } from "vitest";
import type { TransportListener } from "../../src/platform/transport.ts";

describe.each([
  ["at the next tick", {}],
  ["after 5 ms", { delay: 5 }],
  ["in chunks of 1,000 bytes", { chunkSize: 1000 }],
])("a memory pair that delivers %s", (_, options) => {
  const clock = new FakeClock();
  const suite = transportSuite({
    pair: async () => memoryPair(clock, options),
    pause: () => clock.advance(1000),
  });
  test.each(suite)("$name", ({ run }) => clock.until(run()));
});

class Log implements TransportListener {
  readonly events: string[] = [];
  onBytes(bytes: Uint8Array): void {
    this.events.push(`bytes ${[...bytes]}`);
  }
  onDrain(): void {
    this.events.push("drain");
  }
  onClose(error?: Error): void {
    this.events.push(`close ${error?.message ?? "in order"}`);
  }
}

function started(options = {}) {
  const clock = new FakeClock();
  const [one, other] = memoryPair(clock, options);
  const [here, there] = [new Log(), new Log()];
  one.start(here);
  other.start(there);
  return { clock, one, other, here, there };
}

test("bytes arrive after the delay and not before", () => {
  const { clock, one, there } = started({ delay: 20 });
  one.write(Uint8Array.of(1, 2));
  clock.run(19);
  expect(there.events).toEqual([]);
  clock.run(1);
  expect(there.events).toEqual(["bytes 1,2"]);
});

test("bytes that the writer changes after the write are delivered unchanged", () => {
  const { clock, one, there } = started();
  const bytes = Uint8Array.of(1);
  one.write(bytes);
  bytes[0] = 9;
  clock.settle();
  expect(there.events).toEqual(["bytes 1"]);
});

test("write returns false at the high-water mark, and onDrain is called when all bytes have arrived", () => {
  const { clock, one, other, here, there } = started({ highWaterMark: 3 });
  other.pause();
  expect(one.write(Uint8Array.of(1, 2))).toBe(true);
  expect(one.write(Uint8Array.of(3))).toBe(false);
  expect(one.write(Uint8Array.of(4))).toBe(false);
  expect(one.write(new Uint8Array(0))).toBe(false);
  clock.run(1000);
  expect(here.events).toEqual([]);
  other.resume();
  clock.settle();
  expect(there.events).toEqual(["bytes 1,2", "bytes 3", "bytes 4"]);
  expect(here.events).toEqual(["drain"]);
  expect(one.write(Uint8Array.of(5, 6))).toBe(true);
});

test("a chunk size of 1 delivers single bytes, one in each tick", () => {
  const { clock, one, other, there } = started({ chunkSize: 1 });
  one.write(Uint8Array.of(1, 2, 3));
  clock.settle();
  expect(there.events).toEqual(["bytes 1", "bytes 2", "bytes 3"]);
  other.pause();
});

test("destroy reports a reset to the peer, and the close to its owner", () => {
  const { clock, one, here, there } = started();
  one.destroy();
  clock.settle();
  expect(here.events).toEqual(["close in order"]);
  expect(there.events).toEqual(["close the peer reset the connection"]);
});

test("an end that arrived before start is reported at start", () => {
  const clock = new FakeClock();
  const [one, other] = memoryPair(clock);
  one.destroy();
  clock.settle();
  const log = new Log();
  other.start(log);
  expect(log.events).toEqual([]);
  clock.settle();
  expect(log.events).toEqual(["close the peer reset the connection"]);
});

test("a peer's normal end is reported after its bytes, once reading resumes", () => {
  const { clock, one, other, there } = started();
  other.pause();
  one.write(Uint8Array.of(1));
  one.end();
  clock.run(1000);
  expect(there.events).toEqual([]);
  other.resume();
  clock.settle();
  expect(there.events).toEqual(["bytes 1", "close in order"]);
});
