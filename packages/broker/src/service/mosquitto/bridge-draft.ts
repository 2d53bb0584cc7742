/**
 * A bridge of mosquitto.conf while it is read, and the section [[bridge]] that it becomes. Knows the keys of the broker's configuration, but no
 * option of mosquitto except the names in problems.
 */

import type { Origin, Placed } from "./placed.js";

/** A line `topic`. Its keys are those of [[bridge.topic]]. */
interface TopicDraft {
  readonly filter: string;
  readonly direction: string;
  readonly qos: number;
  readonly local_prefix: string;
  readonly remote_prefix: string;
}

export interface BridgeDraft {
  readonly origin: Origin;
  readonly name: string;
  /** The servers without the scheme, as in "broker.example:1883". */
  addresses: Placed<readonly string[]> | undefined;
  readonly topics: Placed<TopicDraft>[];
  /** Keys of [[bridge]] that need nothing else to be known. */
  readonly keys: Map<string, Placed<unknown>>;
  /** Whether the state is published in the broker, and whether at the server, too. */
  notifies: boolean;
  notifiesServer: boolean;
  notificationTopic: Placed<string> | undefined;
}

export function bridgeDraft(name: string, origin: Origin): BridgeDraft {
  return {
    origin,
    name,
    addresses: undefined,
    topics: [],
    keys: new Map(),
    notifies: true,
    notifiesServer: true,
    notificationTopic: undefined,
  };
}

/** mosquitto's defaults where ours differ. */
const DEFAULTS = { keep_alive: "60s", session_expiry: "4294967294s", reconnect_max: "30s" };
/** Keys that only TLS needs. */
const TLS_KEYS = ["ca", "cert", "key", "alpn"];

/** Returns the section, and puts the line of each of its keys into `origins`. @param key such as `bridge[0]` */
export function bridgeSection(draft: BridgeDraft, key: string, origins: Map<string, Origin>): object {
  origins.set(key, draft.origin);
  const placed = <Value>(name: string, { value, origin }: Placed<Value>): Value => {
    origins.set(`${key}.${name}`, origin);
    return value;
  };
  const { name, addresses, topics, keys } = draft;
  const scheme = TLS_KEYS.some((each) => keys.has(each)) ? "mqtts" : "mqtt";
  const servers = addresses && placed("servers", addresses).map((address) => `${scheme}://${address}`);
  return {
    name,
    ...(servers !== undefined && { servers }),
    ...DEFAULTS,
    ...Object.fromEntries([...keys].map(([each, value]) => [each, placed(each, value)])),
    ...statusTopics(draft, placed),
    ...(topics.length > 0 && { topic: topics.map((each, i) => placed(`topic[${i}]`, each)) }),
  };
}

/** The server gets the state only at a topic that was chosen: most servers do not accept messages below `$SYS`. */
function statusTopics(
  { name, keys, notifies, notifiesServer, notificationTopic }: BridgeDraft,
  placed: (name: string, value: Placed<string>) => string,
): object {
  if (!notifies) return { status_topic: "" };
  if (notificationTopic === undefined) {
    const clientId = keys.get("client_id")?.value ?? name;
    return { status_topic: `$SYS/broker/connection/${clientId}/state` };
  }
  const topic = placed("status_topic", notificationTopic);
  return {
    status_topic: topic,
    ...(notifiesServer && { remote_status_topic: placed("remote_status_topic", notificationTopic) }),
  };
}

/** The options of mosquitto that become keys of [[bridge]]. */
export const bridgeOptionNames: readonly (readonly [key: RegExp, option: string])[] = [
  [/^bridge\[\d+\]\.servers/, "address"],
  [/^bridge\[\d+\]\.topic/, "topic"],
  [/^bridge\[\d+\]\.client_id$/, "remote_clientid"],
  [/^bridge\[\d+\]\.username$/, "remote_username"],
  [/^bridge\[\d+\]\.password$/, "remote_password"],
  [/^bridge\[\d+\]\.ca$/, "bridge_cafile"],
  [/^bridge\[\d+\]\.cert$/, "bridge_certfile"],
  [/^bridge\[\d+\]\.key$/, "bridge_keyfile"],
  [/^bridge\[\d+\]\.alpn/, "bridge_alpn"],
  [/^bridge\[\d+\]\.local_address$/, "bridge_bind_address"],
  [/^bridge\[\d+\]\.version$/, "bridge_protocol_version"],
  [/^bridge\[\d+\]\.keep_alive$/, "keepalive_interval"],
  [/^bridge\[\d+\]\.reconnect_max$/, "restart_timeout"],
  [/^bridge\[\d+\]\.(remote_)?status_topic$/, "notification_topic"],
  [/^bridge/, "connection"],
];
