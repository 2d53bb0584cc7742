/** The section [[bridge]]: the servers to which the broker is bridged, and the topics that are carried. */

import { topicFilterProblem, topicNameProblem } from "@aiko/mqtt/topic";
import {
  boolean,
  checkConnection,
  choice,
  connectionFields,
  duration,
  integer,
  type Kind,
  list,
  optional,
  type PemSettings,
  type Place,
  preset,
  quoted,
  required,
  serverUrl,
  syntax,
  table,
  text,
} from "@aiko/mqtt-configuration";
import type { BridgeTopic } from "../bridge/bridge-topics.js";
import type { BridgeConfiguration } from "./broker-configuration.js";

const MOST_SERVERS = 10;
const MOST_TOPICS = 1_000;
const MOST_PROTOCOLS = 10;

const name: Kind<string> = syntax({
  label: "name",
  rule: "must be 1 to 64 letters, digits, dots, underscores and hyphens",
  pattern: "^[A-Za-z0-9._-]{1,64}$",
  read: (written) => (/^[A-Za-z0-9._-]{1,64}$/.test(written) ? written : undefined),
});

/** A topic name, or nothing. */
const statusTopic: Kind<string> = {
  ...syntax({
    label: "topic name",
    rule: 'must be a topic name, such as "bridges/office/state", or empty',
    read(written, place) {
      const problem = written === "" ? undefined : topicNameProblem(written);
      return problem === undefined ? written : place.problem(`${quoted(written)}: ${problem}`);
    },
  }),
  schema: { type: "string", pattern: "^[^+#]*$" },
};

const bridgeTopic: Kind<BridgeTopic> = table({
  title: "[[bridge.topic]]",
  about: "A topic filter that the bridge carries. Its messages get the other side's prefix instead of the own one.",
  fields: {
    filter: preset(
      text(0, 65_535),
      "#",
      "The topic filter, without the prefixes. Empty: the prefixes are the whole names of one topic.",
    ),
    direction: preset(
      choice("out", "in", "both"),
      "out",
      "`out`: from the broker to the server; `in`: from the server to the broker; `both`: both, without loops.",
    ),
    qos: preset(choice(0, 1, 2), 1, "The highest QoS on both sides."),
    local_prefix: preset(text(0, 65_535), "", "What precedes the filter in the broker, such as `house/`."),
    remote_prefix: preset(text(0, 65_535), "", "What precedes the filter at the server."),
  },
  check({ values: { filter, local_prefix, remote_prefix }, place }) {
    if (filter === undefined) return;
    if (local_prefix !== undefined && !isFilter(local_prefix, filter, place, "local_prefix")) return;
    if (remote_prefix !== undefined) isFilter(remote_prefix, filter, place, "remote_prefix");
  },
  build: ({ local_prefix, remote_prefix, ...values }) => ({
    ...values,
    localPrefix: local_prefix,
    remotePrefix: remote_prefix,
  }),
});

/** Returns whether prefix and filter together are a topic filter, after reporting what is wrong. */
function isFilter(prefix: string, filter: string, place: Place, key: string): boolean {
  const wrong = prefix === "" ? undefined : topicNameProblem(prefix);
  const problem = wrong ?? topicFilterProblem(prefix + filter);
  if (problem !== undefined) place.at(wrong === undefined ? "filter" : key).problem(`"${prefix}${filter}": ${problem}`);
  return problem === undefined;
}

export const bridge: Kind<BridgeConfiguration> = table({
  title: "[[bridge]]",
  about:
    "A bridge to another server: messages of some topics are published there, and messages of the server here. Delivery is at least once, and in order. The broker keeps what cannot be carried yet in the queue of the bridge's session. A reload starts, stops and restarts bridges that changed.",
  fields: {
    name: required(name, "The name of the bridge, in logs and in the status topic."),
    servers: required(
      list(serverUrl(), 1, MOST_SERVERS),
      "The server, with `mqtt:`, `mqtts:`, `ws:`, `wss:` or `unix:`, and servers to fail over to, the preferred one first.",
    ),
    client_id: optional(text(1, 65_535), "The client identifier at the server. Default: `bridge-` and the name."),
    ...connectionFields,
    alpn: optional(
      list(text(1, 255), 1, MOST_PROTOCOLS),
      'The application protocols to offer with TLS, such as `["mqtt"]`. Default: none.',
    ),
    local_address: optional(text(1, 64), "The local address to connect from. Default: the system chooses it."),
    inflight: preset(integer(1, 65_535), 100, "The most messages in each direction that are on their way at one time."),
    reconnect_max: preset(duration("1ms", "1d"), "60s", "The longest delay between two attempts to connect."),
    outgoing_retain: preset(
      boolean(),
      true,
      "Whether messages keep their retain flag at the server. Write `false` for a server that accepts no retained messages.",
    ),
    status_topic: optional(
      statusTopic,
      "The topic in the broker that has `1` while the bridge is connected, otherwise `0`, retained. Empty: none. Default: `$SYS/broker/connection/NAME/state`.",
    ),
    remote_status_topic: optional(
      statusTopic,
      "The topic at the server that has the same. The bridge's will sets it to `0`. Many servers do not accept topics below `$SYS`. Default: none.",
    ),
    topic: required(list(bridgeTopic, 1, MOST_TOPICS), "The topics that are carried."),
  },
  check({ values: { servers, ...values }, place }) {
    for (const url of servers ?? []) checkConnection({ ...values, url }, place);
    if (values.alpn !== undefined && servers?.every((url) => !/^(mqtts|wss):/.test(url)))
      place.at("alpn").problem("requires TLS; write servers with mqtts: or wss:");
  },
  build: ({
    name: bridgeName,
    servers,
    client_id,
    keep_alive,
    session_expiry,
    version,
    reconnect_max,
    inflight,
    local_address,
    outgoing_retain,
    status_topic,
    remote_status_topic,
    alpn,
    topic,
    ...values
  }) => {
    const { ca, cert, key, passphrase, username, password } = values;
    const pem: PemSettings = { ca, cert, key, passphrase };
    return {
      settings: {
        name: bridgeName,
        servers: servers as [string, ...string[]],
        client: {
          ...(client_id === undefined ? {} : { clientId: client_id }),
          protocolVersion: version,
          keepAlive: Math.ceil(keep_alive / 1_000),
          ...(username === undefined ? {} : { username }),
          ...(password === undefined ? {} : { password }),
          ...(local_address === undefined ? {} : { localAddress: local_address }),
          reconnect: { maximumDelay: reconnect_max },
        },
        topics: topic,
        inflight,
        sessionExpiry: Math.floor(session_expiry / 1_000),
        outgoingRetain: outgoing_retain,
        statusTopic: (status_topic ?? `$SYS/broker/connection/${bridgeName}/state`) || undefined,
        remoteStatusTopic: remote_status_topic || undefined,
      },
      pem,
      alpn,
    };
  },
});
