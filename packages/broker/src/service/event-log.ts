/** The events of a broker as lines of a log. Clients choose much of the content. */

import type { Log, LogFacts, LogLevel } from "@aiko/mqtt-configuration";
import type { Broker } from "../broker.js";
import type { BrokerEvents } from "../broker-events.js";

/** Without `sessionEnded`, which repeats `disconnected` for most clients. */
type LoggedEvents = Omit<BrokerEvents, "error" | "sessionEnded">;

const versionNames = { 3: "3.1", 4: "3.1.1", 5: "5.0" } as const;

const factsOf: { readonly [Name in keyof LoggedEvents]: (event: LoggedEvents[Name]) => LogFacts } = {
  connected: ({ clientId, protocolVersion, address, identity, sessionPresent }) => ({
    client: clientId,
    version: versionNames[protocolVersion],
    address,
    identity,
    session: sessionPresent ? "resumed" : "new",
  }),
  refused: ({ reason }) => ({ reason }),
  disconnected: ({ clientId, reason }) => ({ client: clientId, reason }),
  subscribed: ({ clientId, topicFilter, qos }) => ({ client: clientId, filter: topicFilter, qos }),
  unsubscribed: ({ clientId, topicFilter }) => ({ client: clientId, filter: topicFilter }),
  published: ({ clientId, topic, bytes }) => ({ client: clientId, topic, bytes }),
  publishRefused: ({ clientId, topic, reason }) => ({ client: clientId, topic, reason }),
  subscribeRefused: ({ clientId, topicFilter, reason }) => ({ client: clientId, filter: topicFilter, reason }),
  dropped: ({ clientId, topic, reason }) => ({ client: clientId, topic, reason }),
  notRetained: ({ clientId, topic, reason }) => ({ client: clientId, topic, reason }),
  storeFailed: ({ error }) => ({ reason: error.message }),
  storeRecovered: () => ({}),
  storeDamaged: ({ records, reason }) => ({ records, reason }),
};

const levels: { readonly [Name in keyof LoggedEvents]: LogLevel } = {
  connected: "info",
  refused: "info",
  disconnected: "info",
  subscribed: "debug",
  unsubscribed: "debug",
  published: "debug",
  publishRefused: "info",
  subscribeRefused: "info",
  dropped: "info",
  notRetained: "info",
  storeFailed: "error",
  storeRecovered: "warn",
  storeDamaged: "error",
};

/** The most characters of a text that are logged. */
const MOST_SHOWN = 200;

/**
 * Writes a line for each event from now on, such as `info: connected client=kitchen version=5.0`. The level of the log says which events it
 * writes.
 */
export function logEvents(broker: Pick<Broker, "on">, log: Log): void {
  const report = <Name extends keyof LoggedEvents>(name: Name): unknown =>
    broker.on<keyof LoggedEvents>(name, (event) => {
      if (isStatistic(event)) return;
      if (log.writes(levels[name])) log.line(levels[name], name, shortened(factsOf[name](event as LoggedEvents[Name])));
    });
  for (const name of Object.keys(factsOf) as (keyof LoggedEvents)[]) report(name);
  broker.on("error", (error) => log.error("a handler of the broker failed", { error: String(error) }));
}

/** Whether the broker itself published a part of its statistics, dozens of which come at a time. */
function isStatistic(event: LoggedEvents[keyof LoggedEvents]): boolean {
  return "bytes" in event && event.clientId === undefined && event.topic.startsWith("$SYS/");
}

function shortened(facts: LogFacts): LogFacts {
  return Object.fromEntries(
    Object.entries(facts).map(([name, value]) => [
      name,
      typeof value === "string" && value.length > MOST_SHOWN ? `${value.slice(0, MOST_SHOWN)}…` : value,
    ]),
  );
}
