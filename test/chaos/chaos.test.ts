// A short run of `npm run chaos`, with our broker only. CHAOS_SEED repeats a run.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SeededRandom } from "@aiko/mqtt/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bundle } from "../fixtures/bundle.js";
import { halfOpenScenario } from "./half-open-scenario.ts";
import { linkScenario } from "./link-scenario.ts";
import type { Outcome } from "./outcome.ts";
import { overrunScenario } from "./overrun-scenario.ts";
import { poisonScenario } from "./poison-scenario.ts";
import { serverScenario } from "./server-scenario.ts";
import { BrokerServer } from "./servers.ts";
import { shutdownScenario } from "./shutdown-scenario.ts";

const seed = Number(process.env["CHAOS_SEED"] ?? Date.now() % 1_000_000_000);
const signal = new AbortController().signal;
const quota = { cuts: 25, kills: 3, halfOpen: 0 };
let workshop: string;
let program: string;
let crowd: string;
let broker: string;
let shutdowns: string;

beforeAll(async () => {
  workshop = await mkdtemp(join(tmpdir(), "aiko-mqtt-chaos-"));
  program = await bundle(new URL("programs/client.ts", import.meta.url), workshop);
  crowd = await bundle(new URL("programs/crowd.ts", import.meta.url), workshop);
  broker = await bundle(new URL("programs/broker.ts", import.meta.url), workshop);
  shutdowns = await bundle(new URL("programs/shutdowns.ts", import.meta.url), workshop);
});
afterAll(() => rm(workshop, { recursive: true, force: true }));

/** Properties that must be the same in each. */
function expectNothingBroken(outcome: Outcome): void {
  expect(outcome.violations, `CHAOS_SEED=${seed}`).toEqual([]);
  const { lost, doubled, outOfOrder, unsettled, rejected } = outcome;
  expect({ lost, doubled, outOfOrder, unsettled, rejected }).toEqual({
    lost: 0,
    doubled: 0,
    outOfOrder: 0,
    unsettled: 0,
    rejected: 0,
  });
}

const cases = [
  { role: "publishing", qos: 1, version: 5 },
  { role: "publishing", qos: 2, version: 4 },
  { role: "receiving", qos: 1, version: 4 },
  { role: "receiving", qos: 2, version: 5 },
] as const;

test.concurrent.each(cases)(
  "$role at QoS $qos with version $version, cut 25 times and killed 3 times: nothing is lost, duplicated, out of order or unsettled",
  async (each) => {
    await using server = await BrokerServer.start(broker);
    const settings = { ...each, quota, messages: 0, offline: false, seed, signal, program };
    const outcome = await linkScenario(server, settings);
    expectNothingBroken(outcome);
    expect(outcome.messages).toBeGreaterThan(0);
    expect(outcome.cuts).toBeGreaterThanOrEqual(quota.cuts);
    expect(outcome.kills).toBeGreaterThanOrEqual(quota.kills);
  },
);

test.concurrent("messages published offline, more than one window, arrive in order", async () => {
  await using server = await BrokerServer.start(broker);
  const faults = { cuts: 5, kills: 0, halfOpen: 0, spread: 50 };
  const settings = { role: "publishing", qos: 1, version: 5, messages: 2_000, offline: true } as const;
  const outcome = await linkScenario(server, { ...settings, quota: faults, seed, signal, program });
  expectNothingBroken(outcome);
  expect(outcome.messages).toBe(2_000);
});

test.concurrent("a server killed without its sessions: each loss is reported, and only QoS 2 messages in doubt fail", async () => {
  await using server = await BrokerServer.start(broker);
  const outcome = await serverScenario(
    { server, keeps: false },
    { qos: 2, version: 5, kills: 3, seed, signal, program },
  );
  expectNothingBroken(outcome);
  expect(outcome.notes[0]).toBe("told 3 times of 3");
});

test.concurrent("half-open connections are each detected within 1.5 × keep alive", async () => {
  await using server = await BrokerServer.start(broker);
  const outcome = await halfOpenScenario(server, { connections: 20, random: new SeededRandom(seed), program: crowd });
  expectNothingBroken(outcome);
});

test.concurrent.each([4, 5] as const)(
  "version %i: a client that is shut down 10 times at random moments and restarted loses nothing and handles nothing twice",
  async (version) => {
    await using server = await BrokerServer.start(broker);
    const outcome = await shutdownScenario(server, { version, shutdowns: 10, seed, signal, program: shutdowns });
    expectNothingBroken(outcome);
    expect(outcome.notes[0]).toMatch(/^10 shutdowns, 0 handled twice at QoS 1,/);
  },
);

test.concurrent.each([
  ["hangs up", { version: 4, qos: 1, reasonCode: undefined }],
  ["hangs up", { version: 5, qos: 2, reasonCode: undefined }],
  ["hangs up and loses the session", { version: 4, qos: 1, reasonCode: undefined, cleanStart: true }],
  ["sends DISCONNECT 0x87", { version: 5, qos: 1, reasonCode: 0x87 }],
] as const)("a message at which the server %s fails, and all others are acknowledged: %o", async (_what, each) => {
  await using server = await BrokerServer.start(broker);
  expectNothingBroken(await poisonScenario(server, { messages: 20, cases: [each] }));
});

test.concurrent.each([1, 2] as const)(
  "a server that exceeds Receive Maximum at QoS %i: every message is handled over one connection",
  async (qos) => {
    await using server = await BrokerServer.start(broker);
    expectNothingBroken(await overrunScenario(server, { qos, messages: 100 }));
  },
);
