/** The options for the server, the user and the connection, and the settings that they become. */

import { promises } from "node:fs";
import {
  type ConnectOptions,
  type TlsCertificate,
  type TlsProvider,
  type TlsSharedKey,
  type TlsWithoutIdentity,
  TransportError,
  type WillOptions,
} from "@aiko/mqtt";
import { payloadOf } from "./argument-bytes.js";
import { ArgumentError, type Arguments, type OptionTable } from "./arguments.js";
import { assertHost, inUrl } from "./host.js";

/** The headings of the help. */
export const groups = {
  connection: "Connection",
  session: "Session",
  tls: "TLS",
  will: "Will",
  properties: "MQTT 5",
  other: "Other options",
} as const;

export const connectionOptions = {
  debug: { letters: "d", help: "log protocol activity to stderr" },
  host: { letters: "hH", value: "HOST", help: "server name or address (default: localhost)", group: groups.connection },
  port: { letters: "p", value: "PORT", help: "server port (default: 1883; 8883 with TLS)", group: groups.connection },
  url: {
    value: "URL",
    help: "server URL, as in mqtt://HOST:PORT; replaces --host and --port",
    secret: true,
    group: groups.connection,
  },
  id: {
    letters: "i",
    value: "ID",
    help: "client identifier (default: random)",
    mayBeEmpty: true,
    group: groups.session,
  },
  username: { letters: "u", value: "NAME", help: "user name", mayBeEmpty: true, group: groups.connection },
  password: {
    letters: "P",
    value: "PASSWORD",
    help: "password; MQTT_PASSWORD in the environment is safer: ps does not show it",
    mayBeEmpty: true,
    secret: true,
    group: groups.connection,
  },
  "protocol-version": {
    letters: "V",
    value: "VERSION",
    help: "MQTT version: 31, 311, 5 or auto (default: auto, the newest that the server supports)",
    group: groups.connection,
  },
  unix: {
    value: "PATH",
    help: "path of the server's Unix socket; replaces --host and --port",
    group: groups.connection,
  },
  ws: { help: "connect over a WebSocket (default port: 80; 443 with TLS)", group: groups.connection },
  cafile: {
    value: "FILE",
    help: "PEM file of trusted certificate authorities; every TLS option enables TLS",
    group: groups.tls,
  },
  cert: { value: "FILE", help: "PEM file with the client's certificate (requires --key)", group: groups.tls },
  key: { value: "FILE", help: "PEM file with the private key for --cert", group: groups.tls },
  "passphrase-file": {
    value: "FILE",
    help: "file whose first line is the passphrase for --key (default: $MQTT_PASSPHRASE)",
    group: groups.tls,
  },
  insecure: {
    help: "enable TLS, but do not verify the server's certificate; allows man-in-the-middle attacks",
    group: groups.tls,
  },
  servername: {
    value: "NAME",
    help: "expected name in the server's certificate (default: the host)",
    group: groups.tls,
  },
  tls: { help: "enable TLS with the certificate authorities that Node trusts", group: groups.tls },
  "tls-alpn": { value: "NAME", help: "ALPN protocol to offer, as in mqtt", repeats: true, group: groups.tls },
  psk: {
    value: "HEX",
    help: "pre-shared key in hexadecimal, used instead of certificates (requires --psk-identity)",
    secret: true,
    group: groups.tls,
  },
  "psk-identity": { value: "NAME", help: "identity that names the pre-shared key (requires --psk)", group: groups.tls },
  proxy: {
    value: "URL",
    help: "proxy URL, http://… or socks5://… (default: $HTTPS_PROXY, $ALL_PROXY and $NO_PROXY)",
    secret: true,
    group: groups.connection,
  },
} satisfies OptionTable;

export const willOptions = {
  will_topic: { letters: "w", value: "TOPIC", help: "will topic (requires --will_message)", group: groups.will },
  will_message: {
    value: "MESSAGE",
    help: "message of the will (requires --will_topic); may be empty",
    literal: true,
    mayBeEmpty: true,
    group: groups.will,
  },
  will_qos: { value: "QOS", help: "QoS of the will: 0, 1 or 2 (default: 0)", group: groups.will },
  will_retain: {
    value: "0|1",
    help: "1 makes the server retain the will for later subscribers (default: 0)",
    group: groups.will,
  },
} satisfies OptionTable;

export const qosOption = { letters: "q", value: "QOS", help: "QoS: 0, 1 or 2 (default: 0)" };

export type ConnectionOption = keyof typeof connectionOptions;
export type WillOption = keyof typeof willOptions;

type Environment = Readonly<Record<string, string | undefined>>;

/** The server, and how to connect to it. */
export interface Target {
  readonly url: string;
  readonly options: ConnectOptions;
  /** Whether the user chose the client identifier. Another client may then have it, too. */
  readonly hasChosenId: boolean;
  /** The option with which the user put a secret on the command line. */
  readonly exposedBy: string | undefined;
}

