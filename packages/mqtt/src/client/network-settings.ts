/** What a user says about TLS, WebSocket, proxies and the way out, checked once, before anything is dialled. */

import { UsageError } from "../errors.js";
import type { NetworkOptions, Pem, TlsOptions, TlsProvider, WebSocketOptions } from "../platform/network-options.js";
import { readUtf8Lossy } from "../platform/text.js";
import { given } from "./given-function.js";
import { unknownOption } from "./wrong-option.js";

export interface NetworkSettings {
  /** What stays the same for all attempts. */
  readonly fixed: NetworkOptions;
  /** Asked at each attempt, in place of `fixed.tls`. */
  readonly tls: ((server: string) => Promise<TlsOptions>) | undefined;
}

type Given = Omit<NetworkOptions, "tls"> & { readonly tls?: TlsOptions | TlsProvider | undefined };

/** Shared by all clients that say nothing of it. */
const PLAIN: NetworkSettings = {
  fixed: { tls: undefined, webSocket: undefined, proxy: undefined, localAddress: undefined },
  tls: undefined,
};

/** @throws UsageError OPTION_UNKNOWN or OPTION_INVALID */
export function parseNetworkOptions({ tls, webSocket, proxy, localAddress }: Given): NetworkSettings {
  if ((tls ?? webSocket ?? proxy ?? localAddress) === undefined) return PLAIN;
  if (tls !== undefined && typeof tls !== "function") assertTlsOptions(tls);
  if (webSocket !== undefined) assertWebSocketOptions(webSocket);
  if (proxy !== undefined && proxy !== false && typeof proxy !== "string") {
    throw invalid("proxy", "must be a URL such as http://host:port or socks5://host:port, or false");
  }
  if (localAddress !== undefined && typeof localAddress !== "string") {
    throw invalid("localAddress", "must be an address of this machine, as a string");
  }
  return {
    fixed: { tls: typeof tls === "function" ? undefined : tls, webSocket, proxy, localAddress },
    tls: typeof tls === "function" ? checked(tls) : undefined,
  };
}

function checked(provider: TlsProvider): (server: string) => Promise<TlsOptions> {
  return async (server) => {
    const options = await given("tls", () => provider(server));
    assertTlsOptions(options);
    return options;
  };
}

const isPem = (value: unknown): boolean => typeof value === "string" || value instanceof Uint8Array;
const isText = (value: unknown): boolean => typeof value === "string";
const isListOf = (value: unknown, each: (value: unknown) => boolean): boolean =>
  Array.isArray(value) && value.length > 0 && value.every(each);

type Rule = readonly [holds: (value: unknown) => boolean, rule: string];

const PEM: Rule = [isPem, "must be PEM text, as a string or a Uint8Array"];
const TEXT: Rule = [isText, "must be a string"];

const tlsRules: Readonly<Record<keyof TlsOptions, Rule>> = {
  ca: [(value) => isPem(value) || isListOf(value, isPem), "must be PEM text or a list of such"],
  certificate: PEM,
  key: PEM,
  passphrase: TEXT,
  serverName: TEXT,
  alpn: [(value) => isListOf(value, isText), 'must be a list of names, as in ["mqtt"]'],
  psk: [isPsk, "must be { identity: string, key: Uint8Array of 1 … 64 bytes }"],
  minimumVersion: [(value) => value === "TLSv1.2" || value === "TLSv1.3", 'must be "TLSv1.2" or "TLSv1.3"'],
  verifyServer: [(value) => typeof value === "boolean", "must be true or false"],
};

function isPsk(value: unknown): boolean {
  const { identity, key } = (value ?? {}) as Partial<NonNullable<TlsOptions["psk"]>>;
  return isText(identity) && key instanceof Uint8Array && key.length > 0 && key.length <= 64;
}

/** What HTTP takes for a name, of a header or of a subprotocol. */
const HTTP_TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;
/** What it does not take in a header's value. */
const NO_HEADER_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

const webSocketRules: Readonly<Record<keyof WebSocketOptions, Rule>> = {
  headers: [(value) => typeof value === "object" && value !== null, "must be an object of strings"],
  subprotocol: [(value) => isText(value) && HTTP_TOKEN.test(value as string), "must be a name as HTTP allows them"],
  implementation: [(value) => typeof value === "function", "must be a class"],
};

/** Node takes a list of authorities with nothing in it for no list at all, and then trusts nobody. */
const CERTIFICATE = /-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----/;

function holdsCertificate(pem: Pem): boolean {
  return CERTIFICATE.test(typeof pem === "string" ? pem : readUtf8Lossy(pem));
}

function assertTlsOptions(tls: TlsOptions): void {
  assertRules("tls", tls, tlsRules);
  if (tls.ca !== undefined && ![tls.ca].flat().every(holdsCertificate)) {
    throw invalid("tls.ca", "holds no PEM certificate (is it a path? give the file's contents)");
  }
  if ((tls.certificate === undefined) !== (tls.key === undefined)) {
    throw invalid(
      tls.key === undefined ? "tls.certificate" : "tls.key",
      "a client's certificate and its key go together",
    );
  }
  if (tls.psk !== undefined && tls.verifyServer === false) {
    throw invalid("tls.verifyServer", "false cannot be combined with tls.psk");
  }
}

function assertWebSocketOptions(webSocket: WebSocketOptions): void {
  assertRules("webSocket", webSocket, webSocketRules);
  for (const [name, value] of Object.entries(webSocket.headers ?? {}) as [string, unknown][]) {
    const field = `webSocket.headers ${JSON.stringify(name)}`;
    if (!HTTP_TOKEN.test(name)) throw invalid(field, "HTTP allows no such name of a header");
    if (value === undefined) continue;
    if (typeof value !== "string") throw invalid(field, "must be a string");
    if (NO_HEADER_VALUE.test(value)) throw invalid(field, "has a character that HTTP allows in no header");
  }
}

function assertRules(name: string, options: unknown, rules: Readonly<Record<string, Rule>>): void {
  if (typeof options !== "object" || options === null) throw invalid(name, "must be an object");
  for (const [key, value] of Object.entries(options)) {
    const rule = Object.hasOwn(rules, key) ? rules[key] : undefined;
    if (rule === undefined) throw unknownOption(key, Object.keys(rules), `${name}.`);
    if (value !== undefined && !rule[0](value)) throw invalid(`${name}.${key}`, rule[1]);
  }
}

/** Values are not shown: they may be secret. */
function invalid(name: string, rule: string): UsageError {
  return new UsageError("OPTION_INVALID", `${name}: ${rule}`);
}
