/** The tables of what is not a source: [gateway], [uplink], [spool], [metrics] and [admin]. */

import {
  address,
  checkConnection,
  choice,
  claimAddress,
  connectionFields,
  duration,
  integer,
  type Kind,
  optional,
  preset,
  required,
  serverUrl,
  size,
  syntax,
  table,
  text,
} from "@aiko/mqtt-configuration";
import type { GatewaySettings, MetricsSettings, SpoolSettings, UplinkSettings } from "./configuration.js";
import { checkPlaceholders, template, topicTemplate } from "./template.js";

/** The name of a gateway or of a source. */
export function identifier(): Kind<string> {
  return syntax({
    label: "identifier",
    rule: "must be 1 to 64 letters, digits, dots, underscores and hyphens",
    pattern: "^[A-Za-z0-9_.-]{1,64}$",
    read: (value) => (/^[A-Za-z0-9_.-]{1,64}$/.test(value) ? value : undefined),
  });
}

/** The placeholders of what belongs to no source. */
const ONLY_GATEWAY: ReadonlySet<string> = new Set(["gateway"]);

export const gateway: Kind<GatewaySettings> = table({
  title: "[gateway]",
  about: "The gateway itself.",
  fields: {
    id: required(identifier(), "The name of this gateway. It is part of topics and of the client identifier."),
    base: preset(
      topicTemplate(),
      "aiko/{gateway}",
      "The topic below which the gateway publishes its own state. It may contain `{gateway}`.",
    ),
    timestamps: preset(
      choice("off", "ms", "iso"),
      "off",
      "Whether JSON payloads get a member `time`, the time of acceptance: in milliseconds since 1970, or as ISO 8601.",
    ),
    shutdown: preset(duration("100ms", "10m"), "2s", "The longest time that a shutdown takes."),
    log: preset(choice("error", "warn", "info", "debug"), "info", "The least important messages that are logged."),
    log_format: preset(choice("text", "json"), "text", "How log messages are written."),
    memory_limit: preset(
      size("64KiB", "64GiB"),
      "48MiB",
      "The most memory for what was received and is not yet accepted, of all sources together. At the limit, sources are not read.",
    ),
  },
  check({ values: { base }, place }) {
    if (base !== undefined) checkPlaceholders(base, ONLY_GATEWAY, place.at("base"));
  },
  build: ({ log_format, memory_limit, ...values }) => ({ ...values, logFormat: log_format, memoryLimit: memory_limit }),
});

export const uplink: Kind<UplinkSettings> = table({
  title: "[uplink]",
  about: "The MQTT server. Write `[[uplink]]` several times for servers to fail over to, the preferred one first.",
  fields: {
    url: required(serverUrl(), "The server, with `mqtt:`, `mqtts:`, `ws:`, `wss:` or `unix:`."),
    client_id: preset(template(), "{gateway}", "The client identifier. `{gateway}` stands for the gateway's id."),
    ...connectionFields,
    inflight: preset(integer(1, 65_535), 100, "The most messages without an acknowledgement."),
    rate: preset(integer(0, 1_000_000), 0, "The most messages a second. 0: no limit."),
    bandwidth: preset(size("1B", "1GiB", 0), 0, "The most bytes a second. 0: no limit."),
    reconnect: optional(
      table({
        title: "[uplink.reconnect]",
        about: "The delay before a lost connection is re-established. It grows from `min` to `max`.",
        fields: {
          min: preset(duration("1ms", "1d"), "500ms", "The shortest delay."),
          max: preset(duration("1ms", "1d"), "60s", "The longest delay."),
        },
        check({ values: { min, max }, place }) {
          if (min !== undefined && max !== undefined && min > max)
            place.at("min").problem("must not be longer than max");
        },
        build: (values) => values,
      }),
      'The delays between attempts to connect. Default: `min = "500ms"`, `max = "60s"`.',
    ),
    stuck: preset(
      duration("1s", "1d"),
      "60s",
      "If messages are in flight and none is acknowledged for this time, the connection is closed and re-established.",
    ),
  },
  check({ values, place }) {
    if (values.client_id !== undefined) checkPlaceholders(values.client_id, ONLY_GATEWAY, place.at("client_id"));
    checkConnection(values, place);
  },
  build: ({ client_id, keep_alive, session_expiry, reconnect, ...values }) => ({
    ...values,
    clientId: client_id,
    keepAlive: keep_alive,
    sessionExpiry: session_expiry,
    reconnect: reconnect ?? { min: 500, max: 60_000 },
  }),
});

