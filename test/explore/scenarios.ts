// All explored scenarios: for each setup of a client, the actions of the applications and the faults. Each is small
// enough to be visited completely. Together they have two messages at each QoS in each direction, three connections and
// every kind of fault.
import { type Faults, PEACE, type Scenario, type Step } from "./scenario.ts";

type Setup = Pick<Scenario, "client" | "version" | "cleanStart" | "store">;

const VERSIONS = { 3: "3.1", 4: "3.1.1", 5: "5" } as const;

export const SETUPS: readonly Setup[] = [
  ...([5, 4, 3] as const).flatMap((version) => [
    { client: "whole" as const, version, cleanStart: true, store: false },
    { client: "whole" as const, version, cleanStart: false, store: false },
    { client: "whole" as const, version, cleanStart: false, store: true },
  ]),
  ...([5, 4] as const).flatMap((version) => [
    { client: "small" as const, version, cleanStart: true, store: false },
    { client: "small" as const, version, cleanStart: false, store: false },
  ]),
];

interface Plot {
  readonly name: string;
  readonly programme: readonly Step[];
  readonly faults: Partial<Faults>;
  readonly slowHandlers?: boolean;
  /** Only for sessions that outlive processes. */
  readonly kept?: boolean;
}

const LINKS: Partial<Faults> = { cuts: 2, losses: 2 };

const PLOTS: readonly Plot[] = [
  { name: "one up at QoS 2, links fail", programme: ["up2"], faults: LINKS },
  { name: "two up at QoS 2, links fail", programme: ["up2", "up2"], faults: LINKS },
  { name: "two up at QoS 1, links fail", programme: ["up1", "up1"], faults: LINKS },
  { name: "two up at QoS 0, links fail", programme: ["up0", "up0"], faults: LINKS },
  { name: "two down at QoS 2, links fail", programme: ["down2", "down2"], faults: { losses: 2, cuts: 1 } },
  { name: "two down at QoS 1, links fail", programme: ["down1", "down1"], faults: { losses: 2, cuts: 1 } },
  { name: "two down at QoS 0, links fail", programme: ["down0", "down0"], faults: { losses: 2, cuts: 1 } },
  { name: "up and down at QoS 2, links fail", programme: ["up2", "down2"], faults: { losses: 2 } },
  {
    name: "slow handlers, links fail",
    programme: ["down2", "down1"],
    faults: { losses: 1, cuts: 1 },
    slowHandlers: true,
  },
  { name: "the server gives links up", programme: ["up2", "down2"], faults: { losses: 1, drops: 1 } },
  { name: "subscribing, links fail", programme: ["subscribe", "down1"], faults: { losses: 2, cuts: 1 } },
  { name: "up at QoS 2, killed", programme: ["up2", "up2"], faults: { losses: 1, kills: 2 } },
  {
    name: "up at QoS 2 and 1, killed without the store",
    programme: ["up2", "up1"],
    faults: { losses: 1, kills: 1, wipes: 1 },
    kept: true,
  },
  {
    name: "down at QoS 2 and 1, killed",
    programme: ["down2", "down1"],
    faults: { losses: 1, kills: 1 },
    slowHandlers: true,
  },
  { name: "sessions expire", programme: ["up2", "down1"], faults: { losses: 1, cuts: 1, expiries: 1 } },
  {
    name: "two each way at each QoS, one fault",
    programme: ["up0", "down0", "up1", "down1", "up2", "down2", "up2", "down2", "up1", "down1", "up0", "down0"],
    faults: { connections: 2, losses: 1, cuts: 1 },
  },
];

export const SCENARIOS: readonly Scenario[] = PLOTS.flatMap((plot) =>
  SETUPS.filter((setup) => fits(plot, setup)).map((setup) => scenarioOf(plot, setup)),
);

/** The scenario of the plot with this name, for a setup. */
export function scenarioNamed(name: string, setup: Setup): Scenario {
  const plot = PLOTS.find((each) => each.name === name);
  if (plot === undefined) throw new Error(`no plot "${name}"`);
  return scenarioOf(plot, setup);
}

function fits({ kept = false, faults }: Plot, { version, store }: Setup): boolean {
  if (kept && !store) return false;
  // 3.1 does not report whether a session is present, so an expired session cannot be distinguished from one that
  // exists.
  return !(version === 3 && faults.expiries);
}

function scenarioOf({ name, programme, faults, slowHandlers = false }: Plot, setup: Setup): Scenario {
  const { client, version, cleanStart, store } = setup;
  const of = `${client} ${VERSIONS[version]} ${cleanStart ? "clean" : store ? "kept, store" : "kept"}`;
  return { name: `${of}: ${name}`, ...setup, programme, slowHandlers, faults: { ...PEACE, ...faults } };
}
