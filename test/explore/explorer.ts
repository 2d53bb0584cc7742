// Visits every state of a scenario, breadth-first: each state through the shortest schedule that leads to it, which
// runs from the start in a new world. Of equal states, it continues from one. Owns the search; other files define the
// states and the checks.

import { createHash } from "node:crypto";
import type { Action } from "./action.ts";
import type { Scenario } from "./scenario.ts";
import { KINDS, type Kind, type Violation, violationsInPeace, violationsNow } from "./verdict.ts";
import { World } from "./world.ts";

export interface Bounds {
  readonly states: number;
  readonly depth: number;
  /** The time limit, compared with `Date.now()`. */
  readonly until: number;
  /** The finding at which the search stops. */
  readonly enough?: Kind | undefined;
}

/** The shortest schedule that leads to the problem. */
export interface Finding extends Violation {
  readonly schedule: readonly Action[];
  /** Whether the problem appears only in a fault-free period after the schedule. */
  readonly inPeace: boolean;
}

export interface Exploration {
  readonly scenario: Scenario;
  states: number;
  transitions: number;
  /** The number of states with a fault-free period after them: those in which nothing was in transit. */
  peaces: number;
  /** The number of states with a problem, by kind. */
  readonly faults: Record<Kind, number>;
  /** The first finding of each problem. */
  readonly findings: Map<string, Finding>;
  depth: number;
  /** Whether every state within the scenario's faults was visited. */
  complete: boolean;
  seconds: number;
}

interface State {
  readonly before: State | undefined;
  readonly action: Action | undefined;
  readonly depth: number;
  readonly actions: readonly Action[];
  /** A world in this state, if nothing else needs it: it saves one run from the start. */
  world: World | undefined;
}

/** The maximum number of worlds that wait for continuation. */
const MOST_WORLDS = 2_000;

export async function explore(scenario: Scenario, bounds: Bounds, makeWorld?: MakeWorld): Promise<Exploration> {
  const started = Date.now();
  const explorer = new Explorer(scenario, makeWorld);
  await explorer.run(bounds);
  return { ...explorer.exploration, seconds: (Date.now() - started) / 1000 };
}

export type MakeWorld = (scenario: Scenario) => World;

class Explorer {
  readonly exploration: Exploration;
  private readonly seen = new Set<string>();
  private readonly queue: State[] = [];
  private worlds = 0;

  constructor(
    private readonly scenario: Scenario,
    private readonly makeWorld: MakeWorld = (of) => new World(of),
  ) {
    const faults = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>;
    const findings = new Map<string, Finding>();
    const counts = { states: 0, transitions: 0, peaces: 0, depth: 0, seconds: 0 };
    this.exploration = { scenario, ...counts, faults, findings, complete: true };
  }

  async run({ depth, states, until, enough }: Bounds): Promise<void> {
    const { exploration, queue } = this;
    await this.visit(undefined, undefined);
    for (let next = 0; next < queue.length; next++) {
      const found = enough !== undefined && exploration.faults[enough] > 0;
      if (found || exploration.states >= states || Date.now() >= until) {
        exploration.complete = false;
        return;
      }
      const state = queue[next] as State;
      queue[next] = undefined as never; // its successors are compared with it
      if (state.depth < depth) for (const action of state.actions) await this.visit(state, action);
      else if (state.actions.length > 0) exploration.complete = false;
    }
  }

  private async visit(before: State | undefined, action: Action | undefined): Promise<void> {
    const { exploration, seen } = this;
    const world = await this.worldAfter(before, action);
    exploration.transitions++;
    const key = createHash("sha1").update(world.fingerprint).digest("base64");
    if (seen.has(key)) return;
    seen.add(key);
    exploration.states++;
    const depth = before === undefined ? 0 : before.depth + 1;
    exploration.depth = depth;
    const state: State = { before, action, depth, actions: world.actions, world: undefined };
    const wrong = violationsNow(world);
    if (wrong.length > 0) {
      this.note(wrong, state, false);
      return; // its consequences are not new findings
    }
    this.queue.push(state);
    // Any other state comes to rest through arrivals alone, which are explored too.
    if (world.isAtRest) await this.judgePeace(world, state);
    else this.keep(world, state);
  }

  private async judgePeace(world: World, state: State): Promise<void> {
    this.exploration.peaces++;
    await world.makePeace();
    let wrong = violationsInPeace(world);
    if (wrong.length === 0) {
      await world.probe();
      wrong = violationsInPeace(world);
    }
    this.note(wrong, state, true);
  }

  private async worldAfter(before: State | undefined, action: Action | undefined): Promise<World> {
    if (before?.world !== undefined) {
      const { world } = before;
      before.world = undefined;
      this.worlds--;
      await world.apply(action as Action);
      return world;
    }
    const world = this.makeWorld(this.scenario);
    await world.begin();
    if (before !== undefined) for (const each of [...scheduleOf(before), action as Action]) await world.apply(each);
    return world;
  }

  private keep(world: World, state: State): void {
    if (this.worlds >= MOST_WORLDS || state.actions.length === 0) return;
    state.world = world;
    this.worlds++;
  }

  private note(violations: readonly Violation[], state: State, inPeace: boolean): void {
    const { faults, findings } = this.exploration;
    for (const kind of new Set(violations.map((each) => each.kind))) faults[kind]++;
    for (const { kind, what } of violations) {
      const key = `${kind}: ${what}`;
      if (!findings.has(key)) findings.set(key, { kind, what, schedule: scheduleOf(state), inPeace });
    }
  }
}

function scheduleOf(state: State): Action[] {
  const schedule: Action[] = [];
  for (let at: State | undefined = state; at?.action !== undefined; at = at.before) schedule.push(at.action);
  return schedule.reverse();
}