/** The QoS values as users write them. */
export const qualities = { "0": 0, "1": 1, "2": 2 } as const;
const versions = { "31": 3, "311": 4, "5": 5, auto: "auto", mqttv31: 3, mqttv311: 4, mqttv5: 5 } as const;
const flags = { "0": false, "1": true };

const DEFAULT_PORTS = { mqtt: 1883, mqtts: 8883, ws: 80, wss: 443 };
/** In milliseconds. Users at a terminal do not want to wait longer for a server that does not answer. */
const CONNECT_TIMEOUT = 5_000;
const LONGEST_RECONNECT_DELAY = 10_000;
const LONGEST_CLIENT_ID = 23;

/**
 * @param host the host that the command line names, other than with --host
 * @throws ArgumentError
 */
export function targetOf(
  args: Arguments<ConnectionOption>,
  environment: Environment,
  defaultClientId: string,
  host?: string,
): Target {
  const tls = tlsOf(args, environment);
  const url = serverUrl(args, host, tls !== undefined);
  const proxy = args.text("proxy");
  return {
    url,
    hasChosenId: args.has("id"),
    exposedBy: exposedBy(args),
    options: {
      clientId: args.text("id") ?? uniqueClientId(defaultClientId),
      protocolVersion: args.choice<3 | 4 | 5 | "auto">("protocol-version", versions, "auto"),
      connectTimeout: CONNECT_TIMEOUT,
      reconnect: { maximumDelay: LONGEST_RECONNECT_DELAY },
      ...credentials(args, environment, url),
      ...(tls !== undefined && { tls }),
      ...(proxy !== undefined && { proxy }),
    },
  };
}

/**
 * Returns the will, if one is given. Rejects a will that lacks its topic or its message: otherwise it would be ignored
 * silently.
 *
 * @throws ArgumentError
 */
export function willOf(args: Arguments<WillOption>): { will?: WillOptions } {
  const qos = args.choice<0 | 1 | 2>("will_qos", qualities, 0);
  const retain = args.choice("will_retain", flags, false);
  const topic = args.text("will_topic");
  const payload = args.text("will_message");
  if (topic !== undefined && payload !== undefined)
    return { will: { topic, payload: payloadOf(payload), qos, retain } };
  const given = (Object.keys(willOptions) as WillOption[]).find((name) => args.has(name));
  if (given === undefined) return {};
  const missing = (["will_topic", "will_message"] as const).filter((name) => !args.has(name));
  const hint = topic === undefined ? "" : '; for an empty message, write --will_message ""';
  throw new ArgumentError(`option --${given} requires ${missing.map((name) => `--${name}`).join(" and ")}${hint}`);
}

/**
 * Two clients with one identifier disconnect each other, so each process makes its own. It consists of letters and
 * digits, and is not longer than every server must accept [MQTT-3.1.3-5].
 */
export function uniqueClientId(name: string): string {
  const random = Math.floor(Math.random() * 36 ** 6).toString(36);
  return `${name}${process.pid.toString(36)}${random.padStart(6, "0")}`.slice(0, LONGEST_CLIENT_ID);
}

function serverUrl(args: Arguments<ConnectionOption>, operand: string | undefined, secure: boolean): string {
  const url = args.text("url");
  const path = args.text("unix");
  if (operand !== undefined && args.has("host"))
    throw new ArgumentError(`argument "${operand}" cannot be combined with --host; both name the host`);
  const host = operand ?? args.text("host");
  const scheme = args.has("ws") ? (secure ? "wss" : "ws") : secure ? "mqtts" : "mqtt";
  const port = args.integer("port", DEFAULT_PORTS[scheme], 1, 65_535);
  if (url === undefined && path === undefined) return urlOf(scheme, host ?? "localhost", port);
  const alone = url === undefined ? "--unix" : "--url";
  if (url !== undefined && args.has("ws"))
    throw new ArgumentError("--ws cannot be combined with --url; use ws: or wss: in the URL");
  if (path !== undefined && args.has("ws")) throw new ArgumentError("--ws cannot be combined with --unix");
  if (path !== undefined && secure)
    throw new ArgumentError("--unix cannot be combined with TLS options; a Unix socket is not encrypted");
  if (url !== undefined && path !== undefined) throw new ArgumentError("--url cannot be combined with --unix");
  if (host !== undefined || args.has("port"))
    throw new ArgumentError(`${alone} cannot be combined with a host or --port`);
  return url ?? `unix:${path}`;
}

function urlOf(scheme: string, host: string, port: number): string {
  assertHost(host);
  return `${scheme}://${inUrl(host)}:${port}`;
}

/** Each of these options enables TLS. */
export const tlsOptions = [
  "tls",
  "cafile",
  "cert",
  "key",
  "passphrase-file",
  "insecure",
  "servername",
  "tls-alpn",
  "psk",
  "psk-identity",
] as const;

