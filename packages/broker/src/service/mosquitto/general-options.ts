/** The options of mosquitto.conf that are not about listeners. */

import type { Draft } from "./draft.js";
import {
  differs,
  flag,
  integer,
  type MosquittoOption,
  no,
  only,
  partly,
  type Refusal,
  word,
  yes,
} from "./mosquitto-option.js";

const MOST = 2 ** 40;
/** What the option `max_packet_size` of the broker allows. */
const LARGEST_PACKET = 2 ** 28;
const MOST_COUNTED = 1_000_000_000;
/** Seconds of a day. */
const LONGEST_INTERVAL = 86_400;

function limited(draft: Draft, key: string, value: string | number | boolean): undefined {
  draft.limit(key, value);
  return undefined;
}

/** Seconds of an hour, a day, a week, a month and a year, as mosquitto counts them. */
const periods: Readonly<Record<string, number>> = {
  h: 3_600,
  d: 86_400,
  w: 7 * 86_400,
  m: 30 * 86_400,
  y: 365 * 86_400,
};

function expiration(value: string, draft: Draft): Refusal | undefined {
  const [, count = "", unit = ""] = /^(\d{1,9})\s?([hdwmy])$/.exec(value) ?? [];
  const seconds = Number(count) * (periods[unit] ?? 0);
  if (seconds === 0) return { invalid: 'must be an integer and h, d, w, m or y, such as "14d"' };
  return limited(draft, "max_session_expiry", `${Math.min(seconds, 0xffff_ffff)}s`);
}

function logDestination(value: string, draft: Draft): Refusal | undefined {
  const [destination = ""] = value.split(" ", 1);
  if (destination === "stderr") return undefined;
  if (destination === "none") {
    draft.logLevel = "error";
    return undefined;
  }
  const known = ["stdout", "syslog", "topic", "file", "dlt"];
  return known.includes(destination) ? undefined : { invalid: `must be ${known.join(", ")}, stderr or none` };
}

const logLevels = {
  none: "error",
  error: "error",
  warning: "warn",
  notice: "info",
  information: "info",
  subscribe: "debug",
  unsubscribe: "debug",
  debug: "debug",
  all: "debug",
  websockets: "info",
} as const;
const GRAVEST_FIRST = ["error", "warn", "info", "debug"] as const;

/** The option may be repeated: the least important type counts. */
const logType = word(Object.keys(logLevels) as (keyof typeof logLevels)[], (value, draft) => {
  const level = logLevels[value];
  if (!draft.hasLogType || GRAVEST_FIRST.indexOf(level) > GRAVEST_FIRST.indexOf(draft.logLevel)) draft.logLevel = level;
  draft.hasLogType = true;
  return undefined;
});

/** Options about users and rules. With `per_listener_settings`, they belong to the listener before them. */
export const securityOptions: readonly MosquittoOption[] = [
  partly(
    "per_listener_settings",
    "Each listener has its own `allow_anonymous`, `password_file` and `acl_file`. After a restart, a retained message is delivered if the rules of any listener allow its publication.",
    flag((value, draft) => {
      draft.isPerListener = value;
      return undefined;
    }),
  ),
  partly(
    "allow_anonymous",
    "The same, but a user name that no password proves is not used by rules: such a client is anonymous.",
    flag((value, draft) => {
      draft.securityNow().allowAnonymous = draft.placed(value);
      return undefined;
    }),
  ),
  yes("password_file", "The hashes of mosquitto_passwd are read.", (value, draft) => {
    draft.securityNow().passwordFile = draft.placed(value);
    return undefined;
  }),
  yes("acl_file", "Its lines become [rules](rules.md).", (value, draft) => {
    draft.securityNow().aclFile = draft.placed(value);
    return undefined;
  }),
  partly(
    "check_retain_source",
    "The right of the publisher is always checked. `false` is not supported.",
    only(true, "the broker always checks the right of a retained message's publisher"),
  ),
  partly(
    "allow_zero_length_clientid",
    "The broker makes an identifier. `false` is not supported.",
    only(true, "the broker always accepts an empty client identifier"),
  ),
  partly("auto_id_prefix", "Identifiers that the broker makes begin with `auto`."),
  no("clientid_prefixes", "Client identifiers are not restricted by prefix. Use rules for users instead."),
  no("psk_file", "TLS with pre-shared keys is not supported."),
  no("auth_plugin", "Plugins of mosquitto are shared libraries. Use the hooks of `@aiko/mqtt-broker` instead."),
  no("auth_plugin_deny_special_chars", "Plugins of mosquitto are not supported."),
  no("auth_opt_*", "Plugins of mosquitto are not supported."),
  no("plugin", "Plugins of mosquitto are shared libraries. Use the hooks of `@aiko/mqtt-broker` instead."),
  no("plugin_opt_*", "Plugins of mosquitto are not supported."),
];

