/** The section [broker]: limits, and what the broker offers. */

import {
  boolean,
  choice,
  duration,
  integer,
  type Kind,
  number,
  optional,
  preset,
  seconds,
  section,
  size,
  table,
} from "@aiko/mqtt-configuration";
import type { BrokerLimits } from "../options/broker-limits.js";
import type { FixedOptions } from "./broker-configuration.js";

const MOST_COUNTED = 1_000_000_000;
const MOST_CONNECTIONS = 2 ** 31;

/** A part of a common limit. */
function share(): Kind<number> {
  const kind = number();
  return {
    ...kind,
    label: "number above 0, up to 1",
    schema: { type: "number", exclusiveMinimum: 0, maximum: 1 },
    read(value, place) {
      const read = kind.read(value, place);
      return read === undefined || (read > 0 && read <= 1) ? read : place.wrong("must be above 0, up to 1", value);
    },
  };
}

const perAddress = table({
  title: "[broker.per_address]",
  about: "Limits for each address from which clients connect.",
  fields: {
    max_connections: optional(
      integer(1, MOST_CONNECTIONS),
      "The most connections of one address. Default: `max_share` of the broker's `max_connections`.",
    ),
    max_handshakes: preset(
      integer(1, MOST_CONNECTIONS),
      500,
      "The most connections of one address whose client is not accepted yet.",
    ),
    connect_rate: preset(
      integer(1, MOST_CONNECTIONS),
      100,
      "The most new connections of one address a second. An address that was quiet may open ten times as many at once.",
    ),
    loopback: preset(boolean(), false, "Whether the limits also hold for the loopback addresses of this machine."),
  },
  build: ({ max_connections, max_handshakes, connect_rate, loopback }) => ({
    maximumConnections: max_connections,
    maximumHandshakes: max_handshakes,
    connectRate: connect_rate,
    loopback,
  }),
});

const bounds = (title: string, about: string, least: 0 | 1, count: number, bytes: string) =>
  table({
    title,
    about,
    fields: {
      max_count: preset(integer(least, MOST_COUNTED), count, "The most messages."),
      max_bytes: preset(size(`${least}B`, "1024GiB"), bytes, "The most bytes."),
    },
    build: ({ max_count, max_bytes }) => ({ maximumCount: max_count, maximumBytes: max_bytes }),
  });

/** What [broker] becomes. */
interface BrokerSection {
  readonly limits: BrokerLimits;
  readonly options: FixedOptions;
}

export const broker: Kind<BrokerSection> = table({
  title: "[broker]",
  about:
    "Limits, and what the broker offers. A reload changes `max_connections`, `max_sessions`, `max_subscriptions`, `max_memory`, `max_keep_alive`, `max_session_expiry` and `per_address`. The others hold until the broker is restarted.",
  fields: {
    max_connections: preset(
      integer(1, MOST_CONNECTIONS),
      10_000,
      "The most connections at one time, including those in a TLS or WebSocket handshake.",
    ),
    max_sessions: preset(integer(1, 2 ** 24), 100_000, "The most sessions at one time, with or without a connection."),
    max_subscriptions: preset(integer(1, MOST_COUNTED), 10_000, "The most subscriptions of one client."),
    max_memory: preset(
      size("1MiB", "1024GiB"),
      "1GiB",
      "The approximate memory of all sessions, subscriptions, retained and waiting messages. At the limit, waiting QoS 0 messages are dropped, and new sessions, subscriptions and retained messages are refused.",
    ),
    max_keep_alive: preset(
      seconds("1s", "65535s", 0),
      0,
      "The longest keep-alive interval of a client. 0: no limit, and a client may have none.",
    ),
    max_session_expiry: preset(
      seconds("1s", "4294967295s", 0),
      "1d",
      "The longest time that a session without a connection is kept.",
    ),
    per_address: section(perAddress, "Limits for each address from which clients connect."),
    max_packet_size: preset(
      size("16B", "256MiB"),
      "64MiB",
      "The longest packet that the broker accepts. Packets other than PUBLISH have at most 4 MiB in any case.",
    ),
    max_topic_levels: preset(integer(1, 65_536), 201, "The most levels of a topic name or topic filter."),
    outbox: section(
      bounds("[broker.outbox]", "Limits of the messages that wait for one client.", 1, 100_000, "64MiB"),
      "Limits of the messages that wait for one client.",
    ),
    outbox_in_memory: section(
      bounds(
        "[broker.outbox_in_memory]",
        "How much of the outbox of a stored session stays in memory. Messages beyond wait in the store only.",
        1,
        1_000,
        "1MiB",
      ),
      "How much of the outbox of a stored session stays in memory. Messages beyond wait in the store only.",
    ),
    retained: section(
      bounds("[broker.retained]", "Limits of the retained messages.", 0, 200_000, "256MiB"),
      "Limits of the retained messages.",
    ),
    max_share: preset(
      share(),
      0.5,
      "The largest part of a common limit that one client may use: of `retained`, and of `max_connections` by address.",
    ),
    receive_maximum: preset(
      integer(1, 65_535),
      65_535,
      "The most unacknowledged QoS 1 and 2 messages that a client may send.",
    ),
    topic_alias_maximum: preset(integer(0, 65_535), 100, "The most topic aliases of a connection, in each direction."),
    connect_timeout: preset(
      duration("1ms", "24d"),
      "10s",
      "The longest time from the opening of a connection until its client is accepted, with all handshakes.",
    ),
    max_qos: preset(choice(0, 1, 2), 2, "The highest QoS of messages and subscriptions."),
    retain_available: preset(boolean(), true, "Whether clients may publish retained messages."),
    wildcard_subscription_available: preset(boolean(), true, "Whether topic filters may contain wildcards."),
    subscription_identifiers_available: preset(boolean(), true, "Whether clients may use subscription identifiers."),
    shared_subscription_available: preset(boolean(), true, "Whether clients may use shared subscriptions."),
    subprotocol_optional: preset(
      boolean(),
      false,
      "Whether WebSocket clients may connect without offering the subprotocol `mqtt`.",
    ),
    long_client_identifiers: preset(
      boolean(),
      false,
      "Whether clients of MQTT 3.1 may have a client identifier of more than 23 characters.",
    ),
  },
  build: (read) => ({
    limits: {
      maximumConnections: read.max_connections,
      maximumSessions: read.max_sessions,
      maximumSubscriptions: read.max_subscriptions,
      maximumMemory: read.max_memory,
      maximumKeepAlive: read.max_keep_alive / 1000,
      maximumSessionExpiry: read.max_session_expiry / 1000,
      perAddress: read.per_address,
    },
    options: {
      maximumPacketSize: read.max_packet_size,
      maximumTopicLevels: read.max_topic_levels,
      outbox: read.outbox,
      outboxInMemory: read.outbox_in_memory,
      retained: read.retained,
      maximumShare: read.max_share,
      receiveMaximum: read.receive_maximum,
      topicAliasMaximum: read.topic_alias_maximum,
      connectTimeout: read.connect_timeout,
      maximumQoS: read.max_qos,
      retainAvailable: read.retain_available,
      wildcardSubscriptionAvailable: read.wildcard_subscription_available,
      subscriptionIdentifiersAvailable: read.subscription_identifiers_available,
      sharedSubscriptionAvailable: read.shared_subscription_available,
      subprotocolOptional: read.subprotocol_optional,
      longClientIdentifiers: read.long_client_identifiers,
    },
  }),
});
