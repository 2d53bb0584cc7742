/** The options of mosquitto.conf about bridges. */

import { type BridgeDraft, bridgeDraft } from "./bridge-draft.js";
import type { Draft } from "./draft.js";
import { flag, integer, type MosquittoOption, no, only, partly, type Refusal, word, yes } from "./mosquitto-option.js";

type Apply = NonNullable<MosquittoOption["apply"]>;

const DEFAULT_PORT = 1883;
const LARGEST_PORT = 65_535;
const LONGEST_KEEP_ALIVE = 65_535;
/** Seconds of a day. */
const LONGEST_DELAY = 86_400;
const MOST = 2 ** 40;

const OUTSIDE: Refusal = { problem: "must follow the line connection NAME" };

/** For options that belong to the bridge before them. */
function ofBridge(use: (value: string, bridge: BridgeDraft, draft: Draft) => Refusal | undefined): Apply {
  return (value, draft) => (draft.bridge === undefined ? OUTSIDE : use(value, draft.bridge, draft));
}

/** A text that becomes a key. */
function becomes(key: string): Apply {
  return ofBridge((value, bridge, draft) => {
    bridge.keys.set(key, draft.placed(value));
    return undefined;
  });
}

/** A text that becomes a key whose value may also be the place of a secret. The value is not shown. */
function becomesSecret(key: string): Apply {
  const apply = becomes(key);
  return (value, draft) =>
    value.startsWith("file:") || value.includes("${")
      ? { problem: 'must not begin with "file:" or contain "${", which stand for the place of a secret here' }
      : apply(value, draft);
}

/** A value that is already read. */
function put(draft: Draft, key: string, value: unknown): Refusal | undefined {
  if (draft.bridge === undefined) return OUTSIDE;
  draft.bridge.keys.set(key, draft.placed(value));
  return undefined;
}

const remoteUserName = becomes("username");
const remotePassword = becomesSecret("password");
const remoteClientId = becomes("client_id");

function connection(value: string, draft: Draft): undefined {
  draft.bridge = bridgeDraft(value, draft.origin);
  draft.bridges.push(draft.bridge);
}

/** HOST or HOST:PORT. An IPv6 address requires the port. */
const addresses = ofBridge((value, bridge, draft) => {
  if (bridge.addresses !== undefined) return { problem: "is written twice for this connection; write one line" };
  const servers = value.split(/\s+/).map(serverOf);
  if (servers.includes(undefined)) return { invalid: "must be HOST or HOST:PORT, and several of them for failover" };
  bridge.addresses = draft.placed(servers.filter((each) => each !== undefined));
  return undefined;
});

function serverOf(address: string): string | undefined {
  const colon = address.lastIndexOf(":");
  const host = (colon < 0 ? address : address.slice(0, colon)).replace(/^\[(.*)\]$/, "$1");
  const port =
    colon < 0 ? DEFAULT_PORT : /^\d{1,5}$/.test(address.slice(colon + 1)) ? Number(address.slice(colon + 1)) : 0;
  if (port < 1 || port > LARGEST_PORT) return undefined;
  if (/^[\w.-]{1,253}$/.test(host)) return `${host}:${port}`;
  return /^[\dA-Fa-f:.]{2,45}$/.test(host) ? `[${host}]:${port}` : undefined;
}

/** `topic PATTERN [DIRECTION [QOS [LOCAL-PREFIX [REMOTE-PREFIX]]]]`. `""` is an empty pattern or prefix. */
const topic = ofBridge((value, bridge, draft) => {
  const [pattern = "", direction = "out", qos = "0", local = "", remote = "", ...rest] = value.split(/\s+/);
  const isDirection = ["out", "in", "both"].includes(direction.toLowerCase());
  if (!isDirection || !/^[012]$/.test(qos) || rest.length > 0)
    return { invalid: "must be PATTERN [out|in|both [QOS [LOCAL-PREFIX [REMOTE-PREFIX]]]]" };
  const [filter, local_prefix, remote_prefix] = [pattern, local, remote].map((each) => (each === '""' ? "" : each));
  bridge.topics.push(
    draft.placed({
      filter: filter ?? "",
      direction: direction.toLowerCase(),
      qos: Number(qos),
      local_prefix: local_prefix ?? "",
      remote_prefix: remote_prefix ?? "",
    }),
  );
  return undefined;
});

/** One delay, or the shortest and the longest one. */
const restartTimeout = ofBridge((value, bridge, draft) => {
  const seconds = value.split(/\s+/).map((each) => (/^\d{1,5}$/.test(each) ? Number(each) : 0));
  const longest = seconds.at(-1) ?? 0;
  if (seconds.length > 2 || seconds.some((each) => each < 1 || each > LONGEST_DELAY) || longest < (seconds[0] ?? 0))
    return { invalid: `must be one or two numbers of seconds from 1 to ${LONGEST_DELAY}, the longer one last` };
  bridge.keys.set("reconnect_max", draft.placed(`${longest}s`));
  return undefined;
});

const versions = { mqttv50: 5, mqttv311: 4, mqttv31: 3 } as const;

