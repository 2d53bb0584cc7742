// The main function of `npm run explore`: visits every state of the scenarios within its limits, prints a line for each
// scenario, and the shortest schedule to each fault in words. The exit code is 1 if there is any. With --walks it
// instead takes random walks through larger scenarios: see walks.ts.
//
//   npm run explore -- --walks 20000 [--seed N] [--version 5] [--client whole|small]
//   npm run explore -- [--version 5] [--client whole|small] [--only TEXT] [--depth N] [--seconds N] [--states N]
//     [--stories N]
import { parseArgs } from "node:util";
import { type Exploration, explore, type Finding } from "./explorer.ts";
import type { Scenario } from "./scenario.ts";
import { SCENARIOS } from "./scenarios.ts";
import { storyOf } from "./story.ts";
import { KINDS, type Kind } from "./verdict.ts";
import { runWalks } from "./walks.ts";

const options = {
  version: { type: "string", default: "" },
  client: { type: "string", default: "" },
  only: { type: "string", default: "" },
  depth: { type: "string", default: "100" },
  seconds: { type: "string", default: "600" },
  states: { type: "string", default: "1000000" },
  stories: { type: "string", default: "1" },
  walks: { type: "string", default: "0" },
  seed: { type: "string", default: "20261129" },
} as const;

const VERSIONS: Readonly<Record<string, number>> = { "3": 3, "3.1": 3, "4": 4, "3.1.1": 4, "5": 5 };

/** Returns the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options });
  const [depth, seconds, states, stories] = [values.depth, values.seconds, values.states, values.stories].map(
    integer,
  ) as [number, number, number, number];
  Error.stackTraceLimit = 0; // millions of errors are created, and none of their stacks is read
  const fits = ({ version, client }: Pick<Scenario, "version" | "client">): boolean =>
    (values.version === "" || VERSIONS[values.version] === version) &&
    (values.client === "" || values.client === client);
  if (values.walks !== "0") return runWalks(integer(values.walks), integer(values.seed), fits);
  const chosen = SCENARIOS.filter((each) => fits(each) && each.name.includes(values.only));
  if (chosen.length === 0) throw new Error("no scenario fits --version, --client and --only");
  const end = Date.now() + seconds * 1000;
  const explorations: Exploration[] = [];
  console.log(header());
  for (const [i, scenario] of chosen.entries()) {
    // The time that one scenario does not use goes to the others.
    const until = Date.now() + (end - Date.now()) / (chosen.length - i);
    const exploration = await explore(scenario, { depth, states, until });
    explorations.push(exploration);
    console.log(row(exploration));
  }
  console.log(sum(explorations));
  for (const kind of KINDS) await tell(kind, explorations, stories);
  const faults = explorations.filter(({ findings }) => findings.size > 0).length;
  console.log(faults === 0 ? "no fault" : `${faults} of ${chosen.length} scenarios have faults`);
  return faults === 0 ? 0 : 1;
}

/** The shortest schedules to a fault of this kind, from this many scenarios. */
async function tell(kind: Kind, explorations: readonly Exploration[], stories: number): Promise<void> {
  const found: { readonly scenario: Scenario; readonly finding: Finding }[] = [];
  for (const { scenario, findings } of explorations) {
    const finding = [...findings.values()].find((each) => each.kind === kind);
    if (finding !== undefined) found.push({ scenario, finding });
  }
  found.sort((one, other) => one.finding.schedule.length - other.finding.schedule.length);
  for (const { scenario, finding } of found.slice(0, stories)) {
    console.log(`\n${kind} (in ${found.length} scenarios), the shortest schedule: ${scenario.name}`);
    for (const line of await storyOf(scenario, finding)) console.log(line);
  }
}

const WIDTH = 62;

function header(): string {
  return `${"scenario".padEnd(WIDTH)} ${"states".padStart(8)} ${"steps".padStart(9)} ${"deep".padStart(4)} ${"s".padStart(6)}  faults`;
}

function row({ scenario, states, transitions, depth, complete, seconds, faults }: Exploration): string {
  const what = KINDS.filter((kind) => faults[kind] > 0).map((kind) => `${kind} ${faults[kind]}`);
  const sizes = `${String(states).padStart(8)} ${String(transitions).padStart(9)} ${String(depth).padStart(4)} ${seconds.toFixed(1).padStart(6)}`;
  return `${scenario.name.padEnd(WIDTH)} ${sizes}  ${what.join(", ") || "none"}${complete ? "" : " (not all states)"}`;
}

function sum(explorations: readonly Exploration[]): string {
  const add = (of: (each: Exploration) => number): number => explorations.reduce((total, each) => total + of(each), 0);
  const complete = explorations.filter((each) => each.complete).length;
  const states = add((each) => each.states);
  const checked = KINDS.map((kind) => `${kind}: ${add((each) => each.faults[kind])} of ${states}`);
  return (
    `\n${explorations.length} scenarios, ${complete} of them completely: ${states} states, ` +
    `${add((each) => each.transitions)} transitions, ${add((each) => each.peaces)} followed into peace, ${add((each) => each.seconds).toFixed(0)} s\nstates with faults: ${checked.join(", ")}`
  );
}

function integer(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new Error(`"${text}" is not a whole number`);
  return value;
}
