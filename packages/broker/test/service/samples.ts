// What the tests of the broker's configuration share: an example with each key, and files that exist only here.
import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { Authority } from "../../../../test/fixtures/certificates.ts";

export const authority = await Authority.named("Devices");
const first = await authority.issue(["127.0.0.1"]);
const second = await authority.issue(["127.0.0.1", "second.example"]);

function encrypted(key: string): string {
  const options = { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "s3cret-passphrase" } as const;
  return createPrivateKey(key).export(options).toString();
}

/** The contents of files. */
export const files: Record<string, string> = {
  "/cert.pem": first.certificate,
  "/key.pem": first.key,
  "/other-cert.pem": second.certificate,
  "/other-key.pem": second.key,
  "/ca.pem": authority.certificate,
  "/etc/aiko/server.pem": first.certificate,
  "/etc/aiko/server.key": first.key,
  "/etc/aiko/devices.pem": authority.certificate,
  "/encrypted.pem": encrypted(first.key),
  "/damaged.pem": authority.certificate.replace("-----\n", "-----\nsecret"),
  "/empty.pem": "",
  "/passwords": "# users\n",
  "/wrong-passwords": "ann:plain s3cret\nben\n",
};

export const options = {
  file: "b.toml",
  environment: { KEY_PATH: "/key.pem", PASSPHRASE: "s3cret-passphrase", BRIDGE_PASSWORD: "s3cret-bridge" },
  readFile(path: string): string {
    if (Object.hasOwn(files, path)) return files[path] ?? "";
    throw Object.assign(new Error("no such file"), { code: "ENOENT" });
  },
};

export const example = readFileSync("examples/broker/broker.toml", "utf8");

/** Each key, with a value that is not its default. */
export const eachKey = `
[[listener]]
url = "wss://127.0.0.1:8084"
name = "web"
tls = { cert = "/cert.pem", key = "\${KEY_PATH}", client_ca = "/ca.pem", client_identity = "fingerprint" }
allowed_origins = ["https://app.example"]
max_connections = 5
allow_anonymous = false

[[listener]]
url = "unix:/run/broker.sock"
mode = "660"

[[rule]]
users = ["ann", "ben"]
clients = "kitchen"
allow = ["read", "subscribe"]
topics = ["home/%u/#", "home/%c/+"]

[[rule]]
deny = "write"
topics = "home/locked"

[users]
password_file = "/passwords"
allow_anonymous = true

[persistence]
dir = "/var/lib/aiko"
max_bytes = "2GiB"

[broker]
max_connections = 1
max_sessions = 2
max_subscriptions = 3
max_memory = "2MiB"
max_keep_alive = "5m"
max_session_expiry = "1h"
max_packet_size = "1KiB"
max_topic_levels = 6
max_share = 0.25
receive_maximum = 7
topic_alias_maximum = 8
connect_timeout = "9s"
max_qos = 1
retain_available = false
wildcard_subscription_available = false
subscription_identifiers_available = false
shared_subscription_available = false
subprotocol_optional = true
long_client_identifiers = true

[broker.per_address]
max_connections = 10
max_handshakes = 11
connect_rate = 12
loopback = true

[broker.outbox]
max_count = 13
max_bytes = "14B"

[broker.outbox_in_memory]
max_count = 14
max_bytes = "15B"

[broker.retained]
max_count = 0
max_bytes = "0B"

[log]
level = "debug"
format = "json"

[[bridge]]
name = "office"
servers = ["mqtts://office.example:8883", "mqtts://backup.example"]
client_id = "house"
username = "house"
password = "secret"
ca = "/ca.pem"
cert = "/cert.pem"
key = "/key.pem"
passphrase = "phrase"
version = 4
keep_alive = "20s"
session_expiry = "1h"
inflight = 7
reconnect_max = "5s"

[[bridge.topic]]
filter = "a/#"
direction = "both"
qos = 2
local_prefix = "l/"
remote_prefix = "r/"

[[bridge.topic]]
filter = ""
direction = "in"
local_prefix = "here"
remote_prefix = "there"

[sys]
interval = "1m"

[metrics]
listen = "127.0.0.1:9100"
path = "/all"
`;