export const generalOptions: readonly MosquittoOption[] = [
  yes("include_dir", "The files of the directory that end in `.conf` are read in the order of their names."),
  yes(
    "max_keepalive",
    "Becomes `max_keep_alive`.",
    integer(0, 65_535, (value, draft) => limited(draft, "max_keep_alive", value === 0 ? 0 : `${value}s`)),
  ),
  yes(
    "max_packet_size",
    "Becomes `max_packet_size`, at most 256 MiB.",
    integer(0, MOST, (value, draft) =>
      limited(draft, "max_packet_size", `${value === 0 ? LARGEST_PACKET : Math.min(value, LARGEST_PACKET)}B`),
    ),
  ),
  partly(
    "max_queued_messages",
    "Becomes `outbox.max_count`, which also counts messages in flight.",
    integer(0, MOST, (value, draft) =>
      limited(draft, "outbox.max_count", value === 0 ? MOST_COUNTED : Math.min(value, MOST_COUNTED)),
    ),
  ),
  partly(
    "max_queued_bytes",
    "Becomes `outbox.max_bytes`, which also counts messages in flight.",
    integer(0, MOST, (value, draft) => limited(draft, "outbox.max_bytes", `${value === 0 ? MOST : value}B`)),
  ),
  partly(
    "memory_limit",
    "Becomes `max_memory`, which is approximate: at the limit, new sessions, subscriptions and retained messages are refused.",
    integer(0, MOST, (value, draft) => (value === 0 ? undefined : limited(draft, "max_memory", `${value}B`))),
  ),
  partly("max_inflight_messages", "The Receive Maximum of the client decides. Messages are always delivered in order."),
  partly("max_inflight_bytes", "The Receive Maximum of the client decides."),
  partly(
    "message_size_limit",
    "Only 0, no limit. Otherwise, use `max_packet_size`: a client that exceeds it is disconnected.",
    integer(0, MOST, (value) =>
      value === 0 ? undefined : { unsupported: "the broker limits packets, not payloads; use max_packet_size" },
    ),
  ),
  differs(
    "persistence",
    "Becomes `[persistence]`. Every acknowledged message is on disk. `mosquitto.db` is not read: sessions and retained messages of mosquitto are not taken over.",
    flag((value, draft) => {
      draft.isPersistent = value;
      return undefined;
    }),
  ),
  yes("persistence_location", "Becomes `persistence.dir`.", (value, draft) => {
    draft.directory = draft.placed(value);
    return undefined;
  }),
  partly("persistence_file", "The journal has files of its own."),
  partly("autosave_interval", "Every acknowledged message is on disk."),
  partly("autosave_on_changes", "Every acknowledged message is on disk."),
  yes("persistent_client_expiration", "Becomes `max_session_expiry`. Default: no limit, as in mosquitto.", expiration),
  partly(
    "queue_qos0_messages",
    "QoS 0 messages are not queued for clients without a connection. `true` is not supported.",
    only(false, "the broker queues no QoS 0 messages for clients without a connection"),
  ),
  yes(
    "retain_available",
    "Becomes `retain_available`.",
    flag((value, draft) => limited(draft, "retain_available", value)),
  ),
  partly(
    "upgrade_outgoing_qos",
    "The QoS of a message is never raised. `true` is not supported.",
    only(false, "the broker never raises the QoS of a message"),
  ),
  partly("set_tcp_nodelay", "It is always set."),
  partly("allow_duplicate_messages", "A message is delivered once for overlapping subscriptions."),
  yes(
    "sys_interval",
    "Becomes `sys.interval`, at most a day.",
    integer(0, MOST, (value, draft) => {
      draft.sysInterval = draft.placed(value === 0 ? 0 : `${Math.min(value, LONGEST_INTERVAL)}s`);
      return undefined;
    }),
  ),
  yes(
    "connection_messages",
    "`false` raises the level of the log to `warn`.",
    flag((value, draft) => {
      if (!value) draft.logLevel = "warn";
      return undefined;
    }),
  ),
  differs("log_dest", "The log goes to standard error, where systemd and containers collect it.", logDestination),
  partly("log_type", "Becomes the level of the log: the least important type decides.", logType),
  partly("log_facility", "The log goes to standard error."),
  partly("log_timestamp", "The collector of the log adds the time. With `--log-format json`, each line has it."),
  partly("log_timestamp_format", "The collector of the log adds the time."),
  differs("pid_file", "No file is written. Use systemd, or `--config` with a supervisor."),
  differs("user", "The process keeps its user. Start it as the user that it should have."),
  partly("retry_interval", "Messages are resent only after a reconnection, as MQTT 5 requires."),
  partly("store_clean_interval", "The broker frees memory at once."),
  partly("websockets_log_level", "There is no separate log of WebSockets."),
  partly("websockets_headers_size", "Headers of up to 16 KiB are accepted."),
];
