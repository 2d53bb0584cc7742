// What the bridges of a mosquitto.conf become, and what is reported about them.
import { problemText } from "@aiko/mqtt-configuration";
import { expect, test } from "vitest";
import type { BridgeConfiguration } from "../../../src/service/broker-configuration.ts";
import { readMosquittoConfiguration } from "../../../src/service/mosquitto/read-mosquitto-configuration.ts";
import { options } from "../samples.ts";

function reading(text: string) {
  return readMosquittoConfiguration(text, { ...options, file: "m.conf", readDirectory: () => [] });
}

function bridgesOf(text: string): readonly BridgeConfiguration[] {
  const { configuration, problems = [] } = reading(text);
  expect(problems.map(problemText)).toEqual([]);
  return configuration?.bridges ?? [];
}

const problemsOf = (text: string): string[] => (reading(text).problems ?? []).map(problemText);

/** A bridge with what it requires. */
const bridge = "connection b\naddress far.example\ntopic # out\n";
const settingsOf = (text: string) => bridgesOf(bridge + text)[0]?.settings;

test("a bridge without options has mosquitto's defaults", () => {
  expect(bridgesOf("connection b\naddress far.example\ntopic a/#")).toEqual([
    {
      settings: {
        name: "b",
        servers: ["mqtt://far.example:1883"],
        client: { protocolVersion: "auto", keepAlive: 60, reconnect: { maximumDelay: 30_000 } },
        topics: [{ filter: "a/#", direction: "out", qos: 0, localPrefix: "", remotePrefix: "" }],
        inflight: 100,
        sessionExpiry: 4_294_967_294,
        outgoingRetain: true,
        statusTopic: "$SYS/broker/connection/b/state",
        remoteStatusTopic: undefined,
      },
      pem: { ca: undefined, cert: undefined, key: undefined, passphrase: undefined },
      alpn: undefined,
    },
  ]);
});

test("each supported option has its key", () => {
  const [first, second, ...others] = bridgesOf(`
connection site
addresses main.example:8883 192.0.2.7 ::1:8884 [2001:db8::1]:8885
topic "" both 2 here there
topic +/t IN 1 local/ ""
remote_username ann
remote_password secret
remote_clientid house
cleansession true
notification_topic bridges/site
bridge_protocol_version mqttv50
bridge_outgoing_retain false
bridge_bind_address 192.0.2.1
keepalive_interval 20
restart_timeout 5 90
bridge_cafile /ca.pem
bridge_certfile /cert.pem
bridge_keyfile /key.pem
bridge_alpn mqtt
connection other
address far.example
topic #
username ben
password other
clientid shed
`);
  expect(first).toEqual({
    settings: {
      name: "site",
      servers: [
        "mqtts://main.example:8883",
        "mqtts://192.0.2.7:1883",
        "mqtts://[::1]:8884",
        "mqtts://[2001:db8::1]:8885",
      ],
      client: {
        clientId: "house",
        protocolVersion: 5,
        keepAlive: 20,
        username: "ann",
        password: "secret",
        localAddress: "192.0.2.1",
        reconnect: { maximumDelay: 90_000 },
      },
      topics: [
        { filter: "", direction: "both", qos: 2, localPrefix: "here", remotePrefix: "there" },
        { filter: "+/t", direction: "in", qos: 1, localPrefix: "local/", remotePrefix: "" },
      ],
      inflight: 100,
      sessionExpiry: 0,
      outgoingRetain: false,
      statusTopic: "bridges/site",
      remoteStatusTopic: "bridges/site",
    },
    pem: { ca: "/ca.pem", cert: "/cert.pem", key: "/key.pem", passphrase: undefined },
    alpn: ["mqtt"],
  });
  expect(second?.settings).toMatchObject({
    name: "other",
    client: { username: "ben", password: "other", clientId: "shed" },
    statusTopic: "$SYS/broker/connection/shed/state",
  });
  expect(others).toEqual([]);
});

