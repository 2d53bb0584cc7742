/** The fields of a connection to an MQTT server, and of TLS, and the rules between them. */

import { choice, secret, secretPath, text } from "./kind.js";
import type { Place } from "./place.js";
import { optional, preset, type Read, required } from "./table.js";
import { seconds } from "./units.js";

/** The files of a client for TLS. */
export const pemFields = {
  ca: optional(text(1, 4096), "The path of a PEM file with the certificates to trust. Default: those of the system."),
  cert: optional(text(1, 4096), "The path of a PEM file with the client's certificate."),
  key: optional(
    secretPath(),
    "The path of a PEM file with the client's key, or an environment variable with the path, as in secrets.",
  ),
  passphrase: optional(secret(), "The passphrase of `key`."),
};

/** How to log in to an MQTT server. */
export const connectionFields = {
  username: optional(text(1, 65_535), "The user name."),
  password: optional(secret(), "The password."),
  ...pemFields,
  version: preset(choice(5, 4, 3, "auto"), "auto", "The protocol version: 5 for MQTT 5.0, 4 for 3.1.1, 3 for 3.1."),
  keep_alive: preset(seconds("1s", "65535s", 0), "30s", "The keep-alive interval. 0: none."),
  session_expiry: preset(
    seconds("1s", "4294967294s", 0),
    "7d",
    "How long the server keeps the session. 0: it ends with the connection.",
  ),
};

/** What a server needs for TLS. */
export const serverPemFields = {
  cert: required(
    text(1, 4096),
    "The path of a PEM file with the server's certificate, and those between it and its authority.",
  ),
  key: required(
    secretPath(),
    "The path of a PEM file with the server's key, or an environment variable with the path, as in secrets.",
  ),
  passphrase: optional(secret(), "The passphrase of `key`."),
  ca: optional(
    text(1, 4096),
    "The path of a PEM file with authorities. Only clients with a certificate of one of them may connect. Default: clients need no certificate.",
  ),
};

/** Settings that need TLS. */
const PEM_FILES = ["ca", "cert", "key"] as const;

/** The fields that `checkConnection` compares. */
export type ConnectionFields = Partial<Read<typeof connectionFields>> & { readonly url?: string };

/** Reports what is wrong between the fields of a connection. */
export function checkConnection(values: ConnectionFields, place: Place): void {
  const { url = "", password, username, version } = values;
  const isPlain = url !== "" && !url.startsWith("mqtts:") && !url.startsWith("wss:");
  for (const name of PEM_FILES) {
    if (isPlain && values[name] !== undefined) place.at(name).problem("requires TLS; write url with mqtts: or wss:");
  }
  checkPem(values, place);
  if (password !== undefined && username === undefined && (version === 3 || version === 4)) {
    place.at("password").problem(`requires username in protocol version ${version}`);
  }
}

/** Reports what is wrong between the files of a client. */
export function checkPem({ cert, key, passphrase }: Partial<Read<typeof pemFields>>, place: Place): void {
  if (cert !== undefined && key === undefined) place.at("cert").problem("requires key, the certificate's private key");
  if (key !== undefined && cert === undefined) place.at("key").problem("requires cert, the certificate of this key");
  if (passphrase !== undefined && key === undefined) place.at("passphrase").problem("requires key");
}
