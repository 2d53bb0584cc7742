// What an attacker found: servers that are hostile to the byte, and applications that ask for much.

import { createClient } from "@aiko/mqtt/small";
import { describe, expect, test } from "vitest";
import { effort } from "../../../../test/fixtures/effort.ts";
import { message, recordEvents, SmallBench, subscribed, watch } from "./bench.ts";

/** Bytes that may wait for a server that does not read. */
const MOST_WAITING = 1_048_576;

test("a server that does not read is given up at a PINGREQ too, and no timer of that connection is left", async () => {
  const bench = new SmallBench();
  const { client, peer } = await bench.online({ protocolVersion: 4, keepAlive: 100 });
  const events = recordEvents(client);
  peer.pause();
  watch(client.publish("a", "x".repeat(2 ** 20)));
  await bench.clock.tick();
  // To the byte what may wait: PUBCOMP has four.
  for (let i = 0; i < MOST_WAITING / 4; i++) peer.send({ type: "pubrel", packetIdentifier: 1, reasonCode: 0 });
  await bench.clock.tick();
  expect(events).toEqual([]);
  await bench.clock.advance(96_000);
  expect(events.map(({ name }) => name)).toEqual(["disconnected", "reconnecting"]);
  await bench.passing(client.disconnect());
  expect(bench.clock.nextTimer).toBe(Infinity);
});

test.each([1, 5, 60, 0xffff_ffff])(
  "messageExpiryInterval %i goes out as it is, whatever the clock's fractions",
  async (seconds) => {
    const bench = new SmallBench();
    const times = [935.839_384_370_091_8, 1323.395_677_644_963, 54_321.098_7, 1_767_225_601_846.493_7];
    const origin = bench.clock.now();
    for (const time of times) {
      const now = () => bench.clock.now() - origin + time;
      const clock = {
        now,
        schedule: bench.clock.schedule.bind(bench.clock),
        defer: bench.clock.defer.bind(bench.clock),
      };
      const client = createClient("mqtt://server", { platform: { ...bench.platform, clock }, keepAlive: 0 });
      const connecting = client.connect();
      const peer = await bench.accept();
      await connecting;
      watch(client.publish("a", "", { properties: { messageExpiryInterval: seconds } }));
      expect((await peer.expect("publish")).properties).toEqual({ messageExpiryInterval: seconds });
      watch(client.disconnect());
      await bench.clock.tick();
    }
  },
);

describe("onMessage that returns something like a promise", () => {
  test.each([
    [
      "throws",
      () => {
        throw new Error("then threw");
      },
    ],
    [
      "answers twice",
      (done: () => void) => {
        done();
        done();
        throw new Error("then threw");
      },
    ],
  ])("whose `then` %s: the connection and the subscription go on", async (_, then) => {
    const bench = new SmallBench();
    const { client, peer } = await bench.online();
    const events = recordEvents(client);
    const texts: string[] = [];
    await subscribed(bench, client, peer, "a", {
      onMessage: ({ text }) => {
        texts.push(text());
        return { then };
      },
    });
    for (const text of ["1", "2", "3"]) peer.send(message("a", text));
    await bench.clock.tick();
    await bench.clock.tick();
    expect(texts).toEqual(["1", "2", "3"]);
    expect(events.filter(({ name }) => name !== "error")).toEqual([]);
  });
});

/** Eight times the work takes eight times as long; 64 times is quadratic. Caches that others fill add to it on a busy machine. */
const QUADRATIC = 45;

test("the time for subscriptions, a deep topic and an UNSUBSCRIBE for each filter grows no faster than their number", async () => {
  const work = (count: number) => async () => {
    const bench = new SmallBench();
    const { client, peer } = await bench.online();
    const filters = Array.from({ length: count }, (_, i) => `a/${i}`);
    for (const filter of filters) watch(client.subscribe(filter, { onMessage: () => undefined }));
    await bench.clock.tick();
    peer.send(message("/".repeat(count * 16), ""));
    await bench.clock.tick();
    for (const filter of filters) watch(client.unsubscribe(filter));
    await bench.clock.tick();
    expect(client.connected).toBe(true);
  };
  const few = await effort(work(500));
  expect((await effort(work(4_000))) / few).toBeLessThan(QUADRATIC);
});

test("requests beyond the last packet identifier are rejected, in a time that grows no faster than their number", async () => {
  const bound = 65_535;
  const work = (count: number) => async () => {
    const bench = new SmallBench();
    const client = bench.create();
    const outcomes = Array.from({ length: count }, () => watch(client.unsubscribe("b")));
    await bench.clock.tick();
    const refused = outcomes.filter(({ error }) => (error as { code?: string } | undefined)?.code === "OUTBOX_FULL");
    expect(refused).toHaveLength(Math.max(0, count - bound));
  };
  const few = await effort(work(9_000));
  expect((await effort(work(72_000))) / few).toBeLessThan(QUADRATIC);
});