/** Returns the TLS options, with files read again at each attempt; undefined if none is given. */
function tlsOf(args: Arguments<ConnectionOption>, environment: Environment): TlsProvider | undefined {
  if (!tlsOptions.some((name) => args.has(name))) return undefined;
  if (args.has("cert") !== args.has("key")) throw new ArgumentError("--cert and --key must be used together");
  if (args.has("psk") !== args.has("psk-identity"))
    throw new ArgumentError("--psk and --psk-identity must be used together");
  if (args.has("psk") && args.has("cert")) throw new ArgumentError("--psk cannot be combined with --cert");
  if (args.has("psk") && args.has("insecure"))
    throw new ArgumentError("--insecure cannot be combined with --psk; the pre-shared key already verifies the server");
  if (args.has("passphrase-file") && !args.has("key")) throw new ArgumentError("--passphrase-file requires --key");
  const passphrase = passphraseOf(args, environment);
  const psk = args.text("psk");
  if (psk !== undefined && !/^([0-9a-f]{2}){1,64}$/i.test(psk)) {
    throw new ArgumentError("--psk must be 1 to 64 bytes in hexadecimal");
  }
  const alpn = args.all("tls-alpn");
  const serverName = args.text("servername");
  return async () => ({
    ...(await identityOf(args, psk)),
    ca: await textOf(args, "cafile", "CERTIFICATE-----", "PEM certificate"),
    passphrase: await passphrase(),
    ...(serverName !== undefined && { serverName }),
    ...(alpn.length > 0 && { alpn }),
    verifyServer: !args.has("insecure"),
  });
}

/** @param psk the shared key, in hexadecimal */
async function identityOf(
  args: Arguments<ConnectionOption>,
  psk: string | undefined,
): Promise<TlsCertificate | TlsSharedKey | TlsWithoutIdentity> {
  if (psk !== undefined) return { psk: { identity: args.required("psk-identity"), key: Buffer.from(psk, "hex") } };
  const [certificate, key] = [await textOf(args, "cert"), await textOf(args, "key")];
  return certificate === undefined || key === undefined ? {} : { certificate, key };
}

const fileErrors: Readonly<Record<string, string>> = {
  ENOENT: "file not found",
  EISDIR: "is a directory",
  EACCES: "permission denied",
};

/** @param holds a test of the content, and the name of the expected content */
async function textOf(
  args: Arguments<ConnectionOption>,
  option: "cafile" | "cert" | "key" | "passphrase-file",
  ...holds: [] | [part: string | RegExp, name: string]
): Promise<string | undefined> {
  const file = args.text(option);
  if (file === undefined) return undefined;
  const unusable = (why: string, cause?: unknown): TransportError =>
    new TransportError("TLS_FAILED", `--${option} ${file}: ${why}`, { cause });
  let text: string;
  try {
    text = await promises.readFile(file, "utf8");
  } catch (error) {
    const { code = "", message } = error as Error & { code?: string };
    throw unusable(fileErrors[code] ?? message, error);
  }
  const [part, name] = holds;
  if (part !== undefined && text.search(part) < 0) throw unusable(`contains no ${name}`);
  return text;
}

/** The file is read only once, since it may be a pipe. */
function passphraseOf(args: Arguments<ConnectionOption>, environment: Environment): () => Promise<string | undefined> {
  let known = args.has("key") && !args.has("passphrase-file") ? environment["MQTT_PASSPHRASE"] || undefined : undefined;
  return async () => {
    known ??= (await textOf(args, "passphrase-file", /^[^\r\n]/, "passphrase on its first line"))?.split(/\r?\n/, 1)[0];
    return known;
  };
}

/**
 * Returns an option that exposes a secret: other users of the machine can read the command line while the command runs.
 */
export function exposedBy(args: Arguments<ConnectionOption>): string | undefined {
  if (args.has("password")) return "--password";
  if (args.has("psk")) return "--psk";
  return (["url", "proxy"] as const)
    .filter((name) => namesPassword(args.text(name) ?? ""))
    .map((name) => `--${name}`)
    .at(0);
}

function namesPassword(url: string): boolean {
  const colon = url.indexOf(":", url.indexOf("//") + 2);
  return colon >= 0 && colon < url.lastIndexOf("@");
}

/**
 * The password in the environment applies only if a user name is given: alone, it must not change how a client
 * connects.
 */
function credentials(
  args: Arguments<ConnectionOption>,
  environment: Environment,
  url: string,
): Pick<ConnectOptions, "username" | "password"> {
  const username = args.text("username") ?? usernameWithoutPassword(url);
  const given = args.text("password");
  if (given !== undefined && username === undefined && args.text("protocol-version") !== "5") {
    throw new ArgumentError("--password requires --username");
  }
  const password = given ?? (username === undefined ? undefined : environment["MQTT_PASSWORD"]);
  return { ...(username !== undefined && { username }), ...(password !== undefined && { password }) };
}

function usernameWithoutPassword(url: string): string | undefined {
  const [, username] = /^[A-Za-z]+:\/\/([^:@/]+)@/.exec(url) ?? [];
  try {
    return username === undefined ? undefined : decodeURIComponent(username);
  } catch {
    return undefined; // the client reports what is wrong with this URL
  }
}
