// What a valid configuration becomes.

import { expect, test } from "vitest";
import { parseBrokerOptions } from "../../src/options/broker-options.ts";
import type { BrokerConfiguration } from "../../src/service/broker-configuration.ts";
import { readBrokerConfiguration } from "../../src/service/read-broker-configuration.ts";
import { eachKey, example, files, options } from "./samples.ts";

function read(text: string, file = "b.toml"): BrokerConfiguration {
  const { configuration, problems } = readBrokerConfiguration(text, { ...options, file });
  expect(problems).toBeUndefined();
  return configuration as BrokerConfiguration;
}

test("an empty file is a broker for this machine, with the defaults of Broker.listen", () => {
  const { listeners, rules, persistence, users, log, limits, options: fixed } = read("");
  expect(listeners).toEqual([
    {
      url: "mqtt://127.0.0.1:1883",
      name: undefined,
      tls: undefined,
      certificates: undefined,
      mode: undefined,
      allowedOrigins: [],
      maximumConnections: undefined,
      allowAnonymous: true,
    },
  ]);
  expect({ rules, persistence, users, log }).toEqual({
    rules: [],
    persistence: undefined,
    users: { passwordFile: undefined, stored: undefined },
    log: { level: "info", format: "text" },
  });
  const usual = parseBrokerOptions({ listeners: [] });
  const written = parseBrokerOptions({ listeners: [], ...limits, ...fixed });
  expect(written).toEqual(usual);
});

test("each key is read", () => {
  const { listeners, rules, ...rest } = read(eachKey);
  expect(listeners).toEqual([
    {
      url: "wss://127.0.0.1:8084",
      name: "web",
      tls: {
        certificate: files["/cert.pem"],
        key: files["/key.pem"],
        passphrase: undefined,
        clientCa: files["/ca.pem"],
      },
      certificates: "fingerprint",
      mode: undefined,
      allowedOrigins: ["https://app.example"],
      maximumConnections: 5,
      allowAnonymous: false,
    },
    {
      url: "unix:/run/broker.sock",
      name: undefined,
      tls: undefined,
      certificates: undefined,
      mode: 0o660,
      allowedOrigins: [],
      maximumConnections: undefined,
      allowAnonymous: true,
    },
  ]);
  expect(rules).toEqual([
    {
      origin: "b.toml:14",
      users: ["ann", "ben"],
      clients: ["kitchen"],
      effect: "allow",
      actions: new Set(["read", "subscribe"]),
      topics: ["home/%u/#", "home/%c/+"],
    },
    {
      origin: "b.toml:20",
      users: undefined,
      clients: undefined,
      effect: "deny",
      actions: new Set(["write"]),
      topics: ["home/locked"],
    },
  ]);
  expect(rest).toEqual({
    limits: {
      maximumConnections: 1,
      maximumSessions: 2,
      maximumSubscriptions: 3,
      maximumMemory: 2_097_152,
      maximumKeepAlive: 300,
      maximumSessionExpiry: 3600,
      perAddress: { maximumConnections: 10, maximumHandshakes: 11, connectRate: 12, loopback: true },
    },
    options: {
      maximumPacketSize: 1024,
      maximumTopicLevels: 6,
      outbox: { maximumCount: 13, maximumBytes: 14 },
      outboxInMemory: { maximumCount: 14, maximumBytes: 15 },
      retained: { maximumCount: 0, maximumBytes: 0 },
      maximumShare: 0.25,
      receiveMaximum: 7,
      topicAliasMaximum: 8,
      connectTimeout: 9000,
      maximumQoS: 1,
      retainAvailable: false,
      wildcardSubscriptionAvailable: false,
      subscriptionIdentifiersAvailable: false,
      sharedSubscriptionAvailable: false,
      subprotocolOptional: true,
      longClientIdentifiers: true,
    },
    users: { passwordFile: "/passwords", stored: new Map() },
    persistence: { dir: "/var/lib/aiko", maximumBytes: 2_147_483_648 },
    log: { level: "debug", format: "json" },
    bridges: [
      {
        settings: {
          name: "office",
          servers: ["mqtts://office.example:8883", "mqtts://backup.example"],
          client: {
            clientId: "house",
            protocolVersion: 4,
            keepAlive: 20,
            username: "house",
            password: "secret",
            reconnect: { maximumDelay: 5_000 },
          },
          topics: [
            { filter: "a/#", direction: "both", qos: 2, localPrefix: "l/", remotePrefix: "r/" },
            { filter: "", direction: "in", qos: 1, localPrefix: "here", remotePrefix: "there" },
          ],
          inflight: 7,
          sessionExpiry: 3_600,
        },
        pem: { ca: "/ca.pem", cert: "/cert.pem", key: "/key.pem", passphrase: "phrase" },
      },
    ],
    sys: { interval: 60_000 },
    metrics: { listen: { host: "127.0.0.1", port: 9100 }, path: "/all" },
  });
});

