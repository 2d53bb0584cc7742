/**
 * The requirements for every Transport, whatever it runs over: one suite of cases for all implementations and any test
 * runner.
 */

import type { Transport, TransportListener } from "../platform/transport.js";
import { check, checkBytes, pattern, type SuiteCase } from "./suite.js";

/** What `transportSuite` checks. */
export interface TransportHarness {
  /** Resolves to two transports that are connected to each other and not started. */
  pair(): Promise<readonly [Transport, Transport]>;
  /** Waits until everything in transit between the two has arrived. */
  pause(): Promise<void>;
}

/**
 * Returns the cases that every Transport must pass, for any test runner.
 *
 * @example for (const { name, run } of transportSuite({ pair, pause })) test(name, run);
 */
export function transportSuite(harness: TransportHarness): SuiteCase[] {
  /** Makes a case over a pair that is started on both sides, and closed at the end. */
  const over = (name: string, body: (one: Recorder, other: Recorder) => Promise<void>): SuiteCase => ({
    name,
    async run() {
      const [first, second] = await harness.pair();
      const one = new Recorder(first);
      const other = new Recorder(second);
      try {
        one.start();
        other.start();
        await body(one, other);
      } finally {
        first.destroy();
        second.destroy();
        await harness.pause();
        check(one.closes <= 1 && other.closes <= 1, "onClose is called once and not again");
      }
    },
  });

  return [
    over("delivers what is written, in both directions", async (one, other) => {
      one.transport.write(pattern(10));
      other.transport.write(pattern(20, 3));
      checkBytes(await other.has(10), pattern(10), "what the other end got");
      checkBytes(await one.has(20), pattern(20, 3), "what this end got");
    }),
    over("keeps the order of many writes of all sizes", async (one, other) => {
      const whole = pattern(40_000);
      for (let at = 0, size = 1; at < whole.length; at += size, size = 1 + ((size * 3) % 701)) {
        one.transport.write(whole.subarray(at, at + size));
      }
      checkBytes(await other.has(whole.length), whole, "what the other end got");
    }),
    over("delivers single bytes that are written one by one", async (one, other) => {
      const whole = pattern(200);
      for (const byte of whole) {
        one.transport.write(Uint8Array.of(byte));
        await Promise.resolve();
      }
      checkBytes(await other.has(200), whole, "what the other end got");
    }),
    over("takes an empty write as nothing", async (one, other) => {
      one.transport.write(new Uint8Array(0));
      one.transport.write(pattern(1));
      checkBytes(await other.has(1), pattern(1), "what the other end got");
      check(
        other.chunks.every((chunk) => chunk.length > 0),
        "no delivery is empty",
      );
    }),
    over("delivers bytes that the receiver owns", async (one, other) => {
      one.transport.write(pattern(100));
      await other.has(100);
      const kept = other.chunks.map((chunk) => chunk.slice());
      one.transport.write(pattern(100, 50));
      await other.has(200);
      kept.forEach((copy, i) => {
        checkBytes(other.chunks[i] as Uint8Array, copy, "a chunk delivered earlier");
      });
    }),
    {
      name: "delivers nothing before start, and then all",
      async run() {
        const [first, second] = await harness.pair();
        const one = new Recorder(first);
        const other = new Recorder(second);
        one.start();
        first.write(pattern(50));
        await harness.pause();
        check(other.length === 0, "nothing is delivered before start");
        other.start();
        checkBytes(await other.has(50), pattern(50), "what the other end got");
        first.destroy();
        second.destroy();
      },
    },
    over("stops delivering while paused, and goes on where it stopped", async (one, other) => {
      one.transport.write(pattern(10));
      await other.has(10);
      other.transport.pause();
      await harness.pause();
      one.transport.write(pattern(90, 10 * 7));
      await harness.pause();
      check(other.length === 10, `nothing comes while paused; ${other.length - 10} bytes came`);
      other.transport.resume();
      checkBytes(await other.has(100), pattern(100), "what the other end got");
    }),
    over("a listener may pause in the middle of a delivery", async (one, other) => {
      other.onEach = () => other.transport.pause();
      one.transport.write(pattern(5));
      await other.has(5);
      one.transport.write(pattern(5, 5 * 7));
      await harness.pause();
      check(other.length === 5, "nothing comes while paused");
      other.onEach = undefined;
      other.transport.resume();
      checkBytes(await other.has(10), pattern(10), "what the other end got");
    }),
    over("asks to wait when the other end does not read, and says when there is room", async (one, other) => {
      other.transport.pause();
      const chunk = pattern(65_536);
      const most = 1024; // 64 MiB: more than any transport should accept without asking to wait
      let written = 1;
      while (one.transport.write(chunk)) {
        written++;
        check(written < most, `write returns false within ${most} chunks of 64 KiB that nobody reads`);
        if (written % 8 === 0) await Promise.resolve();
      }
      await harness.pause();
      check(one.drains === 0 || one.closes === 0, "the connection stays while it waits");
      other.transport.resume();
      await one.drained();
      await other.has(written * chunk.length);
      checkBytes(other.bytes().subarray(-chunk.length), chunk, "the last chunk");
    }),
    over("end delivers what was written before it, then closes both ends without an error", async (one, other) => {
      const whole = pattern(100_000);
      one.transport.write(whole);
      one.transport.end();
      await other.closed();
      await one.closed();
      checkBytes(other.bytes(), whole, "what the other end got");
      check(one.error === undefined && other.error === undefined, "an end in good order is no error");
    }),
    over("end does not lose what the other end had written", async (one, other) => {
      other.transport.write(pattern(1000));
      one.transport.end();
      await one.closed();
      await other.closed();
      checkBytes(one.bytes(), pattern(1000), "what this end got");
    }),
    over("both ends may end at once", async (one, other) => {
      one.transport.write(pattern(3));
      one.transport.end();
      other.transport.write(pattern(4));
      other.transport.end();
      await one.closed();
      await other.closed();
    }),
    over("destroy in the middle of a packet closes both ends, once each", async (one, other) => {
      one.transport.write(Uint8Array.of(0x30, 0x7f, 0x00)); // the first bytes of a PUBLISH of 127 bytes
      await other.has(3);
      one.transport.destroy();
      one.transport.destroy();
      await one.closed();
      await other.closed();
      await harness.pause();
      check(one.closes === 1 && other.closes === 1, `onClose is called once; ${one.closes} and ${other.closes} times`);
      check(other.length === 3, "only what was written is delivered");
    }),
    over("after destroy nothing is delivered any more", async (one, other) => {
      other.transport.write(pattern(10));
      one.transport.destroy();
      const before = one.length;
      await one.closed();
      await harness.pause();
      check(one.length === before, "no byte comes after destroy");
    }),
    over("a write after end or destroy is harmless", async (one, other) => {
      one.transport.end();
      one.transport.write(pattern(5));
      one.transport.end();
      await other.closed();
      await one.closed();
      one.transport.write(pattern(5));
      one.transport.end();
      one.transport.pause();
      one.transport.resume();
      one.transport.destroy();
      await harness.pause();
      check(other.length === 0, "nothing of it arrives");
    }),
    over("a listener may destroy in the middle of a delivery", async (one, other) => {
      other.onEach = () => other.transport.destroy();
      one.transport.write(pattern(10));
      one.transport.write(pattern(10));
      await other.closed();
      await one.closed();
      check(other.chunks.length === 1, "nothing comes after it");
    }),
  ];
}

