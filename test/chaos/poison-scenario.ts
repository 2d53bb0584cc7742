// A server that closes the connection at every PUBLISH to one topic, silently or with a DISCONNECT that names the
// cause. All other messages must be acknowledged, that message must fail with an error, and the client must not
// reconnect endlessly.
import { createClient, MqttError } from "@aiko/mqtt";
import type { Packet } from "@aiko/mqtt/codec";
import type { Fate } from "../fixtures/fate.ts";
import { FaultyProxy } from "../fixtures/faulty-proxy.ts";
import type { Outcome } from "./outcome.ts";
import type { ChaosServer } from "./servers.ts";

export interface PoisonSettings {
  /** Other messages in each case: half of them are published before that message. */
  readonly messages: number;
  /** The cases to run. Default: all. */
  readonly cases?: readonly PoisonCase[];
}

interface PoisonCase {
  readonly version: 4 | 5;
  readonly qos: 1 | 2;
  /** The reason code of the server's DISCONNECT; undefined: the server closes the connection without one. */
  readonly reasonCode: number | undefined;
  /** Whether each connection begins a clean session, so that the server loses the one before. Default: no. */
  readonly cleanStart?: boolean;
}

const QUALITIES = [1, 2] as const;
const CASES: readonly PoisonCase[] = QUALITIES.flatMap((qos): PoisonCase[] => [
  { version: 4, qos, reasonCode: undefined },
  { version: 5, qos, reasonCode: undefined },
  ...[0x87, 0x95, 0x99, 0x9b].map((reasonCode) => ({ version: 5, qos, reasonCode }) as const),
]).concat({ version: 4, qos: 1, reasonCode: undefined, cleanStart: true });
const POISON = "chaos/poison";
/**
 * The maximum of connections in one case. A client needs a few to find out which of many messages causes the problem.
 */
const MOST_CONNECTIONS = 25;
/** The time limit of one case, in milliseconds. */
const PATIENCE = 120_000;

export async function poisonScenario(server: ChaosServer, settings: PoisonSettings): Promise<Outcome> {
  const started = Date.now();
  const scenario = `poison, ${server.name}`;
  const results: Result[] = [];
  const violations: string[] = [];
  const { cases = CASES } = settings;
  for (const each of cases) {
    const result = await poison(server, each, settings.messages);
    results.push(result);
    const { version, qos, reasonCode } = each;
    const word = reasonCode === undefined ? "hangs up" : `says 0x${reasonCode.toString(16)}`;
    for (const wrong of result.wrong) {
      violations.push(`${scenario}, which ${word}, QoS ${qos}, ${version === 5 ? "5" : "3.1.1"}: ${wrong}`);
    }
  }
  const sum = (of: (result: Result) => number) => results.reduce((all, each) => all + of(each), 0);
  const most = Math.max(...results.map(({ connections }) => connections));
  const outcomes = [...new Set(results.flatMap(({ outcome }) => outcome ?? []))];
  return {
    scenario,
    messages: cases.length * (settings.messages + 1),
    lost: 0,
    doubled: 0,
    outOfOrder: 0,
    unsettled: sum(({ unsettled }) => unsettled),
    rejected: sum(({ rejected }) => rejected),
    cuts: sum(({ connections }) => connections - 1),
    kills: 0,
    seconds: (Date.now() - started) / 1000,
    heap: undefined,
    notes: [
      `${cases.length} cases, each in at most ${most} connections; the poisonous message: ${outcomes.join(", ")}`,
    ],
    violations,
  };
}

interface Result {
  readonly connections: number;
  readonly unsettled: number;
  readonly rejected: number;
  /** The error code of the failing message. */
  readonly outcome: string | undefined;
  readonly wrong: readonly string[];
}

async function poison(
  server: ChaosServer,
  { version, qos, reasonCode, cleanStart = false }: PoisonCase,
  messages: number,
): Promise<Result> {
  const saying: Packet | undefined = reasonCode === undefined ? undefined : { type: "disconnect", reasonCode };
  const fate: Fate = {
    pace: { of: "bytes" },
    rule: (packet) => (packet.type === "publish" && isPoison(packet.payload) ? { does: "hang up", saying } : undefined),
  };
  await using proxy = await FaultyProxy.listen(server.port, { fate: () => fate });
  const client = createClient(proxy.url, {
    clientId: `chaos-poison-${version}-${qos}-${reasonCode}-${cleanStart}`,
    protocolVersion: version,
    cleanStart,
    reconnect: { initialDelay: 1, maximumDelay: 20 },
  });
  client.on("error", () => undefined); // reported by the promises
  const wrong: string[] = [];
  client.on("closed", ({ error }) => error && wrong.push(`the client closed: ${error}`));
  await client.connect();
  let unsettled = 0;
  let rejected = 0;
  let firstRejection: unknown;
  let outcome: string | undefined;
  const watch = (promise: Promise<unknown>, settled: (error: unknown) => void): void => {
    unsettled++;
    const end = (error?: unknown): void => {
      unsettled--;
      settled(error);
      if (unsettled === 0) done();
    };
    promise.then(() => end(), end);
  };
  let done: () => void = () => undefined;
  const all = new Promise<void>((resolve) => {
    done = resolve;
  });
  const other = (i: number): void =>
    watch(client.publish(`chaos/${i % 3}`, `#${i};`, { qos: i % 2 === 0 ? qos : 1 }), (error) => {
      if (error === undefined) return;
      if (rejected++ === 0) firstRejection = error;
    });
  for (let i = 0; i < messages; i++) {
    if (i === messages >> 1) {
      watch(client.publish(POISON, POISON, { qos }), (error) => {
        outcome = error instanceof MqttError ? error.code : undefined;
        if (outcome === undefined) wrong.push(`the poisonous message had the outcome ${error}`);
      });
    }
    other(i);
  }
  const patience = setTimeout(done, PATIENCE);
  await all;
  clearTimeout(patience);
  if (unsettled > 0) wrong.push(`${unsettled} promises did not settle within ${PATIENCE} ms`);
  if (rejected > 0) wrong.push(`${rejected} other messages were rejected, the first: ${firstRejection}`);
  const connections = proxy.accepted;
  if (connections > MOST_CONNECTIONS) wrong.push(`${connections} connections`);
  const result = { connections, unsettled, rejected, outcome, wrong: [...wrong] };
  await client.disconnect({ drainTimeout: 0 });
  return result;
}

/** Found by its payload, since the topic may be an alias on the wire. */
function isPoison(payload: Uint8Array): boolean {
  return payload.length === POISON.length && new TextDecoder().decode(payload) === POISON;
}
