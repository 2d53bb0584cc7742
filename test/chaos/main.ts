// The main function of `npm run chaos`: runs the scenarios, a few at once, and prints a line for each. The exit code is
// 1 if any promise was broken.
import { parseArgs } from "node:util";
import { SeededRandom } from "@aiko/mqtt/testing";
import { halfOpenScenario } from "./half-open-scenario.ts";
import { linkScenario } from "./link-scenario.ts";
import { header, type Outcome, row, total } from "./outcome.ts";
import { overrunScenario } from "./overrun-scenario.ts";
import { poisonScenario } from "./poison-scenario.ts";
import { powerScenario } from "./power-scenario.ts";
import { serverScenario } from "./server-scenario.ts";
import { BrokerServer, type ChaosServer, MosquittoServer, StoringBrokerServer } from "./servers.ts";
import { shutdownScenario } from "./shutdown-scenario.ts";

/** The bundled programs. */
export interface Programs {
  readonly client: string;
  readonly crowd: string;
  readonly broker: string;
  readonly shutdowns: string;
}

interface Scenario {
  readonly name: string;
  run(seed: number, signal: AbortSignal): Promise<Outcome>;
}

/** Messages. */
const SOAK = 1_000_000;

const options = {
  cuts: { type: "string", default: "1000" },
  kills: { type: "string", default: "50" },
  shutdowns: { type: "string" },
  seed: { type: "string" },
  "seconds-limit": { type: "string", default: "3600" },
  server: { type: "string", default: "both" },
  only: { type: "string", default: "" },
  jobs: { type: "string", default: "3" },
  soak: { type: "boolean", default: false },
  broker: { type: "boolean", default: false },
  persist: { type: "boolean", default: false },
  seeds: { type: "string", default: "10000" },
} as const;

/** Returns the exit code. */
export async function run(args: readonly string[], programs: Programs): Promise<number> {
  const { values } = parseArgs({ args: [...args], options });
  const seed = integer("seed", values.seed ?? String(Date.now() % 1_000_000_000));
  const servers = serverNames(values.broker ? "broker" : values.server);
  const [cuts, kills] = [integer("cuts", values.cuts), integer("kills", values.kills)];
  const shutdowns = integer("shutdowns", values.shutdowns ?? String(Math.ceil(cuts / 5)));
  const started = Date.now();
  const limit = AbortSignal.timeout(integer("seconds-limit", values["seconds-limit"]) * 1000);
  // In proportion: 10,000 cuts come with 200 kills of servers, 200 half-open connections, 66,000 messages offline, and
  // 2,000 shutdowns.
  const scenarios = values.persist
    ? storingScenarios(kills, integer("seeds", values.seeds), programs)
    : values.broker
      ? exactlyOnceScenarios(cuts, kills, programs)
      : values.soak
        ? soakScenarios(servers, SOAK, programs)
        : [
            ...linkScenarios(servers, cuts, kills, programs),
            ...serverScenarios(servers, Math.ceil(cuts / 50), programs),
            ...offlineScenarios(servers, Math.ceil(cuts * 6.6), programs),
            ...halfOpenScenarios(servers, Math.ceil(cuts / 50), programs),
            ...shutdownScenarios(servers, shutdowns, programs),
            ...poisonScenarios(servers, programs),
            ...overrunScenarios(servers, programs),
          ];
  const left = scenarios
    .map((scenario, i) => ({ scenario, seed: seed + i }))
    .filter(({ scenario }) => scenario.name.includes(values.only));
  console.log(`seed ${seed}, ${left.length} scenarios`);
  console.log(header());
  const outcomes: Outcome[] = [];
  const work = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const outcome = await next.scenario.run(next.seed, limit);
      outcomes.push(outcome);
      console.log(row(outcome));
    }
  };
  await Promise.all(Array.from({ length: integer("jobs", values.jobs, 1) }, work));
  const all = total(outcomes, (Date.now() - started) / 1000);
  console.log(row(all));
  if (limit.aborted) console.log(`--seconds-limit ${values["seconds-limit"]} ended the faults early`);
  for (const violation of all.violations) console.error(violation);
  console.log(all.violations.length === 0 ? "no promise broken" : `seed ${seed}: ${all.violations.length} broken`);
  return all.violations.length === 0 ? 0 : 1;
}

