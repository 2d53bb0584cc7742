/** The options of mosquitto.conf about listeners and their encryption. */

import { type Draft, listenerDraft } from "./draft.js";
import { flag, integer, type MosquittoOption, no, partly, type Refusal, word, yes } from "./mosquitto-option.js";

const MOST_CONNECTIONS = 2 ** 31;
const LARGEST_PORT = 65_535;

/** `listener PORT [HOST]`, or `listener 0 /PATH`. */
function listener(value: string, draft: Draft): Refusal | undefined {
  const [port = "", ...rest] = value.split(/\s+/, 3);
  const where = rest[0];
  if (!/^\d{1,5}$/.test(port) || Number(port) > LARGEST_PORT || rest.length > 1)
    return { invalid: "must be a port, and then an address, a host or the path of a Unix socket" };
  const isPath = where?.startsWith("/") === true;
  if (isPath !== (Number(port) === 0)) return { invalid: "must have port 0 and a path, or another port and no path" };
  draft.current = listenerDraft(draft.origin);
  draft.listeners.push(draft.current);
  draft.current.isWritten = true;
  if (isPath) draft.current.path = where;
  else Object.assign(draft.current, { port: Number(port), host: where });
  return undefined;
}

const secured =
  (key: string): MosquittoOption["apply"] =>
  (value, draft) => {
    draft.secure(key, value);
    return undefined;
  };

/** A limit that mosquitto has for each listener, and the broker for all of them. */
const common =
  (key: string): ((value: number, draft: Draft) => Refusal | undefined) =>
  (value, draft) => {
    const former = draft.broker.get(key);
    if (former !== undefined && former.value !== value)
      return { unsupported: `must be the same for all listeners; line ${former.origin.line} has ${former.value}` };
    draft.limit(key, value);
    return undefined;
  };

export const listenerOptions: readonly MosquittoOption[] = [
  partly("listener", "The same. A Unix socket has the permissions 600 instead of those of the umask.", listener),
  yes(
    "port",
    "The port of the default listener.",
    integer(1, LARGEST_PORT, (value, draft) => {
      draft.defaultListener.port = value;
      draft.defaultListener.isWritten = true;
      return undefined;
    }),
  ),
  yes("bind_address", "The address of the default listener.", (value, draft) => {
    draft.defaultListener.host = value;
    draft.defaultListener.isWritten = true;
    return undefined;
  }),
  no("bind_interface", "A listener is bound to an address. Write the address of the interface."),
  yes(
    "protocol",
    "`mqtt` or `websockets`.",
    word(["mqtt", "websockets"], (value, draft) => {
      draft.listener().isWebSocket = value === "websockets";
      return undefined;
    }),
  ),
  yes(
    "max_connections",
    "Becomes `max_connections` of the listener.",
    integer(-1, MOST_CONNECTIONS, (value, draft) => {
      draft.listener().maximumConnections = value < 0 ? undefined : draft.placed(value);
      return undefined;
    }),
  ),
  partly("max_qos", "Becomes `max_qos`. It must be the same for all listeners.", integer(0, 2, common("max_qos"))),
  partly(
    "max_topic_alias",
    "Becomes `topic_alias_maximum`. It must be the same for all listeners.",
    integer(0, 65_535, common("topic_alias_maximum")),
  ),
  partly(
    "socket_domain",
    "`ipv4` is supported. With `ipv6`, the listener also accepts IPv4.",
    word(["ipv4", "ipv6"], (value, draft) => {
      draft.listener().isIpv4 = value === "ipv4";
      return undefined;
    }),
  ),
  no("mount_point", "Topics have no prefix by listener. Use rules with `%u` instead."),
  no("use_username_as_clientid", "Client identifiers are those that clients send. Use rules for users instead."),
  no("http_dir", "The broker serves no files. Use a web server."),
];

export const tlsOptions: readonly MosquittoOption[] = [
  yes("certfile", "Becomes `tls.cert`. SIGHUP reads it again.", secured("cert")),
  yes("keyfile", "Becomes `tls.key`. SIGHUP reads it again.", secured("key")),
  yes("cafile", "Becomes `tls.client_ca`, with `require_certificate`.", secured("client_ca")),
  yes(
    "require_certificate",
    "Requires `cafile`.",
    flag((value, draft) => {
      draft.listener().requiresCertificate = value;
      return undefined;
    }),
  ),
  yes(
    "use_identity_as_username",
    'Becomes `tls.client_identity = "common_name"`. Otherwise, clients need a password in addition to their certificate.',
    flag((value, draft) => {
      draft.listener().identifiesByCertificate = value;
      return undefined;
    }),
  ),
  partly(
    "tls_version",
    "`tlsv1.2`, which is the default: TLS 1.2 and 1.3. Others are not supported.",
    word(["tlsv1.1", "tlsv1.2", "tlsv1.3"], (value) =>
      value === "tlsv1.2" ? undefined : { unsupported: "the broker accepts TLS 1.2 and 1.3; write tlsv1.2" },
    ),
  ),
  partly(
    "tls_keyform",
    "`pem` only.",
    word(["pem", "engine"], (value) =>
      value === "pem" ? undefined : { unsupported: "keys in an engine of OpenSSL are not supported" },
    ),
  ),
  no("capath", "Write the certificates into one file, and use `cafile`."),
  no(
    "crlfile",
    "Revoked certificates are not checked. Issue certificates for a short time, or deny the users in rules.",
  ),
  no("ciphers", "The ciphers are those of Node.js. `node --tls-cipher-list` changes them."),
  no("ciphers_tls1.3", "The ciphers are those of Node.js. `node --tls-cipher-list` changes them."),
  partly("dhparamfile", "Keys are exchanged with elliptic curves."),
  no("use_subject_as_username", "A certificate identifies a client by its common name or its fingerprint."),
  no("tls_engine", "Engines of OpenSSL are not supported."),
  no("tls_engine_kpass_sha1", "Engines of OpenSSL are not supported."),
  no("psk_hint", "TLS with pre-shared keys is not supported."),
];