/** A listener that records its calls, and lets a case wait for them. */
class Recorder implements TransportListener {
  readonly chunks: Uint8Array[] = [];
  length = 0;
  drains = 0;
  closes = 0;
  error: Error | undefined;
  onEach: (() => void) | undefined;
  private waiting: (() => void)[] = [];

  constructor(readonly transport: Transport) {}

  start(): void {
    this.transport.start(this);
  }

  bytes(): Uint8Array {
    const whole = new Uint8Array(this.length);
    let at = 0;
    for (const chunk of this.chunks) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    return whole;
  }

  async has(length: number): Promise<Uint8Array> {
    await this.until(() => this.length >= length, `${length} bytes come`);
    return this.bytes();
  }

  async closed(): Promise<void> {
    while (this.closes === 0) await this.change();
  }

  async drained(): Promise<void> {
    await this.until(() => this.drains > 0, "onDrain comes");
  }

  onBytes(bytes: Uint8Array): void {
    check(this.closes === 0, "no bytes come after onClose");
    this.chunks.push(bytes);
    this.length += bytes.length;
    this.onEach?.();
    this.changed();
  }

  onDrain(): void {
    check(this.closes === 0, "no onDrain comes after onClose");
    this.drains++;
    this.changed();
  }

  onClose(error?: Error): void {
    this.closes++;
    this.error = error;
    this.changed();
  }

  private async until(holds: () => boolean, rule: string): Promise<void> {
    while (!holds()) {
      check(this.closes === 0, `${rule} before the connection closes`);
      await this.change();
    }
  }

  private change(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  private changed(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }
}
