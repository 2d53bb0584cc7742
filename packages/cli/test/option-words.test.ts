import { TransportError, UsageError } from "@aiko/mqtt";
import { expect, test } from "vitest";
import { inOptionWords } from "../src/option-words.ts";

test.each([
  ["tls.ca", "give the authority's certificate as tls.ca (X)", "give the authority's certificate as --cafile (X)"],
  [
    "tls.certificate",
    "requires one: see tls.certificate (X); before it: mqtts://two",
    "requires one: see --cert (X); before it: mqtts://two",
  ],
  [
    "tls.key",
    "tls.key does not belong to the client's certificate",
    "--key does not belong to the client's certificate",
  ],
  ["tls.serverName", "connect by its name, or set tls.serverName (X)", "connect by its name, or set --servername (X)"],
  ["tls.psk.identity", "does not know tls.psk.identity", "does not know --psk-identity"],
  ["tls.psk.key", "tls.psk.key is not the key that the server expects", "--psk is not the key that the server expects"],
  [
    "tls.passphrase",
    "give its passphrase as tls.passphrase (X)",
    "give its passphrase as --passphrase-file or MQTT_PASSPHRASE (X)",
  ],
  [
    "tls.ca",
    "TLS connection to mqtts://tls.ca:8883: give it as tls.ca",
    "TLS connection to mqtts://tls.ca:8883: give it as --cafile",
  ],
])("an error about %s names the flag: %s", (option, said, meant) => {
  expect(inOptionWords(new TransportError("TLS_FAILED", said, { option }))).toBe(meant);
});

test.each([
  new TransportError("TLS_FAILED", "--key tls.key: file not found"),
  new TransportError(
    "CONNECTION_FAILED",
    "cannot connect to mqtts://tls.ca:8883: host name not found; check the spelling and the DNS",
  ),
  new UsageError("TOPIC_NAME_INVALID", 'topicName "tls.ca": must have no wildcard', { topic: "tls.ca" }),
  new UsageError("OPTION_INVALID", "keepAlive 5: must be", { option: "keepAlive" }),
  new TransportError("TLS_FAILED", "see tls.minimumVersion", { option: "tls.minimumVersion" }),
])("an error that is not about a command-line option is unchanged: $message", (error) => {
  expect(inOptionWords(error)).toBe(error.message);
});
