/** Reads certificates and keys for TLS. They are read at each attempt to connect, so that renewed ones count. */

import { readFile } from "node:fs/promises";
import type { PemSettings } from "./configuration/configuration.js";

export interface Pem {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly passphrase?: string;
}

export async function readPem({ ca, cert, key, passphrase }: PemSettings): Promise<Pem> {
  return {
    ...(ca === undefined ? {} : { ca: await readFile(ca) }),
    ...(cert === undefined || key === undefined ? {} : { cert: await readFile(cert), key: await readFile(key) }),
    ...(passphrase === undefined ? {} : { passphrase }),
  };
}
