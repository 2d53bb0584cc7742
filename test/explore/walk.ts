// A random walk through a scenario that is too large to be visited: a random generator selects the actions of the
// applications, the faults and their times. Owns the selection; world.ts defines the possible actions, and verdict.ts
// the conditions.
import { SeededRandom } from "@aiko/mqtt/testing";
import type { Action } from "./action.ts";
import type { Scenario, Step } from "./scenario.ts";
import { type Violation, violationsInPeace, violationsNow } from "./verdict.ts";
import { World } from "./world.ts";

/** More actions than a walk can have. */
const LONGEST = 400;
/** The probability that a walk continues with a fault, if it can. */
const FAILS = 0.12;
const STEPS: readonly Step[] = ["up0", "up1", "up2", "up2", "down0", "down1", "down2", "down2"];

export interface Walk {
  readonly scenario: Scenario;
  readonly schedule: readonly Action[];
  /** The number of connections. */
  readonly connections: number;
  readonly violations: readonly Violation[];
  /** Whether the problems appeared only in a fault-free period. */
  readonly inPeace: boolean;
}

/** The setup determines the client, version, clean start and store of the walk. */
export async function walk(
  setup: Pick<Scenario, "client" | "version" | "cleanStart" | "store">,
  seed: number,
): Promise<Walk> {
  const random = new SeededRandom(seed);
  const scenario = scenarioOf(setup, random, seed);
  const world = new World(scenario);
  await world.begin();
  const schedule: Action[] = [];
  let violations: Violation[] = [];
  while (schedule.length < LONGEST && violations.length === 0) {
    const action = draw(world.actions, random);
    if (action === undefined) break;
    schedule.push(action);
    await world.apply(action);
    violations = violationsNow(world);
  }
  const inPeace = violations.length === 0;
  if (inPeace) {
    await world.makePeace();
    await world.probe();
    violations = violationsInPeace(world);
  }
  return { scenario, schedule, connections: world.connections.length, violations, inPeace };
}

function scenarioOf(
  setup: Pick<Scenario, "client" | "version" | "cleanStart" | "store">,
  random: SeededRandom,
  seed: number,
): Scenario {
  const programme = Array.from({ length: 2 + random.integer(9) }, () => STEPS[random.integer(STEPS.length)] as Step);
  const faults = {
    cuts: random.integer(4),
    losses: random.integer(4),
    drops: random.integer(3),
    kills: random.integer(3),
    wipes: setup.store ? random.integer(2) : 0,
    expiries: 0,
  };
  // Only MQTT 5 reports how long a session is kept, and only to the process that asked.
  if (setup.version === 5 && faults.kills + faults.wipes === 0) faults.expiries = Number(random.next() < 0.3);
  const connections = 1 + faults.cuts + faults.losses + faults.drops + faults.kills + faults.wipes;
  return {
    name: `seed ${seed}`,
    ...setup,
    programme,
    slowHandlers: random.next() < 0.5,
    faults: { connections, ...faults },
  };
}

function draw(actions: readonly Action[], random: SeededRandom): Action | undefined {
  const failing = actions.filter((action) => !/^(arrive|next|handler)/.test(action));
  const going = actions.filter((action) => !failing.includes(action));
  const chosen = going.length === 0 || (failing.length > 0 && random.next() < FAILS) ? failing : going;
  return chosen[random.integer(chosen.length)];
}
