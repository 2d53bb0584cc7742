/** The options for TLS, WebSocket, proxies and local addresses. They are checked once, before anything is dialled. */

import { wrongOption } from "../options/option-error.js";
import { type OptionsRead, readOptions, secret } from "../options/option-rules.js";
import type { NetworkOptions, Pem, TlsOptions, TlsProvider, WebSocketOptions } from "../platform/network-options.js";
import { readUtf8Lossy } from "../platform/text.js";
import { given } from "./connecting/given-function.js";

export interface NetworkSettings {
  /** The settings that are the same for all attempts. */
  readonly fixed: NetworkOptions;
  /** Called at each attempt, instead of `fixed.tls`. */
  readonly tls: ((server: string) => Promise<TlsOptions>) | undefined;
}

/** Shared by all clients without such options. */
const PLAIN: NetworkSettings = {
  fixed: { tls: undefined, webSocket: undefined, proxy: undefined, localAddress: undefined },
  tls: undefined,
};

const isPem = (value: unknown): boolean => typeof value === "string" || value instanceof Uint8Array;
const isText = (value: unknown): boolean => typeof value === "string";
const isObject = (value: unknown): boolean => typeof value === "object" && value !== null;
const isListOf = (value: unknown, each: (value: unknown) => boolean): boolean =>
  Array.isArray(value) && value.length > 0 && value.every(each);

/** Values are not shown in messages: they may be secret. */
export const networkRules = {
  tls(name: string, value: unknown): TlsOptions | TlsProvider | undefined {
    if (value !== undefined && typeof value !== "function") assertTlsOptions(name, value);
    return value as TlsOptions | TlsProvider | undefined;
  },
  webSocket(name: string, value: unknown): WebSocketOptions | undefined {
    if (value !== undefined) assertWebSocketOptions(name, value);
    return value as WebSocketOptions | undefined;
  },
  proxy: secret<string | false>(
    (value) => value === false || isText(value),
    "must be a URL such as http://host:port or socks5://host:port, or false",
  ),
  localAddress: secret<string>(isText, "must be an address of this machine, as a string"),
} satisfies Record<keyof NetworkOptions, unknown>;

export function networkSettings(read: OptionsRead<typeof networkRules>): NetworkSettings {
  const { tls, webSocket, proxy, localAddress } = read;
  if ((tls ?? webSocket ?? proxy ?? localAddress) === undefined) return PLAIN;
  return {
    fixed: { tls: typeof tls === "function" ? undefined : tls, webSocket, proxy, localAddress },
    tls: typeof tls === "function" ? checked(tls) : undefined,
  };
}

function checked(provider: TlsProvider): (server: string) => Promise<TlsOptions> {
  return async (server) => {
    const options = await given("tls", () => provider(server));
    assertTlsOptions("tls", options);
    return options;
  };
}

const pem = secret(isPem, "must be PEM text, as a string or a Uint8Array");
const words = secret(isText, "must be a string");

const tlsRules = {
  ca: secret((value) => isPem(value) || isListOf(value, isPem), "must be PEM text, or a list of PEM texts"),
  certificate: pem,
  key: pem,
  passphrase: words,
  serverName: words,
  alpn: secret((value) => isListOf(value, isText), 'must be a list of names, as in ["mqtt"]'),
  psk: secret(isPsk, "must be { identity: string, key: Uint8Array of 1 … 64 bytes }"),
  minimumVersion: secret((value) => value === "TLSv1.2" || value === "TLSv1.3", 'must be "TLSv1.2" or "TLSv1.3"'),
  verifyServer: secret((value) => typeof value === "boolean", "must be true or false"),
} satisfies Record<keyof TlsOptions, unknown>;

function isPsk(value: unknown): boolean {
  const { identity, key } = (value ?? {}) as Partial<NonNullable<TlsOptions["psk"]>>;
  return isText(identity) && key instanceof Uint8Array && key.length > 0 && key.length <= 64;
}

/** What HTTP allows as the name of a header or a subprotocol. */
const HTTP_TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;
/** What HTTP does not allow in a header's value. */
const NO_HEADER_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

const webSocketRules = {
  headers: secret(isObject, "must be an object of strings"),
  subprotocol: secret(
    (value) => isText(value) && HTTP_TOKEN.test(value as string),
    'must be a valid HTTP token, such as "mqtt"',
  ),
  implementation: secret((value) => typeof value === "function", "must be a class"),
} satisfies Record<keyof WebSocketOptions, unknown>;

const options = secret(isObject, "must be an object");

/** Node treats a list of authorities that contains no certificate as an empty list, and then trusts no authority. */
const CERTIFICATE = /-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----/;

function holdsCertificate(pem: Pem): boolean {
  return CERTIFICATE.test(typeof pem === "string" ? pem : readUtf8Lossy(pem));
}

function assertTlsOptions(name: string, value: unknown): void {
  options(name, value);
  readOptions(tlsRules, value, `${name}.`);
  const tls = value as TlsOptions;
  if (tls.ca !== undefined && ![tls.ca].flat().every(holdsCertificate)) {
    throw wrongOption("tls.ca", "does not contain a PEM certificate; pass the file's contents, not its path");
  }
  if ((tls.certificate === undefined) !== (tls.key === undefined)) {
    const [alone, other] = tls.key === undefined ? ["tls.certificate", "tls.key"] : ["tls.key", "tls.certificate"];
    throw wrongOption(alone, `requires ${other}`);
  }
  if (tls.psk !== undefined && tls.certificate !== undefined) {
    throw wrongOption("tls.psk", "cannot be combined with tls.certificate; set only one of them");
  }
  if (tls.psk !== undefined && tls.verifyServer === false) {
    throw wrongOption("tls.verifyServer", "false cannot be combined with tls.psk");
  }
}

function assertWebSocketOptions(name: string, value: unknown): void {
  options(name, value);
  const { headers } = readOptions(webSocketRules, value, `${name}.`);
  for (const [header, text] of Object.entries(headers ?? {})) {
    const field = `webSocket.headers ${JSON.stringify(header)}`;
    if (!HTTP_TOKEN.test(header)) throw wrongOption(field, "is not a valid HTTP header name");
    if (text === undefined) continue;
    if (typeof text !== "string") throw wrongOption(field, "must be a string");
    if (NO_HEADER_VALUE.test(text))
      throw wrongOption(field, "contains a character that is not allowed in an HTTP header");
  }
}
