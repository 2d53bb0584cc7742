// What the fields of the kinds of sources become, and the rules between them.

import { problemText } from "@aiko/mqtt-configuration";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "smol-toml";
import { expect, test } from "vitest";
import type { SourceSettings } from "../../src/configuration/configuration.ts";
import { overlaps } from "../../src/configuration/loops.ts";
import { readConfiguration } from "../../src/configuration/read-configuration.ts";
import { jsonSchema } from "../../src/configuration/schema.ts";
import { options, toml } from "./samples.ts";

const isValid = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(jsonSchema());

function read(source: string): SourceSettings {
  const text = toml({ source: `id = "in"; topic = "t"; ${source}` });
  const { configuration, problems = [] } = readConfiguration(text, options);
  expect(problems.map(problemText)).toEqual([]);
  expect(isValid(parse(text))).toBe(true);
  return configuration?.sources[0] as SourceSettings;
}

const SERIAL = 'kind = "serial"; device = "/dev/ttyUSB0"';
const SERVER = 'kind = "tcp-server"; listen = ":2000"';
const MQTT = 'kind = "mqtt"; url = "mqtt://other"; subscribe = [{ filter = "a/#" }]';

test.each([
  [
    SERIAL,
    {
      ...{ device: "/dev/ttyUSB0", baud: 9600, data: 8, parity: "none", stop: 1, flow: "none", driver: "auto" },
      ...{ exclusive: true, openDelay: 0, atOpen: "keep", first: "drop", frame: { kind: "line" }, greeting: undefined },
    },
  ],
  [`${SERIAL}; acknowledge = "ok"`, { atOpen: "flush" }],
  [`${SERIAL}; acknowledge = "ok"; at_open = "keep"`, { atOpen: "keep" }],
  [
    'kind = "serial"; device = "/dev/serial/by-id/*FTDI*"; driver = "serialport"; dtr = false; rts = true; baud = 74880',
    { device: "/dev/serial/by-id/*FTDI*", dtr: false, rts: true, baud: 74_880 },
  ],
  [`${SERIAL}; line_control = { greeting = "start" }`, { greeting: "start" }],
  ['kind = "tcp"; connect = "router.lan:2000"', { connect: { host: "router.lan", port: 2000 }, keepAlive: 30_000 }],
  ['kind = "tcp"; connect = "[::1]:2000"; first = "keep"', { first: "keep", tls: undefined }],
  ['kind = "tcp"; connect = "h:1"; tls = true', { tls: { ca: undefined, cert: undefined } }],
  ['kind = "tcp"; connect = "h:1"; tls = false', { tls: undefined }],
  ['kind = "tcp"; connect = "h:1"; tls = { ca = "/ca.pem" }', { tls: { ca: "/ca.pem" } }],
  [`${SERIAL}; rs485 = true`, { rs485: true }],
  [SERVER, { tls: undefined }],
  [
    `${SERVER}; tls = { cert = "/c.pem", key = "\${TOKEN}", ca = "/ca.pem" }`,
    { tls: { cert: "/c.pem", key: "t0ken", ca: "/ca.pem", passphrase: undefined } },
  ],
  ['kind = "unix"; path = "/run/a"', { path: "/run/a", mode: 0o660, listen: true, maxConnections: 64, idle: 300_000 }],
  ['kind = "unix"; path = "/run/a"; mode = "600"; idle = 0', { mode: 0o600, idle: 0 }],
  ['kind = "unix"; path = "/run/a"; listen = false', { listen: false }],
  ['kind = "udp"; listen = ":9"', { frame: { kind: "datagram" }, maxFrame: 65_536, maxSenders: 1024, allow: [] }],
  ['kind = "udp"; listen = ":9"; multicast = "239.1.2.3"', { multicast: "239.1.2.3" }],
  ['kind = "udp"; listen = "[::1]:9"; multicast = "ff15::1"', { multicast: "ff15::1" }],
  [
    'kind = "exec"; run = ["a", "b c"]',
    { run: ["a", "b c"], env: {}, every: undefined, timeout: Infinity, restart: { min: 1_000, max: 60_000 } },
  ],
  [
    `kind = "exec"; run = ["a"]; every = "5s"; env = { KEY = "\${TOKEN}" }`,
    { every: 5_000, env: { KEY: "t0ken" }, timeout: 60_000 },
  ],
  ['kind = "exec"; run = ["a"]; every = "5m"', { every: 300_000, timeout: 300_000 }],
  ['kind = "exec"; run = ["a"]; every = "5m"; timeout = "2s"', { timeout: 2_000 }],
  ['kind = "exec"; run = ["a"]; every = "5m"; timeout = 0', { timeout: Infinity }],
  ['kind = "exec"; run = ["a"]; restart = { max = "2s" }', { restart: { min: 1_000, max: 2_000 } }],
  [
    MQTT,
    {
      clientId: "attic-in",
      subscribe: [{ filter: "a/#", qos: 1 }],
      keepAlive: 30_000,
      frame: { kind: "datagram" },
      version: "auto",
    },
  ],
  [`${MQTT}; payload = "{topic[127]} {topic}"`, {}],
])("%s is read", (source, expected) => {
  expect(read(source)).toMatchObject(expected);
});

