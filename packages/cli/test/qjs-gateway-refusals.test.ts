// What of a gateway's configuration a bare `qjs` refuses.
import { readConfiguration } from "@aiko/mqtt-gateway";
import { expect, test } from "vitest";
import { refusals } from "../src/qjs/gateway/refusals.ts";

const RAW = 'topic = "t"\ndecode = { format = "raw" }\npayload = "raw"\nmax_frame = "1KiB"';
const SERIAL = `[[source]]\nid = "s"\nkind = "serial"\ndevice = "/dev/ttyS0"\n${RAW}`;

interface Parts {
  readonly uplink?: string;
  readonly spool?: string;
  readonly more?: string;
}

function refused({
  uplink = 'url = "mqtt://server"',
  spool = 'mode = "memory"',
  more = SERIAL,
}: Parts): readonly string[] {
  const text = `[gateway]\nid = "g"\n[uplink]\n${uplink}\n[spool]\n${spool}\n${more}`;
  const read = readConfiguration(text, { file: "g.toml", environment: {}, readFile: () => "" });
  if (read.problems !== undefined) expect.fail(JSON.stringify(read.problems));
  return refusals(read.configuration);
}

const source = (kind: string, fields: string): string => `[[source]]\nid = "x"\nkind = "${kind}"\n${fields}\n${RAW}`;

test.each<[string, Parts]>([
  ["a serial line", {}],
  ["a Unix socket of the server", { uplink: 'url = "unix:/run/broker.sock"' }],
  ["TCP without TLS", { more: source("tcp", 'connect = "device:2000"') }],
  ["a command", { more: source("exec", 'run = ["cat"]') }],
  ["standard input", { more: source("stdin", "") }],
  ["MQTT-SN on a line", { more: '[[source]]\nid = "x"\nkind = "mqtt-sn"\ndevice = "/dev/ttyS0"' }],
  ["what is not enabled", { more: source("udp", 'listen = ":9"\nenabled = false') }],
])("%s is not refused", (_, parts) => {
  expect(refused(parts)).toEqual([]);
});

test.each<[string, Parts, string]>([
  ["a spool on disk", { spool: 'dir = "/var/spool"' }, 'spool: mode "disk" is not supported on QuickJS'],
  ["mqtts", { uplink: 'url = "mqtts://server"' }, 'uplink: the scheme "mqtts" is not supported on QuickJS; use mqtt:'],
  ["ws", { uplink: 'url = "ws://server"' }, 'uplink: the scheme "ws" is not supported'],
  ["metrics", { more: `[metrics]\nlisten = "127.0.0.1:1"\n${SERIAL}` }, "metrics: QuickJS cannot listen"],
  ["the status socket", { more: `[admin]\nsocket = "/run/s"\n${SERIAL}` }, "admin: QuickJS cannot listen"],
  ["tcp-server", { more: source("tcp-server", 'listen = ":9"') }, 'source "x": kind "tcp-server" is not supported'],
  [
    "udp",
    { more: source("udp", 'listen = ":9"') },
    'source "x": kind "udp" is not supported on QuickJS, which cannot listen',
  ],
  ["MQTT-SN over UDP", { more: '[[source]]\nid = "x"\nkind = "mqtt-sn"' }, "set device or connect instead of listen"],
  ["http", { more: source("http", 'listen = ":9"') }, 'source "x": kind "http" is not supported'],
  [
    "TLS to a device",
    { more: source("tcp", 'connect = "d:1"\ntls = {}') },
    'source "x": tls is not supported on QuickJS',
  ],
  [
    "the package serialport",
    { more: SERIAL.replace('/dev/ttyS0"', '/dev/ttyS0"\ndriver = "serialport"') },
    'driver "serialport"',
  ],
])("%s is refused, with what to use instead", (_, parts, message) => {
  expect(refused(parts)).toEqual([expect.stringContaining(message)]);
});
