import { FakeClock } from "@aiko/mqtt/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { SourcePresence } from "../../src/presence/source-presence.ts";
import { sourceWith } from "../settings.ts";

interface Bench {
  readonly presence: SourcePresence;
  readonly clock: FakeClock;
  /** What was published last, by topic. */
  readonly published: Map<string, string>;
}

/** @param keep how long it takes until the list of devices is saved */
function open(keep: (clock: FakeClock) => Promise<void>): Bench {
  const clock = new FakeClock();
  const published = new Map<string, string>();
  const settings = sourceWith({ silence: 1_000, topic: "t/{node}" });
  const presence = new SourcePresence(settings, {
    announcer: { gateway: { id: "attic", base: "aiko/attic" }, version: undefined },
    clock,
    announce: ({ topic, payload }) => published.set(topic, payload),
    keep: () => keep(clock),
    mayAnnounce: () => true,
    full: () => {},
  });
  return { presence, clock, published };
}

const see = ({ presence, clock }: Bench, name: string): void =>
  presence.seen(name, clock.now(), `t/${name}`, () => `t/${name}/availability`);

test("nothing is published of a new device before it is saved, and then what it is by then", async () => {
  let saved = (): void => {};
  const bench = open(
    () =>
      new Promise((resolve) => {
        saved = resolve;
      }),
  );
  see(bench, "a");
  await bench.clock.tick();
  expect([...bench.published]).toEqual([]);
  expect([...bench.presence.all()]).toEqual([{ topic: "aiko/attic/source/meter", payload: "down" }]);
  await bench.clock.advance(1_000);
  expect([...bench.published]).toEqual([]);
  saved();
  await bench.clock.tick();
  expect([...bench.published]).toEqual([["t/a/availability", "offline"]]);
});

test("what is published never says that a device is online that was silent longer, whenever it is saved", async () => {
  const event = fc.record({ gap: fc.nat({ max: 900 }), name: fc.constantFrom("a", "b", "c") });
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 40 }), fc.nat({ max: 1_500 }), async (events, delay) => {
      const bench = open((clock) => new Promise((resolve) => void clock.schedule(delay, resolve)));
      const last = new Map<string, number>();
      const first = new Map<string, number>();
      for (const { gap, name } of events) {
        await bench.clock.advance(gap);
        see(bench, name);
        const now = bench.clock.now();
        last.set(name, now);
        if (!first.has(name)) first.set(name, now);
        await bench.clock.tick();
        for (const [each, at] of last) {
          const state = bench.published.get(`t/${each}/availability`);
          const isSaved = now - (first.get(each) ?? 0) >= delay;
          const expected = now - at < 1_000 ? "online" : "offline";
          if (isSaved && delay > 0) expect({ each, state }).toEqual({ each, state: expected });
          else expect([undefined, expected]).toContain(state);
        }
      }
    }),
    { numRuns: 50 },
  );
});
