/** What a listener needs for TLS: what may be said of it, checked before anything listens. */

import { X509Certificate } from "node:crypto";
import { type Pem, UsageError } from "@aiko/mqtt";

/** A certificate and its key, PEM text or its bytes, and what clients must show. */
export interface BrokerTls {
  readonly certificate: Pem;
  readonly key: Pem;
  readonly passphrase?: string | undefined;
  /** Certificates of the authorities that clients' certificates must come from; without it, clients need none. */
  readonly clientCa?: Pem | readonly Pem[] | undefined;
}

const isPem = (value: unknown): boolean => typeof value === "string" || value instanceof Uint8Array;
const PEM = "must be PEM text, as a string or a Uint8Array";

const rules: Readonly<Record<keyof BrokerTls, readonly [holds: (value: unknown) => boolean, rule: string]>> = {
  certificate: [isPem, PEM],
  key: [isPem, PEM],
  passphrase: [(value) => value === undefined || typeof value === "string", "must be a string"],
  clientCa: [
    (value) => value === undefined || isPem(value) || (Array.isArray(value) && value.length > 0 && value.every(isPem)),
    `${PEM}, or a list of such`,
  ],
};

/**
 * Values are not shown: they may be secret.
 *
 * @param option as it is called in errors
 * @throws UsageError OPTION_UNKNOWN or OPTION_INVALID
 */
export function assertTls(option: string, tls: unknown): asserts tls is BrokerTls {
  if (typeof tls !== "object" || tls === null)
    throw new UsageError("OPTION_INVALID", `${option}: must be { certificate, key }`);
  for (const name in tls) {
    if (!Object.hasOwn(rules, name))
      throw new UsageError("OPTION_UNKNOWN", `option "${option}.${name}": there is no such option`);
  }
  for (const [name, [holds, rule]] of Object.entries(rules)) {
    if (!holds((tls as Record<string, unknown>)[name]))
      throw new UsageError("OPTION_INVALID", `${option}.${name}: ${rule}`);
  }
  for (const pem of [(tls as BrokerTls).clientCa ?? []].flat()) assertCertificates(option, pem);
}

/** Node passes over what is no certificate, and then nobody is let in. */
function assertCertificates(option: string, pem: Pem): void {
  const text = typeof pem === "string" ? pem : Buffer.from(pem).toString("latin1");
  const starts = [...text.matchAll(/-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----/g)].map(({ index }) => index);
  const unusable = (rule: string): UsageError => new UsageError("OPTION_INVALID", `${option}.clientCa: ${rule}`);
  if (starts.length === 0) throw unusable("holds no PEM certificate (is it a path? give the file's contents)");
  for (const start of starts) {
    try {
      new X509Certificate(text.slice(start)); // with what follows: its last line may be none
    } catch (error) {
      throw unusable(`holds a certificate that is damaged: ${(error as Error).message}`);
    }
  }
}
