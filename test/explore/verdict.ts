// The conditions that must hold in every world, and the violations.
import type { SentMessage } from "./ledger.ts";
import type { World } from "./world.ts";

export const KINDS = [
  "lost",
  "doubled",
  "out of order",
  "unsettled",
  "rejected",
  "subscription missing",
  "client dead",
  "error",
] as const;
export type Kind = (typeof KINDS)[number];

export interface Violation {
  readonly kind: Kind;
  readonly what: string;
}

/**
 * The maximum number of connections that a client may need without a fault: after a takeover, or for a foreign session.
 */
const SPARE = 6;

/** Conditions that must never be violated, whatever happens later. */
export function violationsNow(world: World): Violation[] {
  const violations: Violation[] = [];
  const { ledger, process, server } = world;
  if (process.closedBy !== undefined)
    violations.push({ kind: "client dead", what: `the client closed itself: ${process.closedBy}` });
  const { connections } = world.scenario.faults;
  if (world.connections.length > connections + SPARE)
    violations.push({ kind: "client dead", what: `the client opens too many connections` });
  // A client that closes settles everything that it has.
  const complaints = process.closedBy === undefined ? process.objections : [];
  for (const what of [...server.objections, ...complaints]) violations.push({ kind: "error", what });
  for (const message of ledger.messages) {
    if (isDoubled(world, message)) {
      const what = `${message.name} arrived ${message.arrivals.length} times`;
      violations.push({ kind: "doubled", what });
    }
  }
  for (const firsts of ledger.firsts.values()) {
    const order = firsts.map((each) => ledger.messages.indexOf(each));
    if (order.some((place, i) => place < (order[i - 1] ?? -1)))
      violations.push({ kind: "out of order", what: firsts.map(({ name }) => name).join(", ") });
  }
  return violations;
}

/** Conditions that must hold when the network has been fault-free for long enough. */
export function violationsInPeace(world: World): Violation[] {
  const violations = violationsNow(world);
  const add = (kind: Kind, what: string): void => {
    violations.push({ kind, what });
  };
  const { process, server, ledger } = world;
  if (process.closedBy !== undefined) return violations;
  if (!world.isQuiet) add("client dead", "packets are exchanged without end");
  if (!process.client.connected) add("client dead", "the client is not connected, although the network is good");
  if (process.asksToSubscribe) {
    if (process.subscribed === undefined) add("unsettled", "the promise of subscribe is pending");
    else if (process.subscribed !== "ok") add("rejected", `subscribe: ${process.subscribed}`);
    else if (!server.hasSubscription)
      add(
        "subscription missing",
        "the client is connected and was granted a subscription that the server does not have",
      );
  }
  for (const message of ledger.messages) {
    const { name, direction, qos, outcome, orphan, arrivals } = message;
    if (direction === "up" && orphan === undefined && outcome === undefined)
      add("unsettled", `${name}: its promise is pending`);
    if (isLost(world, message))
      add(
        "lost",
        `${name}: ${direction === "down" ? "the server accepted it for the client" : (outcome ?? "stored")}, but it never arrived`,
      );
    if (direction === "up" && qos > 0 && outcome !== undefined && outcome !== "ok" && !mayReject(world, message))
      add("rejected", `${name}: ${outcome}, although it arrived ${arrivals.length} times`);
  }
  return violations;
}

function isDoubled({ scenario }: World, { qos, direction, arrivals }: SentMessage): boolean {
  if (qos === 1 || arrivals.length < 2) return false;
  if (direction === "up") return true;
  // A process that was killed may have had the message in a handler, or its knowledge was lost.
  return arrivals.some((arrival, i) =>
    arrivals
      .slice(0, i)
      .some(
        (before) =>
          before.process === arrival.process || (scenario.store && before.handled && scenario.faults.wipes === 0),
      ),
  );
}

function isLost(world: World, { name, qos, direction, outcome, orphan, arrivals }: SentMessage): boolean {
  if (qos === 0 || arrivals.length > 0) return false;
  if (direction === "up")
    return outcome === "ok" || (orphan === "kept" && !endsWithConnection(world) && world.happened.expiries === 0);
  const owed = world.owed.get(name);
  if (owed === undefined || owed.session === world.server.session) return owed !== undefined;
  if (endsWithConnection(world) || world.happened.expiries > 0) return false;
  return !(world.scenario.cleanStart && owed.maker < world.process.number);
}

/**
 * Before MQTT 5 a clean session ends with its connection, and a QoS 2 message without PUBREC can have only this
 * outcome.
 */
function mayReject(world: World, { qos, outcome }: SentMessage): boolean {
  return qos === 2 && outcome === "SESSION_LOST" && (endsWithConnection(world) || world.happened.expiries > 0);
}

function endsWithConnection({ scenario }: World): boolean {
  return scenario.version < 5 && scenario.cleanStart;
}
