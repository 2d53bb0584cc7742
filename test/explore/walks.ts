// The main function of `npm run explore -- --walks 20000 --seed N`: random walks through larger scenarios, one setup
// after the other. Prints how often each problem occurred, and the shortest walk to it. Returns the exit code.
import { SETUPS } from "./scenarios.ts";
import { storyOf } from "./story.ts";
import { KINDS, type Kind } from "./verdict.ts";
import { type Walk, walk } from "./walk.ts";

export async function runWalks(
  count: number,
  seed: number,
  fits: (setup: (typeof SETUPS)[number]) => boolean,
): Promise<number> {
  const started = Date.now();
  const setups = SETUPS.filter(fits);
  const faults = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>;
  const shortest = new Map<Kind, Walk>();
  let [actions, connections, faulty] = [0, 0, 0];
  for (let i = 0; i < count; i++) {
    const setup = setups[i % setups.length];
    if (setup === undefined) throw new Error("no setup fits --version and --client");
    const result = await walk(setup, seed + i);
    actions += result.schedule.length;
    connections += result.connections;
    if (result.violations.length > 0) faulty++;
    for (const kind of new Set(result.violations.map((each) => each.kind))) {
      faults[kind]++;
      const best = shortest.get(kind);
      if (best === undefined || result.schedule.length < best.schedule.length) shortest.set(kind, result);
    }
  }
  const seconds = ((Date.now() - started) / 1000).toFixed(0);
  console.log(`${count} walks from seed ${seed}: ${actions} actions, ${connections} connections, ${seconds} s`);
  console.log(KINDS.map((kind) => `${kind} ${faults[kind]}`).join(", "));
  for (const [kind, { scenario, schedule, violations, inPeace }] of shortest) {
    const { name, client, version, cleanStart, store, programme } = scenario;
    console.log(`\n${kind}: ${name}, ${client}, version ${version}, clean start ${cleanStart}, store ${store}`);
    console.log(`  programme: ${programme.join(", ")}`);
    const [violation] = violations;
    if (violation === undefined) throw new Error("bug: a walk without a fault");
    for (const line of await storyOf(scenario, { ...violation, schedule, inPeace })) console.log(`  ${line}`);
  }
  console.log(faulty === 0 ? "no fault" : `${faulty} walks with faults`);
  return faulty === 0 ? 0 : 1;
}
