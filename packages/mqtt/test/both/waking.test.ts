import type { SmallOptions } from "@aiko/mqtt/small";
import type { LinkFaults } from "@aiko/mqtt/testing";
import { describe, expect, test } from "vitest";
import { type ClientBench, clients } from "./clients.ts";

const patient = { reconnect: { initialDelay: 60_000, maximumDelay: 60_000 } };

/** A browser page's information: the network is back, the page is visible, and how late its timers may be. */
function page(bench: ClientBench) {
  const listeners = new Set<() => void>();
  const told = { lateness: 0 };
  const platform = {
    ...bench.platform,
    onWake(callback: () => void) {
      listeners.add(callback);
      return () => void listeners.delete(callback);
    },
    timerLateness: () => told.lateness,
  };
  const wake = () => {
    for (const listener of listeners) listener();
  };
  return { platform, listeners, told, wake };
}

describe.each(clients)("the $name client", ({ createBench }) => {
  /** A connected client of a page. */
  async function paged(options: SmallOptions = {}, faults?: (attempt: number) => LinkFaults) {
    const bench = createBench(faults);
    const { platform, ...rest } = page(bench);
    return { ...rest, ...(await bench.online({ platform, ...options } as object)) };
  }

  describe("a wake event", () => {
    test("during a delay starts the next attempt at once", async () => {
      const { bench, peer, wake } = await paged(patient);
      await bench.clock.advance(10_000);
      peer.cut();
      await bench.clock.advance(100);
      expect(bench.dialled).toHaveLength(1);
      wake();
      await bench.clock.advance(0);
      expect(bench.dialled).toHaveLength(2);
      await bench.accept();
    });

    test("that repeats starts an attempt once a second, and the usual delays continue", async () => {
      const { bench, peer, wake } = await paged(patient, (attempt) => ({ refused: attempt > 0 }));
      await bench.clock.advance(10_000);
      peer.cut();
      await bench.clock.tick();
      for (let i = 0; i < 1_000; i++) {
        wake();
        await bench.clock.advance(10);
      }
      const woken = bench.dialled.length;
      expect(woken).toBe(1 + 11);
      await bench.clock.advance(61_000);
      expect(bench.dialled.length).toBeGreaterThan(woken);
    });

    test("that comes too early is remembered: the attempt follows after one second", async () => {
      const { bench, peer, wake } = await paged(patient, (attempt) => ({ refused: attempt > 0 }));
      await bench.clock.advance(10_000);
      peer.cut();
      await bench.clock.tick();
      wake();
      await bench.clock.advance(100);
      wake();
      expect(bench.dialled).toHaveLength(2);
      await bench.clock.advance(899);
      expect(bench.dialled).toHaveLength(2);
      await bench.clock.advance(1);
      expect(bench.dialled).toHaveLength(3);
    });

    test("does not postpone an attempt that is less than a second away", async () => {
      const { bench, peer, wake } = await paged({ reconnect: { initialDelay: 100, maximumDelay: 100 } }, (attempt) => ({
        refused: attempt > 0,
      }));
      peer.cut();
      await bench.clock.tick();
      wake();
      await bench.clock.advance(100);
      expect(bench.dialled.length).toBeGreaterThan(1);
    });

    test("while connected checks the keep-alive, whose timer may have been suspended", async () => {
      const bench = createBench();
      const { platform, wake } = page(bench);
      let asleep = false;
      const clock = {
        now: () => bench.clock.now() + (asleep ? 3_600_000 : 0),
        schedule: (delay: number, callback: () => void) => bench.clock.schedule(delay, callback),
        defer: (callback: () => void) => bench.clock.defer(callback),
      };
      const { client, peer } = await bench.online({ platform: { ...platform, clock }, keepAlive: 60 });
      asleep = true; // an hour passes, in which no timer runs
      wake();
      await bench.clock.advance(0);
      await peer.expect("pingreq");
      expect(client.connected).toBe(true);
      await bench.clock.advance(30_001);
      expect(client.connected).toBe(false);
    });

    test("before the first connection, or after the last, has no effect", async () => {
      const bench = createBench();
      const { platform, listeners } = page(bench);
      const client = bench.create({ platform });
      expect(listeners.size).toBe(0);
      const peer = await bench.connected(client);
      expect(listeners.size).toBe(1);
      await bench.reconnected(peer);
      expect(listeners.size).toBe(1);
      await bench.passing(client.disconnect());
      expect(listeners.size).toBe(0);
    });

    test("has no listener once the client has stopped reconnecting", async () => {
      const { bench, peer, listeners } = await paged({ reconnect: false });
      peer.cut();
      await bench.clock.tick();
      expect(listeners.size).toBe(0);
    });
  });

  describe("if timers fire late", () => {
    test("a ping is sent early enough for a keep-alive of a minute to hold with timers a minute late", async () => {
      const bench = createBench();
      const { platform, told } = page(bench);
      told.lateness = 60_000;
      const { client, peer } = await bench.online({ platform, keepAlive: 60 });
      for (let ping = 0; ping < 3; ping++) {
        await bench.clock.advance(28_500);
        await bench.answer(peer, "pingreq");
      }
      expect(client.connected).toBe(true);
    });

    test("a longer keep-alive is observed exactly", async () => {
      const bench = createBench();
      const { platform, told } = page(bench);
      told.lateness = 60_000;
      const { peer } = await bench.online({ platform, keepAlive: 600 });
      await bench.clock.advance(509_999);
      await peer.expectNothing();
      await bench.clock.advance(1);
      await peer.expect("pingreq");
    });
  });
});