test.each([
  ["notifications false", undefined, undefined],
  ["notification_topic s\nnotifications false", undefined, undefined],
  ["notification_topic s\nnotifications_local_only true", "s", undefined],
  ["remote_clientid c", "$SYS/broker/connection/c/state", undefined],
])("%j reports the state at %j, and at the server at %j", (text, statusTopic, remoteStatusTopic) => {
  expect(settingsOf(text)).toMatchObject({ statusTopic, remoteStatusTopic });
});

test("options that change nothing here are accepted", () => {
  const plain = `
try_private true
local_clientid a
local_username a
local_password a
local_cleansession true
round_robin false
start_type automatic
idle_timeout 5
threshold 3
bridge_max_packet_size 0
bridge_attempt_unsubscribe false
bridge_insecure false
bridge_tls_version tlsv1.2
`;
  expect(settingsOf(plain)).toEqual(settingsOf(""));
});

test("an included file begins outside of the bridges of the main file", () => {
  const read = readMosquittoConfiguration(`${bridge}include_dir /d`, {
    ...options,
    file: "m.conf",
    readDirectory: () => ["a.conf"],
    readFile: () => "remote_username ann\n",
  });
  expect((read.problems ?? []).map(problemText)).toEqual([
    "/d/a.conf:1: remote_username: must follow the line connection NAME",
  ]);
});

test.each([
  ["address a", "m.conf:1: address: must follow the line connection NAME"],
  ["remote_password s3cret", "m.conf:1: remote_password: must follow the line connection NAME"],
  ["notifications true", "m.conf:1: notifications: must follow the line connection NAME"],
  ["keepalive_interval 9", "m.conf:1: keepalive_interval: must follow the line connection NAME"],
  ["\nconnection b\ntopic #", "m.conf:2: address: is required and missing; its type is list of URL"],
  ["connection b\naddress a", "m.conf:1: topic: is required and missing; its type is list of table"],
  [
    `connection a b\naddress a\ntopic #`,
    'm.conf:1: connection: must be 1 to 64 letters, digits, dots, underscores and hyphens, not "a b"',
  ],
  [`${bridge}${bridge}`, 'm.conf:4: connection: "b" names another bridge too; names must be unique'],
  [`${bridge}address b`, "m.conf:4: address: is written twice for this connection; write one line"],
  [
    `${bridge}topic a sideways`,
    'm.conf:4: topic: must be PATTERN [out|in|both [QOS [LOCAL-PREFIX [REMOTE-PREFIX]]]], not "a sideways"',
  ],
  [`${bridge}topic a/#/b`, 'm.conf:4: topic: "a/#/b": "#" must be the last character, not the 3rd [MQTT-4.7.1-2]'],
  [
    `${bridge}remote_password file:/s3cret`,
    'm.conf:4: remote_password: must not begin with "file:" or contain "${", which stand for the place of a secret here',
  ],
  [
    `${bridge}restart_timeout 9 3`,
    'm.conf:4: restart_timeout: must be one or two numbers of seconds from 1 to 86400, the longer one last, not "9 3"',
  ],
  [
    `${bridge}start_type lazy`,
    'm.conf:4: start_type: "lazy" is not supported: the bridge is always connected; write automatic; to start without it, pass --ignore-unknown',
  ],
  [
    `${bridge}bridge_insecure true`,
    'm.conf:4: bridge_insecure: "true" is not supported: the bridge always verifies the name in the certificate; write a name of the certificate as the address; to start without it, pass --ignore-unknown',
  ],
  [`${bridge}bridge_certfile /cert.pem`, "m.conf:4: bridge_certfile: requires key, the certificate's private key"],
])("%j: %s", (text, message) => {
  expect(problemsOf(text)).toEqual([message]);
});

test.each(["a:0", "a:70000", "a:b", ":1", "a b/c", "[::1", "::1"])("%j is not an address", (address) => {
  expect(problemsOf(`connection b\ntopic #\naddress ${address}`)).toContain(
    `m.conf:3: address: must be HOST or HOST:PORT, and several of them for failover, not "${address}"`,
  );
});
