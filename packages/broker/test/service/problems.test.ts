// Each rule of the configuration, broken once: the message says file, line, key, what is wrong, and what is allowed. And whether the JSON Schema
// finds it too: "weaker" if only the broker does.
import { problemText } from "@aiko/mqtt-configuration";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "smol-toml";
import { describe, expect, test } from "vitest";
import { readBrokerConfiguration } from "../../src/service/read-broker-configuration.ts";
import { brokerSchema } from "../../src/service/schema.ts";
import { options } from "./samples.ts";

const isValid = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(brokerSchema());

function problemsOf(text: string, file = "b.toml"): string[] {
  return (readBrokerConfiguration(text, { ...options, file }).problems ?? []).map(problemText);
}

/** Semicolons stand for ends of lines. */
const lines = (text: string): string => text.replaceAll("; ", "\n");

type Sample = readonly [text: string, message: string, weaker?: "weaker"];

const local = '[[listener]]; url = "mqtt://127.0.0.1:1883"; ';
const secure = '[[listener]]; url = "mqtts://127.0.0.1:8883"; ';
const bridge = '[[bridge]]; name = "b"; ';
const rule = '[[rule]]; topics = "a/#"; ';

const samples: Readonly<Record<string, readonly Sample[]>> = {
  sections: [
    ["[lisener]", 'b.toml:1: lisener: unknown key "lisener"; did you mean "listener"?'],
    [
      "[[entirely]]; a = 1",
      'b.toml:1: entirely: unknown key "entirely"; the keys of the configuration are $schema, listener, users, rule, persistence, broker, log, bridge, sys, metrics',
    ],
    ["[listener]; url = 1", "b.toml:1: listener: must be a list, not a table; write [[listener]]"],
    [
      "[rule]; topics = 1; [rule]; topics = 2",
      "b.toml:3: is not valid TOML: trying to redefine an already defined table or value; write [[rule]] for each of several",
      "weaker",
    ],
    ["listener = 1", "b.toml:1: listener: must be a list, not a number"],
    ["listener = []", "b.toml:1: listener: must have 1 to 100 elements; it has 0"],
    ["log = yes", "b.toml:1: is not valid TOML: invalid value; put text in quotes", "weaker"],
    [
      "[broker]; [broker]",
      "b.toml:2: is not valid TOML: trying to redefine an already defined table or value",
      "weaker",
    ],
  ],
  limits: [
    [
      "[broker]; max_conections = 1",
      'b.toml:2: broker.max_conections: unknown key "max_conections"; did you mean "max_connections"?',
    ],
    [
      "[broker]; max_connections = 0",
      "b.toml:2: broker.max_connections: must be an integer from 1 to 2147483648, not 0",
    ],
    [
      '[broker]; max_connections = "10"',
      'b.toml:2: broker.max_connections: must be an integer from 1 to 2147483648, not "10"',
    ],
    [
      "[broker]; max_memory = 1048576",
      "b.toml:2: broker.max_memory: must be a size from 1MiB to 1024GiB as a string with its unit (B, KiB, MiB or GiB), not 1048576",
    ],
    [
      '[broker]; max_memory = "1KiB"',
      'b.toml:2: broker.max_memory: must be a size from 1MiB to 1024GiB as a string with its unit (B, KiB, MiB or GiB), not "1KiB"',
      "weaker",
    ],
    [
      '[broker]; max_keep_alive = "1500ms"',
      'b.toml:2: broker.max_keep_alive: must be in whole seconds, not "1500ms"',
      "weaker",
    ],
    [
      '[broker]; connect_timeout = "10"',
      'b.toml:2: broker.connect_timeout: must be a duration from 1ms to 24d as a string with its unit (ms, s, m, h or d), not "10"',
    ],
    ["[broker]; max_share = 0", "b.toml:2: broker.max_share: must be above 0, up to 1, not 0"],
    ["[broker]; max_share = 1.5", "b.toml:2: broker.max_share: must be above 0, up to 1, not 1.5"],
    ["[broker]; max_qos = 3", "b.toml:2: broker.max_qos: must be 0, 1 or 2, not 3"],
    [
      "[broker.outbox]; max_count = 0",
      "b.toml:2: broker.outbox.max_count: must be an integer from 1 to 1000000000, not 0",
    ],
    [
      "[broker.per_address]; rate = 1",
      'b.toml:2: broker.per_address.rate: unknown key "rate"; did you mean "connect_rate"?',
    ],
    ["[broker]; retain_available = 1", "b.toml:2: broker.retain_available: must be true or false, not 1"],
  ],
  listeners: [
    ["[[listener]]", "b.toml:1: listener[0].url: is required and missing; its type is URL"],
    [
      '[[listener]]; url = "http://a"',
      "b.toml:2: listener[0].url: must be mqtt://host:port, mqtts://host:port, ws://host:port, wss://host:port or unix:/path, without user, path or query",
    ],
    [
      '[[listener]]; url = "mqtt://ann:pw@a"',
      "b.toml:2: listener[0].url: must be mqtt://host:port, mqtts://host:port, ws://host:port, wss://host:port or unix:/path, without user, path or query",
    ],
    [
      '[[listener]]; url = "mqtt://127.0.0.1:70000"',
      "b.toml:2: listener[0].url: must be mqtt://host:port, mqtts://host:port, ws://host:port, wss://host:port or unix:/path, without user, path or query",
      "weaker",
    ],
    [
      `${local}[[listener]]; url = "ws://127.0.0.1:1883"`,
      "b.toml:4: listener[1].url: port 1883 of this address is used in line 2 already; choose another port",
      "weaker",
    ],
    [
      `${local}[[listener]]; url = "mqtt://[::]:1883"; allow_anonymous = true`,
      "b.toml:4: listener[1].url: port 1883 of this address is used in line 2 already; choose another port",
      "weaker",
    ],
    [
      '[[listener]]; url = "unix:/a"; [[listener]]; url = "unix:/a"',
      "b.toml:4: listener[1].url: this path is used in line 2 already; choose another path",
      "weaker",
    ],
    [`${local}mode = "660"`, "b.toml:3: listener[0].mode: requires a url with unix:", "weaker"],
    [
      '[[listener]]; url = "unix:/a"; mode = "0999"',
      'b.toml:3: listener[0].mode: must be a string of three octal digits, such as "660", not "0999"',
    ],
    [
      '[[listener]]; url = "unix:/a"; mode = 660',
      'b.toml:3: listener[0].mode: must be a string of three octal digits, such as "660", not 660',
    ],
    [
      `${local}allowed_origins = ["https://a.example"]`,
      "b.toml:3: listener[0].allowed_origins: requires a url with ws: or wss:",
      "weaker",
    ],
    [
      '[[listener]]; url = "ws://127.0.0.1:1"; allowed_origins = ["a.example"]',
      'b.toml:3: listener[0].allowed_origins[0]: "a.example": is not an origin; write scheme, host and port',
      "weaker",
    ],
    [
      '[[listener]]; url = "ws://127.0.0.1:1"; allowed_origins = ["https://a.example/"]',
      'b.toml:3: listener[0].allowed_origins[0]: "https://a.example/": browsers send "https://a.example"; write that',
      "weaker",
    ],
    [
      `${local}max_connections = 0`,
      "b.toml:3: listener[0].max_connections: must be an integer from 1 to 2147483648, not 0",
    ],
    [`${local}name = ""`, 'b.toml:3: listener[0].name: must be a string of 1 to 64 characters, not ""'],
    [
      '[[listener]]; url = "mqtt://0.0.0.0:1883"',
      "b.toml:2: listener[0].url: no client could log in at this listener; write users.password_file, tls.client_ca or allow_anonymous = true",
      "weaker",
    ],
  ],
  certificates: [
    [
      secure,
      'b.toml:1: listener[0].tls: is required and missing; write tls = { cert = "FILE", key = "FILE" }',
      "weaker",
    ],
    [
      `${local}tls = { cert = "/cert.pem", key = "/key.pem" }`,
      "b.toml:3: listener[0].tls: requires TLS; write url with mqtts:",
      "weaker",
    ],
    [
      '[[listener]]; url = "unix:/a"; tls = { cert = "/cert.pem", key = "/key.pem" }',
      "b.toml:3: listener[0].tls: cannot be combined with unix:; remove it",
      "weaker",
    ],
    [
      `${secure}tls = { cert = "/cert.pem" }`,
      "b.toml:3: listener[0].tls.key: is required and missing; its type is path",
    ],
    [
      `${secure}tls = { cert = "/cert.pem", key = "/missing.pem" }`,
      'b.toml:3: listener[0].tls.key: the file "/missing.pem" cannot be read (ENOENT)',
      "weaker",
    ],
    [
      `${secure}tls = { cert = "/cert.pem", key = "\${MISSING}" }`,
      "b.toml:3: listener[0].tls.key: the environment variable MISSING is not set; set it",
      "weaker",
    ],
    [
      `${secure}tls = { cert = "/empty.pem", key = "/key.pem" }`,
      "b.toml:3: listener[0].tls.cert: the file does not contain a PEM certificate",
      "weaker",
    ],
    [
      `${secure}tls = { cert = "/cert.pem", key = "/other-key.pem" }`,
      "b.toml:3: listener[0].tls.key: does not belong to cert; pass the key of this certificate",
      "weaker",
    ],
    [
      `${secure}tls = { cert = "/cert.pem", key = "/encrypted.pem" }`,
      "b.toml:3: listener[0].tls.key: is encrypted; write its passphrase",
      "weaker",
    ],
    [
      `${secure}tls = { cert = "/cert.pem", key = "/encrypted.pem", passphrase = "wrong" }`,
      "b.toml:3: listener[0].tls.key: cannot be decrypted with passphrase",
      "weaker",
    ],
    [
      `${secure}tls = { cert = "/cert.pem", key = "/key.pem", client_ca = "/key.pem" }`,
      "b.toml:3: listener[0].tls.client_ca: the file does not contain a PEM certificate",
      "weaker",
    ],
    [
      `${secure}tls = { cert = "/cert.pem", key = "/key.pem", ca = "/ca.pem" }`,
      'b.toml:3: listener[0].tls.ca: unknown key "ca"; the keys of [listener.tls] are cert, key, passphrase, client_ca, client_identity',
    ],
  ],
  rules: [
    ["[[rule]]; allow = 'read'", "b.toml:1: rule[0].topics: is required and missing; its type is list of topic filter"],
    [rule, 'b.toml:1: rule[0]: requires allow or deny, such as allow = ["read", "subscribe"]', "weaker"],
    [
      `${rule}allow = "read"; deny = "write"`,
      "b.toml:4: rule[0].deny: cannot be combined with allow; write two rules",
      "weaker",
    ],
    [
      `${rule}allow = "raed"`,
      'b.toml:3: rule[0].allow: must be "read", "write" or "subscribe" (did you mean "read"?), not "raed"',
    ],
    [`${rule}allow = []`, "b.toml:3: rule[0].allow: must have 1 to 3 elements; it has 0"],
    [
      "[[rule]]; allow = 'read'; topics = ['a', 'a#']",
      'b.toml:3: rule[0].topics[1]: "a#": "#" must be the only character of its level [MQTT-4.7.1-2]',
      "weaker",
    ],
    [
      "[[rule]]; allow = 'read'; topics = '$share/g/a'",
      'b.toml:3: rule[0].topics: "$share/g/a": must not begin with $share; a rule is about the topic filter behind the share name',
      "weaker",
    ],
    [
      `${rule}allow = "read"; users = "ann"`,
      "b.toml:4: rule[0].users: requires users; write users.password_file or listener.tls.client_ca",
      "weaker",
    ],
    [`${rule}allow = "read"; user = "ann"`, 'b.toml:4: rule[0].user: unknown key "user"; did you mean "users"?'],
  ],
  "other sections": [
    [
      "[users]; password_file = '/missing'",
      'b.toml:2: users.password_file: the file "/missing" cannot be read (ENOENT)',
      "weaker",
    ],
    [
      '[[listener]]; url = "unix:/a"; name = "a"; [[listener]]; url = "unix:/b"; name = "a"',
      'b.toml:6: listener[1].name: "a" names another listener too; names must be unique',
      "weaker",
    ],
    ["[users]; allow_anonymous = 'yes'", 'b.toml:2: users.allow_anonymous: must be true or false, not "yes"'],
    [
      "[log]; level = 'warning'",
      'b.toml:2: log.level: must be "error", "warn", "info" or "debug" (did you mean "warn"?), not "warning"',
    ],
    ["[persistence]", "b.toml:1: persistence.dir: is required and missing; its type is text"],
    [
      "[sys]; interval = '10ms'",
      'b.toml:2: sys.interval: must be 0 or a duration from 1s to 1d as a string with its unit (ms, s, m, h or d), not "10ms"',
      "weaker",
    ],
    ["[metrics]", "b.toml:1: metrics.listen: is required and missing; its type is address"],
    [
      "[metrics]; listen = ':1'; path = 'x'",
      'b.toml:3: metrics.path: must be a path that begins with "/", such as "/metrics", not "x"',
    ],
    [
      `${local}[metrics]; listen = '127.0.0.1:1883'`,
      "b.toml:4: metrics.listen: port 1883 of this address is used in line 2 already; choose another port",
      "weaker",
    ],
  ],
  bridges: [
    [`${bridge}servers = []; [[bridge.topic]]`, "b.toml:3: bridge[0].servers: must have 1 to 10 elements; it has 0"],
    [
      `${bridge}servers = ["http://a"]; [[bridge.topic]]`,
      'b.toml:3: bridge[0].servers[0]: must be the URL of a server with mqtt:, mqtts:, ws:, wss: or unix:, such as mqtts://broker.example:8883, not "http://a"',
    ],
    [
      `${bridge}servers = ["mqtt://a"]`,
      "b.toml:1: bridge[0].topic: is required and missing; its type is list of table",
    ],
    [
      `${bridge}servers = ["mqtt://a"]; [[bridge.topic]]; filter = "a/#/b"`,
      'b.toml:5: bridge[0].topic[0].filter: "a/#/b": "#" must be the last character, not the 3rd [MQTT-4.7.1-2]',
      "weaker",
    ],
    [
      `${bridge}servers = ["mqtt://a"]; [[bridge.topic]]; local_prefix = "a/+/"`,
      'b.toml:5: bridge[0].topic[0].local_prefix: "a/+/#": must not contain the wildcard "+", at character 3 [MQTT-3.3.2-2]',
      "weaker",
    ],
    [
      `${bridge}servers = ["mqtt://a"]; alpn = ["mqtt"]; [[bridge.topic]]`,
      "b.toml:4: bridge[0].alpn: requires TLS; write servers with mqtts: or wss:",
      "weaker",
    ],
    [
      `${bridge}servers = ["mqtt://a"]; status_topic = "a/+"; [[bridge.topic]]`,
      'b.toml:4: bridge[0].status_topic: "a/+": must not contain the wildcard "+", at character 3 [MQTT-3.3.2-2]',
    ],
    [
      `${bridge}servers = ["mqtt://a"]; ca = "x"; [[bridge.topic]]`,
      "b.toml:4: bridge[0].ca: requires TLS; write url with mqtts: or wss:",
      "weaker",
    ],
    [
      `${bridge}servers = ["mqtt://a"]; [[bridge.topic]]; ${bridge}servers = ["mqtt://b"]; [[bridge.topic]]`,
      'b.toml:6: bridge[1].name: "b" names another bridge too; names must be unique',
      "weaker",
    ],
    [
      `[[bridge]]; name = "a b"; servers = ["mqtt://a"]; [[bridge.topic]]`,
      'b.toml:2: bridge[0].name: must be 1 to 64 letters, digits, dots, underscores and hyphens, not "a b"',
    ],
    [
      `[[listener]]; url = "mqtt://127.0.0.1:1"; name = "$bridge"`,
      'b.toml:3: listener[0].name: must not begin with "$", not "$bridge"',
      "weaker",
    ],
  ],
};

