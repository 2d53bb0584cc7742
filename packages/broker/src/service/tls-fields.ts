/** The certificates of a listener: reads their files, and checks that they belong together. */

import { createSecureContext } from "node:tls";
import {
  choice,
  type Kind,
  optional,
  type Place,
  preset,
  required,
  secret,
  secretPath,
  table,
  text,
} from "@aiko/mqtt-configuration";
import { type BrokerTls, certificatesProblem } from "../options/broker-tls.js";
import type { ListenerSettings } from "./broker-configuration.js";
import { fileContent } from "./file-content.js";

/** The contents of a file. @param path how its path is written */
function contents(path: Kind<string>): Kind<string> {
  return {
    ...path,
    label: "path",
    read(value, place) {
      const read = path.read(value, place);
      return read === undefined ? undefined : fileContent(read, place);
    },
  };
}

/** The certificates, and what they are for. */
export interface WrittenTls extends BrokerTls {
  readonly certificates: ListenerSettings["certificates"];
}

const IDENTITIES = { common_name: "commonName", fingerprint: "fingerprint", none: undefined } as const;

export const tls: Kind<WrittenTls> = table({
  title: "[listener.tls]",
  about: "The certificates of a listener for `mqtts:` or `wss:`. A reload reads the files again.",
  fields: {
    cert: required(
      contents(text(1, 4096)),
      "The path of a PEM file with the server's certificate, and those between it and its authority.",
    ),
    key: required(
      contents(secretPath()),
      "The path of a PEM file with the server's key, or an environment variable with the path, as in secrets.",
    ),
    passphrase: optional(secret(), "The passphrase of `key`."),
    client_ca: optional(
      contents(text(1, 4096)),
      "The path of a PEM file with authorities. Only clients with a certificate of one of them may connect. Default: clients need no certificate.",
    ),
    client_identity: preset(
      choice("common_name", "fingerprint", "none"),
      "common_name",
      "What of its certificate identifies a client, if `client_ca` is set: the common name of the subject, or the SHA-256 fingerprint. With `none`, clients need a password in addition.",
    ),
  },
  check({ values: { cert, key, passphrase, client_ca }, wrong, place }) {
    if (client_ca !== undefined) {
      const problem = certificatesProblem(client_ca);
      if (problem !== undefined) place.at("client_ca").problem(`the file ${problem}`);
    }
    if (cert === undefined || key === undefined || wrong.has("passphrase")) return;
    const problem = certificatesProblem(cert);
    if (problem !== undefined) place.at("cert").problem(`the file ${problem}`);
    else checkKey({ cert, key, passphrase }, place);
  },
  build: ({ cert, key, passphrase, client_ca, client_identity }) => ({
    certificate: cert,
    key,
    passphrase,
    clientCa: client_ca,
    certificates: client_ca === undefined ? undefined : IDENTITIES[client_identity],
  }),
});

/** Reports a key that cannot be read, or that belongs to another certificate. Node's messages do not show it. */
function checkKey(
  { cert, key, passphrase }: { cert: string; key: string; passphrase: string | undefined },
  place: Place,
): void {
  try {
    createSecureContext({ cert, key, ...(passphrase === undefined ? {} : { passphrase }) });
  } catch (error) {
    place.at("key").problem(keyProblem((error as Error).message, passphrase !== undefined));
  }
}

/** @param message OpenSSL's */
function keyProblem(message: string, hasPassphrase: boolean): string {
  if (message.includes("key values mismatch")) return "does not belong to cert; pass the key of this certificate";
  if (/bad decrypt|interrupted or cancelled|bad password/.test(message))
    return hasPassphrase ? "cannot be decrypted with passphrase" : "is encrypted; write its passphrase";
  return `is not a valid key, or cert is not valid: ${message}`;
}
