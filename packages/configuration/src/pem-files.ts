/** Reads certificates and keys for TLS. They are read at each attempt to connect, so that renewed ones count. */

import { readFile } from "node:fs/promises";
import type { TlsOptions } from "@aiko/mqtt";

/** Paths of PEM files, and the passphrase of the key. */
export interface PemSettings {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly passphrase: string | undefined;
}

/** The content of the files. */
export interface Pem {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly passphrase?: string;
}

/** Reads the files. @throws the system's error if a file cannot be read */
export async function readPem({ ca, cert, key, passphrase }: PemSettings): Promise<Pem> {
  return {
    ...(ca === undefined ? {} : { ca: await readFile(ca) }),
    ...(cert === undefined || key === undefined ? {} : { cert: await readFile(cert), key: await readFile(key) }),
    ...(passphrase === undefined ? {} : { passphrase }),
  };
}

/** Reads the files as the TLS options of a client. @throws the system's error if a file cannot be read */
export async function clientTls(settings: PemSettings): Promise<TlsOptions> {
  const { cert, key, ...common } = await readPem(settings);
  return cert === undefined || key === undefined ? common : { ...common, certificate: cert, key };
}