const QUALITIES = [1, 2] as const;
const VERSIONS = [4, 5] as const;
const words = (version: 4 | 5): string => (version === 5 ? "5" : "3.1.1");
type ServerName = "broker" | "mosquitto";

function integer(name: keyof typeof options, text: string, least = 0): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= least) return number;
  throw new Error(`--${name} ${text}: must be an integer from ${least}`);
}

function serverNames(asked: string): readonly ServerName[] {
  if (asked === "both") return ["broker", "mosquitto"];
  if (asked === "broker" || asked === "mosquitto") return [asked];
  throw new Error(`--server ${asked}: must be broker, mosquitto or both`);
}

function startServer(name: ServerName, programs: Programs): Promise<ChaosServer> {
  return name === "broker" ? BrokerServer.start(programs.broker) : MosquittoServer.start();
}

/** The share of number `i` of `count` in `all`. */
function share(all: number, count: number, i: number): number {
  return Math.floor((all * (i + 1)) / count) - Math.floor((all * i) / count);
}

/** The client's connection is cut, and the client killed. */
function linkScenarios(
  servers: readonly ServerName[],
  cuts: number,
  kills: number,
  programs: Programs,
  qualities: readonly (1 | 2)[] = QUALITIES,
): Scenario[] {
  const cases = servers.flatMap((server) =>
    (["publishing", "receiving"] as const).flatMap((role) =>
      qualities.flatMap((qos) => VERSIONS.map((version) => ({ server, role, qos, version }))),
    ),
  );
  return cases.map(({ server, role, qos, version }, i) => ({
    name: `${role}, QoS ${qos}, ${words(version)}, ${server}`,
    async run(seed, signal) {
      await using it = await startServer(server, programs);
      const quota = { cuts: share(cuts, cases.length, i), kills: share(kills, cases.length, i), halfOpen: 1 };
      const common = { messages: 0, offline: false, seed, signal, program: programs.client };
      return await linkScenario(it, { role, qos, version, quota, ...common });
    },
  }));
}

/** The server is killed, with and without its sessions; our broker keeps none. */
function serverScenarios(
  servers: readonly ServerName[],
  kills: number,
  programs: Programs,
  qualities: readonly (1 | 2)[] = QUALITIES,
): Scenario[] {
  const cases = servers.flatMap((server) =>
    (server === "broker" ? [false] : [true, false]).flatMap((keeps) =>
      qualities.flatMap((qos) => VERSIONS.map((version) => ({ server, keeps, qos, version }))),
    ),
  );
  return cases.map(({ server, keeps, qos, version }, i) => ({
    name: `${server} killed ${keeps ? "with" : "without"} session, QoS ${qos}, ${words(version)}`,
    async run(seed, signal) {
      const settings = { qos, version, kills: share(kills, cases.length, i), seed, signal, program: programs.client };
      if (server === "broker") {
        await using it = await BrokerServer.start(programs.broker);
        return await serverScenario({ server: it, keeps: false }, settings);
      }
      await using it = await MosquittoServer.start();
      return await serverScenario({ server: it, keeps }, settings);
    },
  }));
}

function halfOpenScenarios(servers: readonly ServerName[], connections: number, programs: Programs): Scenario[] {
  const cases = servers.map((server, i) => ({ server, count: share(connections, servers.length, i) }));
  return cases
    .filter(({ count }) => count > 0)
    .map(({ server, count }) => ({
      name: `half-open, ${server}`,
      async run(seed) {
        await using it = await startServer(server, programs);
        const random = new SeededRandom(seed);
        return await halfOpenScenario(it, { connections: count, random, program: programs.crowd });
      },
    }));
}

