// The fields of a source of the kind "mqtt-sn", and the rules between them.
import { problemText } from "@aiko/mqtt-configuration";
import { expect, test } from "vitest";
import { readConfiguration } from "../../src/configuration/read-configuration.ts";
import { SN_DEFAULTS } from "../../src/sn/gateway/sn-settings.ts";
import { options, toml } from "./samples.ts";

function read(fields: string) {
  const text = toml({ source: `id = "in"; kind = "mqtt-sn"; ${fields}` });
  const { configuration, problems = [] } = readConfiguration(text, options);
  return { source: configuration?.sources[0], problems: problems.map(problemText) };
}

test.each([
  ["", { mode: "transparent", listen: { host: "127.0.0.1", port: 10_000 }, allow: [], hops: 1 }],
  ['listen = "[::1]:9"', { listen: { host: "::1", port: 9 } }],
  ['listen = ":9"; insecure = true', { allow: [] }],
  ['listen = ":9"; allow = ["10.0.0.0/8"]', { allow: ["10.0.0.0/8"] }],
  ['group = "239.1.2.3:10000"; hops = 4', { group: { host: "239.1.2.3", port: 10_000 }, hops: 4 }],
  ['username = "u"; password = "p"; client_id_prefix = "sn-"', { clientIdPrefix: "sn-" }],
  ['client_addresses = [{ client_id = "a*", allow = ["10.0.0.1"] }]', { clientAddresses: [{ clientId: "a*" }] }],
  ['mode = "aggregating"', { mode: "aggregating" }],
])("%j is read", (fields, expected) => {
  const { source, problems } = read(fields);
  expect(problems).toEqual([]);
  expect(source).toMatchObject({ id: "in", kind: "mqtt-sn", ...expected });
});

test("a line takes the place of datagrams", () => {
  expect(read("").source).toMatchObject({ line: undefined });
  expect(read('device = "/dev/ttyUSB0"; baud = 115200').source).toMatchObject({
    line: { kind: "serial", id: "in", device: "/dev/ttyUSB0", baud: 115_200, exclusive: true },
  });
  expect(read('connect = "router.lan:2000"').source).toMatchObject({
    line: { kind: "tcp", connect: { host: "router.lan", port: 2_000 } },
    machine: { advertise: 900_000 },
  });
});

test("two sources cannot listen at the same address, also not at the default", () => {
  const text = toml({ source: 'id = "in"; kind = "mqtt-sn"', more: '[[source]]; id = "b"; kind = "mqtt-sn"' });
  expect(readConfiguration(text, options).problems?.map(problemText)).toHaveLength(1);
});

test("the machine has defaults, and what is configured", () => {
  expect(read("").source).toMatchObject({ machine: { ...SN_DEFAULTS, gatewayId: 1, advertise: 0 } });
  const fields = 'predefined = { 1 = "a/b" }; predefined_for = [{ client_id = "m*", topics = { 2 = "c" } }]';
  const changed = `${fields}; group = "239.1.2.3:10000"; sleep_queue = { bytes = "1KiB" }; qos_minus_one_as = 1`;
  expect(read(changed).source).toMatchObject({
    machine: {
      advertise: 900_000,
      predefined: [[1, "a/b"]],
      predefinedFor: [{ clientId: "m*", topics: [[2, "c"]] }],
      queue: { records: 1_000, bytes: 1_024 },
      qosMinusOneAs: 1,
    },
  });
});

test.each([
  ['listen = "0.0.0.0:9"', "listen: is not loopback, and MQTT-SN has no passwords"],
  ['group = "10.0.0.1:9"', "group: must be a multicast group and a port"],
  ['group = "239.1.2.3:0"', "group: must be a multicast group and a port"],
  ['group = "[ff15::1]:9"', "group: must be of the same IP version as listen"],
  ['device = "/dev/a"; connect = "h:1"', "connect: cannot be combined with device"],
  ["baud = 9600", "baud: requires device"],
  ['connect = "h:0"', "connect: must have a host and a port other than 0"],
  ['device = "/dev/a"; listen = "127.0.0.1:1"', "listen: cannot be combined with device"],
  ['connect = "h:1"; group = "239.1.2.3:1"', "group: cannot be combined with connect"],
  ['predefined = { 0 = "a" }', 'predefined.0: "0" is not a topic identifier'],
  ['predefined = { 65535 = "a" }', 'predefined.65535: "65535" is not a topic identifier'],
  ['predefined = { a = "a" }', 'predefined.a: "a" is not a topic identifier'],
  ['predefined = { 1 = "a/#" }', 'predefined.1: "a/#" must not contain the wildcard'],
  [
    'predefined_for = [{ client_id = "a*", topics = { 1x = "a" } }]',
    'predefined_for[0].topics.1x: "1x" is not a topic identifier',
  ],
  ["gateway_id = 0", "gateway_id: must be an integer from 1 to 255"],
  ['mode = "aggregating"; username = "u"', 'username: requires mode = "transparent"'],
  ['mode = "aggregating"; client_id_prefix = "a"', 'client_id_prefix: requires mode = "transparent"'],
  ['decode = "raw"', "decode: is not possible for mqtt-sn"],
  ['topic = "t"', "topic: is not possible for mqtt-sn"],
  ["poll = []", "poll: is not possible for mqtt-sn"],
])("%j is refused", (fields, message) => {
  const { problems } = read(fields);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(message);
});
