/** The TLS options of a listener, which are checked before anything listens. */

import { X509Certificate } from "node:crypto";
import type { Pem } from "@aiko/mqtt";
import { readOptions, secret, wrongOption } from "@aiko/mqtt/options";

/** TLS options of a listener. */
export interface BrokerTls {
  /** The server's certificate, followed by the intermediate certificates, as PEM. */
  readonly certificate: Pem;
  /** The private key of `certificate`, as PEM. */
  readonly key: Pem;
  /** The passphrase of an encrypted `key`. */
  readonly passphrase?: string | undefined;
  /**
   * PEM certificates of the authorities that must have issued the clients' certificates. If it is not set, clients need
   * no certificate.
   */
  readonly clientCa?: Pem | readonly Pem[] | undefined;
}

const isPem = (value: unknown): boolean => typeof value === "string" || value instanceof Uint8Array;
const PEM = "must be PEM text, as a string or a Uint8Array";

// Values are not shown in messages: they may be secret.
const pem = secret<Pem>(isPem, PEM);
const isObject = secret((value) => typeof value === "object" && value !== null, "must be { certificate, key }");

const rules = {
  certificate: pem,
  key: pem,
  passphrase: secret<string>((value) => typeof value === "string", "must be a string"),
  clientCa: secret<Pem | readonly Pem[]>(
    (value) => isPem(value) || (Array.isArray(value) && value.length > 0 && value.every(isPem)),
    `${PEM}, or a list of these`,
  ),
} satisfies Record<keyof BrokerTls, unknown>;

/**
 * @param name the option's path, as in "listeners[1].tls"
 * @throws UsageError OPTION_UNKNOWN or OPTION_INVALID
 */
export function readTls(name: string, value: unknown): BrokerTls | undefined {
  if (isObject(name, value) === undefined) return undefined;
  const { certificate, key, passphrase, clientCa } = readOptions(rules, value, `${name}.`);
  if (certificate === undefined) throw wrongOption(`${name}.certificate`, PEM);
  if (key === undefined) throw wrongOption(`${name}.key`, PEM);
  for (const authority of [clientCa ?? []].flat()) assertCertificates(`${name}.clientCa`, authority);
  return { certificate, key, passphrase, clientCa };
}

/** Node ignores text that is not a certificate, and would then reject all clients. */
function assertCertificates(option: string, pem: Pem): void {
  const problem = certificatesProblem(typeof pem === "string" ? pem : Buffer.from(pem).toString("latin1"));
  if (problem === NO_CERTIFICATE) throw wrongOption(option, `${problem}; pass the file's contents, not its path`);
  if (problem !== undefined) throw wrongOption(option, problem);
}

const NO_CERTIFICATE = "does not contain a PEM certificate";

/** Returns what is wrong with the certificates in a text, in words that follow its name; undefined if nothing is. */
export function certificatesProblem(text: string): string | undefined {
  const starts = [...text.matchAll(/-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----/g)].map(({ index }) => index);
  if (starts.length === 0) return NO_CERTIFICATE;
  for (const start of starts) {
    try {
      new X509Certificate(text.slice(start)); // includes the following text: the last certificate may be incomplete
    } catch (error) {
      return `contains a damaged certificate: ${(error as Error).message}`;
    }
  }
  return undefined;
}