describe.each(Object.entries(samples))("%s", (_, list) => {
  test.each(list.map((each) => ({ text: each[0], message: each[1], weaker: each[2] })))("$text: $message", (sample) => {
    const { text, message, weaker } = sample;
    const toml = lines(text);
    expect(problemsOf(toml)).toEqual([message]);
    let value: unknown;
    try {
      value = parse(toml);
    } catch {
      return; // not valid TOML
    }
    expect(isValid(value)).toBe(weaker !== undefined);
  });
});

test("all problems are listed at once, in the order of the lines", () => {
  const text = lines(
    '[broker]; max_sesions = 1; [[listener]]; url = 5; [[rule]]; allow = "read"; topics = ""; [log]; format = "xml"',
  );
  expect(problemsOf(text).map((each) => each.split(": ", 2).join(": "))).toEqual([
    "b.toml:2: broker.max_sesions",
    "b.toml:4: listener[0].url",
    "b.toml:7: rule[0].topics",
    "b.toml:9: log.format",
  ]);
});

test("each line of a password file that is not valid is listed, without its contents", () => {
  const problems = problemsOf('[users]\npassword_file = "/wrong-passwords"');
  expect(problems).toEqual([
    expect.stringContaining('b.toml:2: users.password_file: /wrong-passwords:1: the password of "ann"'),
    expect.stringContaining("b.toml:2: users.password_file: /wrong-passwords:2: "),
  ]);
  expect(problems.join()).not.toContain("s3cret");
});

test("no message shows a passphrase, a password in a URL, or a key", () => {
  const text = lines(
    `${secure}tls = { cert = "/cert.pem", key = "/other-key.pem", passphrase = "s3cret" }; [[listener]]; url = "mqtt://ann:s3cret@host"; [[listener]]; url = "wss://127.0.0.1:1"; tls = { cert = "/damaged.pem", key = "/key.pem", passphrase = 5 }`,
  );
  const problems = problemsOf(text).join("\n");
  expect(problems.split("\n").length).toBeGreaterThan(2);
  expect(problems).not.toMatch(/s3cret|PRIVATE|MII/);
});
