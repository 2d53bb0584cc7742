// Many connections that go silent: the peer accepts bytes and answers nothing. Each must be detected within 1.5 × keep
// alive.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { SeededRandom } from "@aiko/mqtt/testing";
import { UNHURT } from "../fixtures/fate.ts";
import { FaultyProxy } from "../fixtures/faulty-proxy.ts";
import type { Outcome } from "./outcome.ts";
import type { ChaosServer } from "./servers.ts";

/** Seconds. */
const KEEP_ALIVE = 1;
/** The typical lateness of a timer on a quiet machine, in milliseconds. */
const LATE = 10;
/**
 * The events that are as late as the process itself on a busy machine: reading the last packet, the timer of the ping,
 * and the timer of its answer.
 */
const LATE_STEPS = 3;
/** Milliseconds after which an undetected connection will never be detected. */
const PATIENCE = 120_000;
/** A machine that stops for a while disturbs an attempt: connections are lost before they go silent. A fault shows in each. */
const ATTEMPTS = 5;

export interface HalfOpenSettings {
  readonly connections: number;
  readonly random: SeededRandom;
  /** The bundled program. */
  readonly program: string;
}

export async function halfOpenScenario(server: ChaosServer, settings: HalfOpenSettings): Promise<Outcome> {
  for (let attempt = 1; ; attempt++) {
    const outcome = await silenceAll(server, settings).catch((error: unknown) => {
      if (attempt === ATTEMPTS) throw error;
    });
    if (outcome && (outcome.violations.length === 0 || attempt === ATTEMPTS)) return outcome;
  }
}

async function silenceAll(server: ChaosServer, settings: HalfOpenSettings): Promise<Outcome> {
  const { connections, random, program } = settings;
  const started = Date.now();
  const silentSince: number[] = [];
  const noticed: number[] = [];
  const codes = new Set<string>();
  let late = LATE;
  let patience: NodeJS.Timeout | undefined;
  await using proxy = await FaultyProxy.listen(server.port, { fate: () => UNHURT });
  const child = spawn(process.execPath, [program, proxy.url, String(connections), String(KEEP_ALIVE)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const closed = once(child, "close");
  try {
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    for (let next = await lines.next(); next.value !== "online"; next = await lines.next()) {
      if (next.done === true || next.value.startsWith("lost")) throw new Error(`not online: ${next.value}`);
    }
    for (let number = 0; number < connections; number++) {
      const silence = () => {
        if (proxy.strike(`crowd-${number}`, "half-open")) silentSince[number] = now();
      };
      setTimeout(silence, random.integer(KEEP_ALIVE * 1_000));
    }
    patience = setTimeout(() => child.kill("SIGKILL"), PATIENCE);
    while (noticed.length < connections) {
      const next = await lines.next();
      if (next.done === true) break;
      const [, number = "", at = "", code = "", lateness = ""] = next.value.split(" ");
      late = Math.max(late, LATE + LATE_STEPS * Number(lateness));
      noticed.push(Number(at) - (silentSince[Number(number)] ?? 0));
      codes.add(code);
    }
  } finally {
    clearTimeout(patience);
    child.kill("SIGKILL");
    await closed;
  }
  const latest = Math.max(...noticed);
  const unnoticed = connections - noticed.length;
  const scenario = `${connections} half-open, ${server.name}`;
  const violations: string[] = [];
  if (unnoticed > 0) violations.push(`${scenario}: ${unnoticed} not noticed at all`);
  if (latest > KEEP_ALIVE * 1_500 + late) violations.push(`${scenario}: noticed after ${latest} ms`);
  return {
    scenario,
    messages: 0,
    lost: 0,
    doubled: 0,
    outOfOrder: 0,
    unsettled: unnoticed,
    rejected: 0,
    cuts: connections,
    kills: 0,
    seconds: (Date.now() - started) / 1000,
    heap: undefined,
    notes: [
      `noticed after ${Math.min(...noticed).toFixed(0)} to ${latest.toFixed(0)} ms (${[...codes]}), keep alive ${KEEP_ALIVE} s`,
    ],
    violations,
  };
}

function now(): number {
  return performance.timeOrigin + performance.now();
}