test("every option that is a number, and every capability, has a key", () => {
  // Without what the service implements itself, or does not offer.
  const others = new Set(["hookTimeout", "maximumChallenges", "reauthenticationTimeout", "places"]);
  const { limits, options: fixed } = read("");
  const settings = Object.entries(parseBrokerOptions({ listeners: [] }))
    .filter(([, value]) => ["number", "boolean"].includes(typeof value))
    .map(([name]) => name)
    .filter((name) => !others.has(name));
  expect(Object.keys({ ...limits, ...fixed })).toEqual(expect.arrayContaining(settings));
});

test("the example is valid", () => {
  const { listeners, rules } = read(example);
  expect(listeners.map(({ name, allowAnonymous }) => [name, allowAnonymous])).toEqual([
    ["local", true],
    ["devices", false],
    ["dashboard", true],
  ]);
  expect(rules).toHaveLength(3);
});

test.each([
  ["mqtt://127.0.0.1:1", "", true],
  ["mqtt://[::1]:1", "", true],
  ["mqtt://localhost:1", "", true],
  ["unix:/a", "", true],
  ["mqtt://0.0.0.0:1", "allow_anonymous = true", true],
  ["mqtt://127.0.0.1:1", "allow_anonymous = false", false],
])("clients without a user at %s, with %j in [users]: %s", (url, users, allowAnonymous) => {
  const more = allowAnonymous ? "" : '\n[[listener]]\nurl = "unix:/b"\nallow_anonymous = true';
  const text = `[[listener]]\nurl = "${url}"\n${more}\n[users]\n${users}`;
  const { configuration, problems } = readBrokerConfiguration(text, options);
  if (allowAnonymous) expect(configuration?.listeners[0]?.allowAnonymous).toBe(true);
  else expect(problems?.[0]?.message).toContain("no client could log in");
});

test("an encrypted key is read with its passphrase", () => {
  const tls = `{ cert = "/cert.pem", key = "/encrypted.pem", passphrase = "\${PASSPHRASE}", client_ca = "/ca.pem" }`;
  const { listeners } = read(`[[listener]]\nurl = "mqtts://0.0.0.0:8883"\ntls = ${tls}`);
  expect(listeners[0]?.tls).toMatchObject({ key: files["/encrypted.pem"], passphrase: "s3cret-passphrase" });
});

test("a JSON file has the same keys", () => {
  const text = JSON.stringify({
    $schema: "broker.schema.json",
    listener: [{ url: "unix:/a" }],
    log: { level: "warn" },
  });
  expect(read(text, "b.json")).toMatchObject({ listeners: [{ url: "unix:/a" }], log: { level: "warn" } });
});

test("a rule for anonymous clients needs no users", () => {
  const { rules } = read('[[rule]]\nusers = ""\nallow = "read"\ntopics = "a"');
  expect(rules).toMatchObject([{ users: [""], effect: "allow", topics: ["a"] }]);
});