const groupDelay = duration("1ms", "60s");

/** "group:50ms" */
const group = syntax({
  label: '"group:DURATION"',
  rule: 'must be "commit", "never", or "group:" and a duration from 1ms to 60s, such as "group:50ms"',
  pattern: "^(commit|never|group:[0-9]{1,15}(ms|s|m|h|d))$",
  read(value, place): "commit" | "never" | number | undefined {
    if (value === "commit" || value === "never") return value;
    return value.startsWith("group:") ? groupDelay.read(value.slice(6), place) : undefined;
  },
});

export const spool: Kind<SpoolSettings> = table({
  title: "[spool]",
  about: "The queue between the sources and the server.",
  fields: {
    mode: preset(
      choice("disk", "memory"),
      "disk",
      "Where records are kept. In memory, they do not survive the process.",
    ),
    dir: optional(text(1, 4096), 'The directory of the spool. Required unless `mode = "memory"`.'),
    max_bytes: preset(size("256KiB", "1024GiB"), "64MiB", "The most bytes that the spool takes on disk, or in memory."),
    max_records: preset(integer(1, 1_000_000_000), 1_000_000, "The most records in the spool."),
    max_age: preset(
      duration("1s", "36500d", Infinity),
      "7d",
      "The age at which a record is dropped as `expired`. 0: no limit.",
    ),
    segment: preset(
      size("64KiB", "64MiB"),
      "1MiB",
      "The size of one file, at most a quarter of `max_bytes`. A record must fit in it.",
    ),
    full: preset(
      choice("reject", "drop-oldest", "drop-newest", "latest-per-topic"),
      "reject",
      "What happens if the spool is full: `reject` stops reading from the sources, the others drop records as `full`.",
    ),
    sync: preset(
      { ...group, label: '"commit" \\| "never" \\| "group:DURATION"' },
      "commit",
      "When a record is accepted: `commit` when it is synced to disk, `group:50ms` the same with one sync for all records of 50 ms, `never` when it is written. With `never`, records survive the process but not a power loss.",
    ),
    qos0: preset(
      choice("pass", "spool"),
      "pass",
      "Whether QoS 0 records are spooled. `pass` drops them as `offline` if the server is not connected.",
    ),
  },
  check({ values: { mode, dir, max_bytes, segment }, wrong, place }) {
    if (mode === "disk" && dir === undefined && !wrong.has("dir")) {
      place.at("dir").problem('is required and missing; write a directory, or mode = "memory"');
    }
    if (mode === "memory" && dir !== undefined)
      place.at("dir").problem('cannot be combined with mode = "memory"; remove one of them');
    if (max_bytes !== undefined && segment !== undefined && segment * 4 > max_bytes) {
      place
        .at("segment")
        .problem(`must be at most a quarter of max_bytes (${max_bytes / 4} bytes), not ${segment} bytes`);
    }
  },
  build: ({ max_bytes, max_records, max_age, ...values }) => ({
    ...values,
    maxBytes: max_bytes,
    maxRecords: max_records,
    maxAge: max_age,
  }),
});

export const metrics: Kind<MetricsSettings> = table({
  title: "[metrics]",
  about: "Metrics for Prometheus. They are served if this table exists.",
  fields: {
    listen: preset(address(), "127.0.0.1:9464", "The address to listen on."),
    path: preset(
      syntax({
        label: "path",
        rule: 'must be a path such as "/metrics"',
        pattern: "^/[A-Za-z0-9_./~-]*$",
        read: (value) => (/^\/[\w./~-]{0,255}$/.test(value) ? value : undefined),
      }),
      "/metrics",
      "The path of the metrics.",
    ),
  },
  check({ values: { listen }, place }) {
    if (listen !== undefined) claimAddress(listen, place.at("listen"));
  },
  build: (values) => values,
});

export const admin: Kind<string> = table({
  title: "[admin]",
  about: "The socket for `gateway status`.",
  fields: { socket: required(text(1, 100), "The path of a Unix socket. Only the gateway's user can open it.") },
  build: ({ socket }) => socket,
});
