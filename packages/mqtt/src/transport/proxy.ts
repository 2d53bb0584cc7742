/**
 * Connections through a proxy, on Node: chooses the proxy, and opens a tunnel with HTTP CONNECT (RFC 9110) or SOCKS5
 * (RFC 1928, 1929).
 */

import { request } from "node:http";
import { isIP, isIPv4, type Socket } from "node:net";
import { MqttError, TransportError, type UsageError } from "../errors.js";
import { wrongOption } from "../options/option-error.js";
import type { AbortSignalLike } from "../platform/abort.js";
import type { DialStep, ServerAddress } from "../platform/transport.js";
import { openSocket, settleBy } from "./socket.js";

export interface Proxy {
  readonly kind: "http" | "socks5";
  readonly host: string;
  readonly port: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Without credentials, for messages. */
  readonly name: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_PORTS = { http: 80, socks5: 1080 } as const;

/** @throws UsageError OPTION_INVALID */
export function parseProxy(text: string): Proxy {
  const wrong = (rule: string): UsageError =>
    wrongOption("proxy", `${rule}; write http://host:port or socks5://host:port`);
  let url: URL;
  try {
    url = new URL(text.includes("://") ? text : `http://${text}`);
  } catch {
    throw wrong("is not a valid URL"); // not shown: it may contain a password
  }
  const scheme = url.protocol.slice(0, -1);
  const kind = scheme === "socks5h" || scheme === "socks" ? "socks5" : scheme;
  if (kind !== "http" && kind !== "socks5") throw wrong(`scheme "${scheme}:" is not supported`);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (host === "") throw wrong("must include a host");
  const port = Number(url.port || DEFAULT_PORTS[kind]);
  const decoded = (field: string): string | undefined => {
    try {
      return field === "" ? undefined : decodeURIComponent(field);
    } catch {
      throw wrong("user name or password has an invalid % escape");
    }
  };
  return {
    kind,
    host,
    port,
    username: decoded(url.username),
    password: decoded(url.password),
    name: `${kind}://${url.hostname}:${port}`,
  };
}

/** Returns the proxy that the environment variables set for this server. Hosts of this machine never use a proxy. */
export function proxyOfEnvironment(address: ServerAddress, environment: Environment): Proxy | undefined {
  const { scheme, host } = address;
  if (scheme === "unix" || isOwn(host) || isExempt(address, variable(environment, "no_proxy"))) return undefined;
  const secure = scheme === "mqtts" || scheme === "wss";
  const named = (secure ? variable(environment, "https_proxy") : undefined) ?? variable(environment, "all_proxy");
  return named === undefined ? undefined : parseProxy(named);
}

function variable(environment: Environment, name: string): string | undefined {
  return environment[name] || environment[name.toUpperCase()] || undefined;
}

function isOwn(host: string): boolean {
  return (
    host === "localhost" || host.endsWith(".localhost") || host === "::1" || (isIPv4(host) && host.startsWith("127."))
  );
}

/**
 * Returns whether NO_PROXY lists the host. It contains hosts, or domains that stand for all their hosts, optionally
 * with a port; "*" means all.
 */
function isExempt({ host, port }: ServerAddress, list: string | undefined): boolean {
  const own = host.toLowerCase();
  return (list ?? "").split(/[\s,]+/).some((entry) => {
    const [, name = "", wanted] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    const domain = isIP(entry) === 0 ? name.replace(/^\*?\./, "") : entry.toLowerCase();
    if (domain === "*") return true;
    if (domain === "" || (isIP(entry) === 0 && wanted !== undefined && Number(wanted) !== port)) return false;
    return own === domain || own.endsWith(`.${domain}`);
  });
}

/**
 * Opens a socket to the server through the proxy.
 *
 * @param onStep must not throw
 */
export async function openTunnel(
  proxy: Proxy,
  address: ServerAddress,
  localAddress: string | undefined,
  signal: AbortSignalLike,
  onStep?: (step: DialStep) => void,
): Promise<Socket> {
  const where = { host: proxy.host, port: proxy.port, ...(localAddress !== undefined && { localAddress }) };
  const socket = await openSocket(where, `proxy ${proxy.name}`, signal, "proxy", onStep);
  return new Promise((resolve, reject) => {
    const done = settleBy(socket, signal, `proxy ${proxy.name}`, reject);
    const fail = (cause: unknown): void => {
      done();
      socket.destroy();
      reject(cause instanceof MqttError ? cause : refusal(proxy, address, reasonOf(cause as Error), cause));
    };
    const ready = (): void => {
      done();
      socket.off("error", fail);
      socket.off("close", closed);
      onStep?.({ step: "proxied" });
      resolve(socket);
    };
    const closed = (): void => fail(new Error("the proxy closed the connection"));
    socket.on("error", fail);
    socket.on("close", closed);
    if (proxy.kind === "socks5") {
      connectBySocks(socket, proxy, address).then(ready, fail);
      return;
    }
    try {
      connectByHttp(socket, proxy, address, ready, fail);
    } catch (error) {
      fail(error); // HTTP does not allow such a host
    }
  });
}

function reasonOf({ message }: Error): string {
  return message === "socket hang up" ? "it closed the connection; check that it is an HTTP proxy" : message;
}

function refusal(proxy: Proxy, { host, port }: ServerAddress, why: string, cause?: unknown): TransportError {
  return new TransportError("PROXY_FAILED", `proxy ${proxy.name} failed to connect to ${host}:${port}: ${why}`, {
    cause,
  });
}

function connectByHttp(
  socket: Socket,
  proxy: Proxy,
  address: ServerAddress,
  ready: () => void,
  fail: (error: unknown) => void,
): void {
  const target = `${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`;
  const { username, password = "" } = proxy;
  const asked = request({
    method: "CONNECT",
    path: target,
    createConnection: () => socket,
    headers: {
      host: target,
      ...(username !== undefined && {
        "proxy-authorization": `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`,
      }),
    },
  });
  asked.once("connect", (response, _, head) => {
    const { statusCode = 0, statusMessage = "" } = response;
    if (statusCode === 407) {
      const what = username === undefined ? "add them to the proxy's URL" : "those in the proxy's URL were rejected";
      fail(refusal(proxy, address, `the proxy requires a user name and password; ${what} (407)`));
    } else if (statusCode < 200 || statusCode > 299) {
      fail(refusal(proxy, address, `the proxy answered ${statusCode} ${statusMessage}`.trimEnd()));
    } else {
      if (head.length > 0) socket.unshift(head);
      ready();
    }
  });
  asked.once("response", (response) => fail(refusal(proxy, address, `the proxy answered ${response.statusCode}`)));
  asked.once("error", fail);
  asked.end();
}

const SOCKS_VERSION = 5;
/** The version of the user name and password exchange. */
const SUBNEGOTIATION_VERSION = 1;
const NO_SOCKS5 = "the proxy does not speak SOCKS5";
const NO_AUTHENTICATION = 0;
const USERNAME_PASSWORD = 2;
const SOCKS_REPLIES: readonly string[] = [
  "",
  "general failure",
  "not allowed by the proxy's rules",
  "network unreachable from the proxy",
  "host unreachable from the proxy",
  "connection refused by the server",
  "timed out",
  "command not supported by the proxy",
  "address type not supported by the proxy",
];

async function connectBySocks(socket: Socket, proxy: Proxy, address: ServerAddress): Promise<void> {
  const { username, password = "" } = proxy;
  const methods = username === undefined ? [NO_AUTHENTICATION] : [NO_AUTHENTICATION, USERNAME_PASSWORD];
  socket.write(Uint8Array.of(SOCKS_VERSION, methods.length, ...methods));
  const [version, method] = await exactly(socket, 2);
  if (version !== SOCKS_VERSION) throw refusal(proxy, address, NO_SOCKS5);
  if (method === USERNAME_PASSWORD && username !== undefined) {
    socket.write(
      Buffer.concat([Uint8Array.of(SUBNEGOTIATION_VERSION), counted(proxy, username), counted(proxy, password)]),
    );
    const [subversion, status] = await exactly(socket, 2);
    if (subversion !== SUBNEGOTIATION_VERSION) throw refusal(proxy, address, NO_SOCKS5);
    if (status !== 0) throw refusal(proxy, address, "the proxy rejected the user name and password in its URL");
  } else if (method !== NO_AUTHENTICATION) {
    throw refusal(proxy, address, "the proxy requires a user name and password; add them to the proxy's URL");
  }
  socket.write(Buffer.concat([Uint8Array.of(SOCKS_VERSION, 1, 0), socksAddress(proxy, address)]));
  const [replyVersion, reply = 1, , kind] = await exactly(socket, 4);
  if (replyVersion !== SOCKS_VERSION) throw refusal(proxy, address, NO_SOCKS5);
  if (reply !== 0) throw refusal(proxy, address, `${SOCKS_REPLIES[reply] ?? "unknown reply"} (SOCKS reply ${reply})`);
  if (kind !== 1 && kind !== 3 && kind !== 4) throw refusal(proxy, address, NO_SOCKS5);
  const [length = 0] = kind === 3 ? await exactly(socket, 1) : [kind === 4 ? 16 : 4];
  await exactly(socket, length + 2); // the address that the proxy connects from
}

/** The proxy resolves names: it may know hosts that this machine does not. */
function socksAddress(proxy: Proxy, { host, port }: ServerAddress): Buffer {
  const portBytes = Uint8Array.of(port >> 8, port & 0xff);
  if (isIPv4(host)) return Buffer.concat([Uint8Array.of(1, ...host.split(".").map(Number)), portBytes]);
  return Buffer.concat([Uint8Array.of(3), counted(proxy, host), portBytes]);
}

function counted(proxy: Proxy, text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length > 255)
    throw wrongOption(
      "proxy",
      `${proxy.name}: SOCKS5 allows at most 255 bytes for each of host, user name and password`,
    );
  return Buffer.concat([Uint8Array.of(bytes.length), bytes]);
}

/** Reads exactly the next `length` bytes: the bytes after them belong to the server. */
function exactly(socket: Socket, length: number): Promise<Buffer> {
  return new Promise((resolve) => {
    const read = (): void => {
      const bytes: Buffer | null = socket.read(length);
      if (bytes === null || bytes.length < length) return; // the last bytes: "close" follows
      socket.off("readable", read);
      resolve(bytes);
    };
    socket.on("readable", read);
    read();
  });
}
