import { expect, test } from "vitest";
import { VERSIONS } from "./bench.ts";
import { World } from "./simulation.ts";

const RUNS = 60;
const MAXIMA = [1, 2, 3, 10, 1_000];

const numberOf = (topic: string): number => Number(topic.split("/").at(-1));

function check({ faults, sent, got }: World, seed: number): void {
  expect(faults, `seed ${seed}`).toEqual([]);
  for (const direction of ["up", "down"] as const) {
    for (const qos of [1, 2]) {
      const prefix = `${direction}/${qos}/`;
      const given = got[direction].filter((topic) => topic.startsWith(prefix));
      const first = [...new Set(given)];
      const wanted = sent.map(({ topic }) => topic).filter((topic) => topic.startsWith(prefix));
      expect(first, `seed ${seed}: ${prefix} all, and in order`).toEqual(wanted);
      if (qos === 2) expect(given, `seed ${seed}: ${prefix} none twice`).toHaveLength(first.length);
    }
    const zero = got[direction].filter((topic) => topic.startsWith(`${direction}/0/`)).map(numberOf);
    expect(zero, `seed ${seed}: ${direction}/0/ in order`).toEqual([...new Set(zero)].sort((a, b) => a - b));
  }
  for (const { topic, qos, outcomes } of sent) {
    expect(outcomes, `seed ${seed}: ${topic} settled once`).toHaveLength(1);
    if (qos > 0) expect(outcomes, `seed ${seed}: ${topic} well`).toEqual([undefined]);
  }
}

test.each(VERSIONS)(
  "over links that fail no message is lost, duplicated or out of order, on version %i",
  async (version) => {
    let connections = 0;
    for (let seed = 1; seed <= RUNS; seed++) {
      const world = new World({
        seed,
        version,
        clientReceiveMaximum: MAXIMA[seed % MAXIMA.length] ?? 1,
        serverReceiveMaximum: MAXIMA[(seed * 3 + 1) % MAXIMA.length] ?? 1,
        steps: 100,
      });
      await world.run();
      check(world, seed);
      connections += world.connections;
    }
    expect(connections).toBeGreaterThan(RUNS * 3);
  },
);