export const bridgeOptions: readonly MosquittoOption[] = [
  yes(
    "connection",
    "Begins a bridge. Becomes `[[bridge]]`. A reload starts, stops and restarts bridges that changed.",
    connection,
  ),
  yes("address", "Becomes `servers`.", addresses),
  yes("addresses", "Becomes `servers`.", addresses),
  yes("topic", "Becomes `[[bridge.topic]]`.", topic),
  yes("remote_username", "Becomes `username`.", remoteUserName),
  yes("username", "The same as `remote_username`.", remoteUserName),
  yes(
    "remote_password",
    "Becomes `password`. A password that begins with `file:` or contains `${` is not supported.",
    remotePassword,
  ),
  yes("password", "The same as `remote_password`.", remotePassword),
  partly(
    "remote_clientid",
    "Becomes `client_id`. The default is `bridge-NAME`, without the name of the host.",
    remoteClientId,
  ),
  partly("clientid", "The same as `remote_clientid`.", remoteClientId),
  partly(
    "cleansession",
    "Becomes `session_expiry`. With `true`, the broker keeps messages while the server is not reachable all the same.",
    flag((value, draft) => (value ? put(draft, "session_expiry", 0) : undefined)),
  ),
  partly("local_cleansession", "The bridge's session in the broker is always kept."),
  partly("local_clientid", "The bridge's client in the broker is `bridge-NAME`."),
  partly("local_username", "The bridge needs no user in the broker, and rules do not hold for it, as in mosquitto."),
  partly("local_password", "The bridge needs no user in the broker."),
  yes(
    "notifications",
    'With `false`, `status_topic` is `""`.',
    flag((value, { bridge }) => {
      if (bridge === undefined) return OUTSIDE;
      bridge.notifies = value;
      return undefined;
    }),
  ),
  partly(
    "notification_topic",
    "Becomes `status_topic` and `remote_status_topic`. By default, the state is published in this broker only, with the name instead of the client identifier if there is no `remote_clientid`.",
    ofBridge((value, bridge, draft) => {
      bridge.notificationTopic = draft.placed(value);
      return undefined;
    }),
  ),
  yes(
    "notifications_local_only",
    "With `true`, there is no `remote_status_topic`.",
    flag((value, { bridge }) => {
      if (bridge === undefined) return OUTSIDE;
      bridge.notifiesServer = !value;
      return undefined;
    }),
  ),
  partly(
    "try_private",
    "The bridge is an ordinary client. It prevents loops by `noLocal` with MQTT 5, and recognizes its own messages before.",
  ),
  partly(
    "bridge_protocol_version",
    "Becomes `version`. The default is the latest version that the server accepts.",
    word(["mqttv50", "mqttv311", "mqttv31"], (value, draft) => put(draft, "version", versions[value])),
  ),
  yes(
    "bridge_outgoing_retain",
    "Becomes `outgoing_retain`.",
    flag((value, draft) => put(draft, "outgoing_retain", value)),
  ),
  partly(
    "bridge_max_packet_size",
    "Only 0, no limit. With MQTT 5, the bridge keeps the limit of the server.",
    integer(0, MOST, (value) => (value === 0 ? undefined : { unsupported: "the bridge has no limit of its own" })),
  ),
  partly("bridge_attempt_unsubscribe", "The bridge drops what it receives of topics that it does not carry any more."),
  yes("bridge_bind_address", "Becomes `local_address`.", becomes("local_address")),
  yes(
    "keepalive_interval",
    "Becomes `keep_alive`.",
    integer(5, LONGEST_KEEP_ALIVE, (value, draft) => put(draft, "keep_alive", `${value}s`)),
  ),
  partly(
    "restart_timeout",
    "Its last value becomes `reconnect_max`. The delays grow from one second, with jitter.",
    restartTimeout,
  ),
  partly(
    "round_robin",
    "All addresses are equal, as with `true`. With `false`, the bridge does not leave another server for the first one.",
    flag(() => undefined),
  ),
  partly(
    "start_type",
    "`automatic` only.",
    word(["automatic", "lazy", "once"], (value) =>
      value === "automatic" ? undefined : { unsupported: "the bridge is always connected; write automatic" },
    ),
  ),
  partly("idle_timeout", "For `start_type lazy`, which is not supported."),
  partly("threshold", "For `start_type lazy`, which is not supported."),
  yes("bridge_cafile", "Becomes `ca`, and the servers have `mqtts:`.", becomes("ca")),
  partly(
    "bridge_certfile",
    "Becomes `cert`, and the servers have `mqtts:`, also without `bridge_cafile`.",
    becomes("cert"),
  ),
  yes("bridge_keyfile", "Becomes `key`.", becomesSecret("key")),
  partly(
    "bridge_alpn",
    "Becomes `alpn`, and the servers have `mqtts:`.",
    ofBridge((value, bridge, draft) => {
      bridge.keys.set("alpn", draft.placed([value]));
      return undefined;
    }),
  ),
  partly(
    "bridge_insecure",
    "The name in the certificate is always verified. `true` is not supported.",
    only(
      false,
      "the bridge always verifies the name in the certificate; write a name of the certificate as the address",
    ),
  ),
  partly(
    "bridge_tls_version",
    "`tlsv1.2`, which is the default: TLS 1.2 and 1.3. Others are not supported.",
    word(["tlsv1.1", "tlsv1.2", "tlsv1.3"], (value) =>
      value === "tlsv1.2" ? undefined : { unsupported: "the bridge uses TLS 1.2 and 1.3; write tlsv1.2" },
    ),
  ),
  no("bridge_capath", "Write the certificates into one file, and use `bridge_cafile`."),
  no("bridge_identity", "TLS with pre-shared keys is not supported."),
  no("bridge_psk", "TLS with pre-shared keys is not supported."),
  no("bridge_require_ocsp", "The revocation of certificates is not checked."),
];
