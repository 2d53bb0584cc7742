// Many simulations of a storing broker whose process, power and disk fail: see power-simulation.ts.
import { simulate } from "../persistence/power-simulation.ts";
import type { Outcome } from "./outcome.ts";

/** The most broken promises that are reported. */
const MOST = 20;

/** Runs the seeds from `first` on. */
export async function powerScenario(first: number, seeds: number, signal: AbortSignal): Promise<Outcome> {
  const started = Date.now();
  const violations: string[] = [];
  let [messages, kills, refused, done] = [0, 0, 0, 0];
  for (; done < seeds && !signal.aborted && violations.length < MOST; done++) {
    await new Promise(setImmediate); // for the scenarios that run at the same time: a simulation does nothing but promises
    const seed = first + done;
    const run = await simulate(seed);
    messages += run.acknowledged;
    kills += run.deaths;
    refused += run.refusedWrites;
    violations.push(...run.violations.map((each) => `PERSISTENCE_SEED=${seed}: ${each}`));
  }
  const is = (text: RegExp): number => violations.filter((each) => text.test(each)).length;
  return {
    scenario: "storing broker, simulated power failures",
    messages,
    lost: is(/has not received|no member/),
    doubled: is(/ times$|two members/),
    outOfOrder: 0,
    unsettled: is(/not settled/),
    rejected: is(/failed with/),
    cuts: 0,
    kills,
    seconds: (Date.now() - started) / 1000,
    heap: undefined,
    notes: [`${done} seeds`, `${refused} refused writes`],
    violations,
  };
}
