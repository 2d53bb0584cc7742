import { expect, test } from "vitest";
import { inOptionWords } from "../src/option-words.ts";

test.each([
  ["give the authority's certificate as tls.ca (X)", "give the authority's certificate as --cafile (X)"],
  ["the one given as tls.ca is not it (X)", "the one given as --cafile is not it (X)"],
  ["may not take the client's certificate (tls.certificate)", "may not take the client's certificate (--cert)"],
  [
    'tls.certificate holds no certificate, but "PRIVATE KEY"; tls.key holds no private key',
    '--cert holds no certificate, but "PRIVATE KEY"; --key holds no private key',
  ],
  ["wants one: see tls.certificate and tls.key", "wants one: see --cert and --key"],
  ["connect by its name, or say tls.serverName (X)", "connect by its name, or say --servername (X)"],
  ["does not know tls.psk.identity", "does not know --psk-identity"],
  ["tls.psk.key is not the server's", "--psk is not the server's"],
  ["a shared key (tls.psk), or ciphers", "a shared key (--psk), or ciphers"],
  ["none of the protocols of tls.alpn", "none of the protocols of --tls-alpn"],
  [
    "tls.key is encrypted: give its tls.passphrase (X)",
    "--key is encrypted: give its passphrase by --passphrase-file or MQTT_PASSPHRASE (X)",
  ],
  [
    "tls.passphrase does not open tls.key (X)",
    "the passphrase (--passphrase-file or MQTT_PASSPHRASE) does not open --key (X)",
  ],
  ["no version is taken by both sides: see tls.minimumVersion (X)", "no version is taken by both sides (X)"],
  ["tls.ca: holds no PEM certificate", "--cafile: holds no PEM certificate"],
])("%s: %s", (said, meant) => {
  expect(inOptionWords(said)).toBe(meant);
});

test.each([
  "--key tls.key: there is no such file",
  "cannot connect to mqtts://tls.ca:8883: no such host name",
  "certificate is for tls.ca.example, not for tls.key-server.example",
  'topicName "tls.ca": must have no wildcard',
])("what only looks like an option stays: %s", (message) => {
  expect(inOptionWords(message)).toBe(message);
});
