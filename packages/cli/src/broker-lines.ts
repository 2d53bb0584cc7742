/** A broker's events as text: one line each, which programs can read, too. Clients choose much of the content. */

import type { Broker, BrokerEvents } from "@aiko/mqtt-broker";
import { versionNames } from "./version-names.js";

/**
 * Without `error`, which does not belong to a client: the broker logs it itself. Without `sessionEnded`, which repeats
 * `disconnected` for most clients.
 */
export type ClientEvents = Omit<BrokerEvents, "error" | "sessionEnded">;

type Fields = Readonly<Record<string, string | number | undefined>>;

const fieldsOf: { readonly [Name in keyof ClientEvents]: (event: ClientEvents[Name]) => Fields } = {
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

/** The most characters of a text that are shown. */
const MOST_SHOWN = 200;
/** Characters that JSON does not escape, and that may break a line or control a terminal. */
const LEFT_BY_JSON = /[\u007f-\u009f\u2028\u2029]/g;

/** Writes a line for each event from now on. */
export function reportEvents(broker: Pick<Broker, "on">, write: (line: string) => void): void {
  const report = <Name extends keyof ClientEvents>(name: Name): unknown =>
    broker.on<keyof ClientEvents>(name, (event) => write(eventLine(name, event as ClientEvents[Name])));
  for (const name of Object.keys(fieldsOf) as (keyof ClientEvents)[]) report(name);
}

/**
 * Returns `connected client="c" version="5.0"`: the event's name, and its fields as JSON. Unknown fields are omitted.
 */
export function eventLine<Name extends keyof ClientEvents>(name: Name, event: ClientEvents[Name]): string {
  const fields = Object.entries(fieldsOf[name](event)).filter(([, value]) => value !== undefined);
  return [name, ...fields.map(([key, value]) => `${key}=${shown(value as string | number)}`)].join(" ");
}

function shown(value: string | number): string {
  if (typeof value === "number") return String(value);
  const text = value.length > MOST_SHOWN ? `${value.slice(0, MOST_SHOWN)}…` : value;
  return JSON.stringify(text).replace(
    LEFT_BY_JSON,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