/** Between our client and our broker at QoS 2: cuts in both directions, and kills of the broker. No client is killed. */
function exactlyOnceScenarios(cuts: number, kills: number, programs: Programs): Scenario[] {
  const ours = ["broker"] as const;
  return [...linkScenarios(ours, cuts, 0, programs, [2]), ...serverScenarios(ours, kills, programs, [2])];
}

/**
 * Our broker with a disk store is killed under load. In a simulation, its process, its power and its disk fail at any
 * operation.
 */
function storingScenarios(kills: number, seeds: number, programs: Programs): Scenario[] {
  const cases = QUALITIES.flatMap((qos) => VERSIONS.map((version) => ({ qos, version })));
  return [
    ...cases.map(({ qos, version }, i) => ({
      name: `storing broker killed, QoS ${qos}, ${words(version)}`,
      async run(seed: number, signal: AbortSignal): Promise<Outcome> {
        await using it = await StoringBrokerServer.start(programs.broker);
        const settings = { qos, version, kills: share(kills, cases.length, i), seed, signal, program: programs.client };
        return await serverScenario({ server: it, keeps: true }, settings);
      },
    })),
    {
      name: `storing broker, ${seeds} simulated power failures`,
      run: (seed, signal) => powerScenario(seed, seeds, signal),
    },
  ];
}

/** The client is shut down gracefully and restarted. */
function shutdownScenarios(servers: readonly ServerName[], shutdowns: number, programs: Programs): Scenario[] {
  const cases = servers.flatMap((server) => VERSIONS.map((version) => ({ server, version })));
  return cases
    .map((each, i) => ({ ...each, count: share(shutdowns, cases.length, i) }))
    .filter(({ count }) => count > 0)
    .map(({ server, version, count }) => ({
      name: `shut down gracefully, ${words(version)}, ${server}`,
      async run(seed, signal) {
        await using it = await startServer(server, programs);
        return await shutdownScenario(it, { version, shutdowns: count, seed, signal, program: programs.shutdowns });
      },
    }));
}

/** The server closes the connection at every PUBLISH to one topic. */
function poisonScenarios(servers: readonly ServerName[], programs: Programs): Scenario[] {
  return servers.map((server) => ({
    name: `poison, ${server}`,
    async run() {
      await using it = await startServer(server, programs);
      return await poisonScenario(it, { messages: 200 });
    },
  }));
}

/** The server sends more than the client's Receive Maximum allows. */
function overrunScenarios(servers: readonly ServerName[], programs: Programs): Scenario[] {
  return servers.flatMap((server) =>
    QUALITIES.map((qos) => ({
      name: `overrun, QoS ${qos}, ${server}`,
      async run() {
        await using it = await startServer(server, programs);
        return await overrunScenario(it, { qos, messages: 1_000 });
      },
    })),
  );
}

/** More messages than there are packet identifiers, published before the first connection. */
function offlineScenarios(servers: readonly ServerName[], messages: number, programs: Programs): Scenario[] {
  return servers.map((server) => ({
    name: `offline, ${server}`,
    async run(seed, signal) {
      await using it = await startServer(server, programs);
      const quota = { cuts: 20, kills: 0, halfOpen: 0, spread: 200 };
      const common = { messages, offline: true, seed, signal, program: programs.client };
      return await linkScenario(it, { role: "publishing", qos: 1, version: 5, quota, ...common });
    },
  }));
}

/** Very many messages in one process, with occasional cuts. */
function soakScenarios(servers: readonly ServerName[], messages: number, programs: Programs): Scenario[] {
  return servers.map((server) => ({
    name: `soak, ${server}`,
    async run(seed, signal) {
      await using it = await startServer(server, programs);
      const quota = { cuts: messages, kills: 0, halfOpen: 0, spread: 1_000 };
      const common = { messages, offline: false, seed, signal, program: programs.client };
      return await linkScenario(it, { role: "publishing", qos: 1, version: 5, quota, ...common });
    },
  }));
}