test.each([
  ['kind = "serial"', "device: is required and missing; its type is device"],
  ['kind = "serial"; device = "/dev/*/by-id/a"', "device: must be a path, such as"],
  [`${SERIAL}; dtr = true`, 'dtr: requires driver = "serialport"'],
  [`${SERIAL}; driver = "tty"; rts = true`, 'rts: requires driver = "serialport"'],
  [`${SERIAL}; tls = true`, 'tls: unknown key "tls"; the keys of [[source]], kind = "serial" are'],
  [`${SERIAL}; rs485 = "yes"`, "rs485: must be true or false"],
  [`${SERIAL}; rs485 = true; flow = "rtscts"`, 'flow: must not be "rtscts" with rs485 = true'],
  [`${SERVER}; tls = true`, "tls: must be a table"],
  [`${SERVER}; tls = { cert = "/c.pem" }`, "tls.key: is required and missing"],
  [`${SERVER}; tls = { key = "/k.pem" }`, "tls.cert: is required and missing"],
  [`${SERVER}; rs485 = true`, 'rs485: unknown key "rs485"'],
  ['kind = "tcp"; connect = ":2000"', "connect: must have a host and a port other than 0"],
  ['kind = "tcp"; connect = "h:0"', "connect: must have a host and a port other than 0"],
  ['kind = "tcp"; connect = "h:1"; tls = { cert = "/c" }', "cert: requires key"],
  ['kind = "unix"; path = "/a"; mode = "0999"', "mode: must be permissions in octal digits"],
  ['kind = "unix"; path = "/a"; listen = false; mode = "0600"', "mode: requires listen = true"],
  ['kind = "udp"; listen = ":9"; multicast = "10.0.0.1"', "multicast: must be the address of a multicast group"],
  ['kind = "udp"; listen = "10.0.0.1:9"; multicast = "ff15::1"', "multicast: must be of the same IP version as listen"],
  ['kind = "udp"; listen = ":9"; line_control = {}', "line_control: is not possible for udp"],
  ['kind = "stdin"; line_control = {}', "line_control: is not possible for stdin"],
  ['kind = "exec"; run = "ls -l"', "run: must be a list, not a string"],
  ['kind = "exec"; run = []', "run: must have 1 to 256 elements"],
  ['kind = "exec"; run = ["a"]; every = "sty"', "every: must be a duration from 100ms to 7d"],
  ['kind = "exec"; run = ["a"]; every = "5s"; restart = {}', 'restart: requires every = "stay"'],
  ['kind = "exec"; run = ["a"]; timeout = "5s"', "timeout: requires a duration in every"],
  ['kind = "exec"; run = ["a"]; restart = { min = "2m" }', "restart.min: must not be longer than max"],
  [MQTT.replace("a/#", "a#"), 'subscribe[0].filter: "a#"'],
  [`${MQTT}; acknowledge = "ok"`, "acknowledge: is not possible for mqtt"],
  [`${MQTT}; ca = "/ca.pem"`, "ca: requires TLS; write url with mqtts:"],
  [`${MQTT}; client_id = "{node}"`, 'client_id: "{node}" is not defined'],
  [`${MQTT}; payload = "{topic[128]}"`, 'payload: "{topic[128]}" is a level of an MQTT topic'],
  [
    `${MQTT}; decode = { format = "csv", fields = ["topic"] }`,
    "decode: a field cannot have the name of the placeholder",
  ],
  [
    MQTT.replace("mqtt://other", "mqtts://broker.example:8883").replace("a/#", "+"),
    'filter: "+" matches what this source',
  ],
])("%s is refused", (source, message) => {
  const text = toml({ source: `id = "in"; topic = "t"; ${source}` });
  const problems = (readConfiguration(text, options).problems ?? []).map(problemText);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(message);
});

test("what two sources cannot share is refused", () => {
  const text = toml({
    source: 'id = "a"; kind = "serial"; device = "/dev/a"; topic = "t"',
    more: `[[source]]; id = "b"; kind = "serial"; device = "/dev/a"; topic = "t"
[[source]]; id = "c"; kind = "unix"; path = "/run/c"; topic = "t"
[[source]]; id = "d"; kind = "unix"; path = "/run/c"; topic = "t"
[[source]]; id = "e"; kind = "udp"; listen = ":9"; topic = "t"
[[source]]; id = "f"; kind = "tcp-server"; listen = ":9"; topic = "t"
[[source]]; id = "g"; kind = "udp"; listen = ":9"; topic = "t"`,
  });
  expect((readConfiguration(text, options).problems ?? []).map(problemText)).toEqual([
    "g.toml:15: source[1].device: the source in line 7 uses this device already",
    "g.toml:25: source[3].path: the source in line 17 listens at this path too; choose another",
    "g.toml:40: source[6].listen: port 9 of this address is used in line 30 already; choose another port",
  ]);
});

test.each([
  ["out/{topic}", "out/#", true],
  ["out/{topic}", "in/#", false],
  ["{topic[1]}/x", "+/y", false],
  ["{topic[1]}/x", "in/x", true],
  ["in/{topic[1]}/x", "in/+", false],
  ["{topic}/x", "in/y", true],
  ["in/a", "$share/group/in/+", true],
])("a bridge that publishes to %s and subscribes to %s feeds itself: %s", (topic, filter, isLoop) => {
  const source = `id = "in"; kind = "mqtt"; url = "mqtts://BROKER.example:8883/"; topic = "${topic}"; subscribe = [{ filter = "${filter}" }]`;
  const { problems = [] } = readConfiguration(toml({ source }), options);
  expect(problems.length).toBe(isLoop ? 1 : 0);
  const elsewhere = readConfiguration(toml({ source: source.replace(":8883", ":8884") }), options);
  expect(elsewhere.problems).toBeUndefined();
});

test.each([
  ["a/b", "a/b", true],
  ["a/b", "a", false],
  ["a/#", "a", true],
  ["+/b", "a/+", true],
  ["+/b/c", "a/+", false],
  ["#", "a/b/c", true],
])("the filters %s and %s have a topic in common: %s", (one, other, expected) => {
  expect(overlaps(one, other)).toBe(expected);
  expect(overlaps(other, one)).toBe(expected);
});
