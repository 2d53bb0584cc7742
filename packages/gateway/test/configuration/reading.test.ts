// What a valid configuration becomes.

import { LineTree, Place, Reading } from "@aiko/mqtt-configuration";
import { parse, stringify } from "smol-toml";
import { expect, test } from "vitest";
import type { Configuration } from "../../src/configuration/configuration.ts";
import { completeFraming } from "../../src/configuration/frame-fields.ts";
import { readConfiguration } from "../../src/configuration/read-configuration.ts";
import { example, options, toml } from "./samples.ts";

function read(text: string, file = "g.toml"): Configuration {
  const { configuration, problems } = readConfiguration(text, { ...options, file });
  expect(problems).toBeUndefined();
  return configuration as Configuration;
}

test("what is not written has its default", () => {
  expect(read(toml())).toMatchInlineSnapshot(`
    {
      "adminSocket": undefined,
      "gateway": {
        "base": "aiko/attic",
        "id": "attic",
        "log": "info",
        "logFormat": "text",
        "memoryLimit": 50331648,
        "shutdown": 2000,
        "timestamps": "off",
      },
      "homeAssistant": undefined,
      "metrics": undefined,
      "sources": [
        {
          "acknowledge": undefined,
          "availability": "{topic}/availability",
          "check": {
            "kind": "none",
          },
          "commands": [],
          "deadletter": undefined,
          "decode": {
            "fields": [],
            "format": "json",
            "pick": {},
          },
          "dedupe": undefined,
          "deviceName": "{node}",
          "enabled": true,
          "encoding": "utf8",
          "expiry": 0,
          "first": "keep",
          "frame": {
            "kind": "line",
          },
          "frameTimeout": 1000,
          "id": "in",
          "kind": "stdin",
          "maxFrame": 4096,
          "payload": {
            "kind": "json",
          },
          "polls": [],
          "qos": 1,
          "rate": undefined,
          "refuse": undefined,
          "retain": false,
          "silence": 0,
          "topic": "t",
          "when": [],
        },
      ],
      "spool": {
        "dir": "/spool",
        "full": "reject",
        "maxAge": 604800000,
        "maxBytes": 67108864,
        "maxRecords": 1000000,
        "mode": "disk",
        "qos0": "pass",
        "segment": 1048576,
        "sync": "commit",
      },
      "uplinks": [
        {
          "bandwidth": 0,
          "ca": undefined,
          "cert": undefined,
          "clientId": "attic",
          "inflight": 100,
          "keepAlive": 30000,
          "key": undefined,
          "passphrase": undefined,
          "password": undefined,
          "rate": 0,
          "reconnect": {
            "max": 60000,
            "min": 500,
          },
          "sessionExpiry": 604800000,
          "stuck": 60000,
          "url": "mqtts://broker.example",
          "username": undefined,
          "version": "auto",
        },
      ],
    }
  `);
});

test("each field is read", () => {
  expect(read(example)).toMatchInlineSnapshot(`
    {
      "adminSocket": "/run/aiko.sock",
      "gateway": {
        "base": "house/attic",
        "id": "attic",
        "log": "debug",
        "logFormat": "json",
        "memoryLimit": 50331648,
        "shutdown": 3000,
        "timestamps": "iso",
      },
      "homeAssistant": undefined,
      "metrics": {
        "listen": {
          "host": "::1",
          "port": 9464,
        },
        "path": "/m",
      },
      "sources": [
        {
          "acknowledge": "ok {n}
    ",
          "allow": [
            "192.168.1.0/24",
            "fd00::/8",
            "10.0.0.1",
          ],
          "availability": "{topic}/availability",
          "check": {
            "kind": "none",
          },
          "commands": [],
          "deadletter": "dead/{source}/{port}",
          "decode": {
            "fields": [
              {
                "class": undefined,
                "max": undefined,
                "min": undefined,
                "name": "n",
                "offset": 0,
                "scale": 1,
                "type": "u32",
                "unit": undefined,
                "values": {},
              },
              {
                "class": "temperature",
                "max": 85,
                "min": -40,
                "name": "temp",
                "offset": 1,
                "scale": 0.1,
                "type": "f32",
                "unit": "°C",
                "values": {},
              },
              {
                "class": undefined,
                "max": undefined,
                "min": undefined,
                "name": "relay",
                "offset": 0,
                "scale": 1,
                "type": "text",
                "unit": undefined,
                "values": {
                  "0": "off",
                  "1": true,
                },
              },
            ],
            "format": "csv",
            "quote": "",
            "separator": ";",
          },
          "dedupe": undefined,
          "deviceName": "{node}",
          "enabled": true,
          "encoding": "utf8",
          "expiry": 3600,
          "first": "keep",
          "frame": {
            "kind": "line",
          },
          "frameTimeout": 1000,
          "greeting": undefined,
          "id": "meters",
          "idle": 0,
          "kind": "tcp-server",
          "listen": {
            "host": "",
            "port": 2000,
          },
          "maxConnections": 10,
          "maxFrame": 4096,
          "payload": {
            "kind": "template",
            "template": "{"t":{temp},"r":"{relay}"}",
          },
          "polls": [],
          "qos": 2,
          "rate": undefined,
          "refuse": "no {reason}
    ",
          "retain": true,
          "silence": 0,
          "tls": undefined,
          "topic": "{gateway}/{source}/{peer}",
          "when": [
            {
              "field": "temp",
              "op": "delta",
              "value": 0.5,
            },
            {
              "field": "relay",
              "op": "in",
              "value": [
                "off",
                1,
              ],
            },
          ],
        },
        {
          "acknowledge": undefined,
          "availability": "{topic}/availability",
          "check": {
            "kind": "none",
          },
          "commands": [],
          "deadletter": undefined,
          "decode": {
            "fields": [
              {
                "class": undefined,
                "max": undefined,
                "min": undefined,
                "name": "temp",
                "offset": 0,
                "scale": 1,
                "type": "f32",
                "unit": undefined,
                "values": {},
              },
              {
                "class": undefined,
                "max": undefined,
                "min": undefined,
                "name": "hum",
                "offset": 0,
                "scale": 1,
                "type": "u8",
                "unit": undefined,
                "values": {},
              },
            ],
            "format": "text",
            "template": "T={temp:f32} H={hum}%",
          },
          "dedupe": undefined,
          "deviceName": "{node}",
          "enabled": true,
          "encoding": "latin1",
          "expiry": 0,
          "first": "drop",
          "frame": {
            "kind": "datagram",
          },
          "frameTimeout": 5000,
          "id": "text",
          "kind": "stdin",
          "maxFrame": 1024,
          "payload": {
            "kind": "fields",
          },
          "polls": [],
          "qos": 1,
          "rate": undefined,
          "refuse": undefined,
          "retain": false,
          "silence": 0,
          "topic": "t/{temp}",
          "when": [],
        },
        {
          "acknowledge": undefined,
          "availability": "{topic}/availability",
          "check": {
            "kind": "none",
          },
          "commands": [],
          "deadletter": undefined,
          "decode": {
            "fields": [],
            "format": "json",
            "pick": {
              "t": "/sensors/0/t",
            },
          },
          "dedupe": undefined,
          "deviceName": "{node}",
          "enabled": false,
          "encoding": "utf8",
          "expiry": 0,
          "first": "keep",
          "frame": {
            "kind": "datagram",
          },
          "frameTimeout": 1000,
          "id": "web",
          "kind": "http",
          "listen": {
            "host": "127.0.0.1",
            "port": 0,
          },
          "maxBody": 1048576,
          "maxFrame": 65536,
          "maxRequests": 4,
          "path": "/in/{node}/{what}",
          "payload": {
            "kind": "template",
            "template": "constant",
          },
          "polls": [],
          "qos": 1,
          "rate": undefined,
          "refuse": undefined,
          "retain": false,
          "silence": 0,
          "token": "t0ken",
          "topic": "{gateway}/{source}/{node}",
          "when": [],
        },
        {
          "acknowledge": undefined,
          "allow": [],
          "availability": "{topic}/availability",
          "check": {
            "as": "hex",
            "at": 4,
            "endian": "little",
            "from": 2,
            "kind": "crc16-ccitt",
          },
          "commands": [],
          "deadletter": undefined,
          "decode": {
            "fields": [],
            "format": "raw",
          },
          "dedupe": undefined,
          "deviceName": "{node}",
          "enabled": true,
          "encoding": "utf8",
          "expiry": 0,
          "first": "keep",
          "frame": {
            "adjust": -1,
            "endian": "little",
            "keep": true,
            "kind": "length",
            "magic": Uint8Array [
              165,
              90,
            ],
            "offset": 2,
            "total": true,
            "width": 2,
          },
          "frameTimeout": 1000,
          "greeting": undefined,
          "id": "scale",
          "idle": 300000,
          "kind": "tcp-server",
          "listen": {
            "host": "",
            "port": 2001,
          },
          "maxConnections": 64,
          "maxFrame": 4096,
          "payload": {
            "kind": "json",
          },
          "polls": [],
          "qos": 1,
          "rate": undefined,
          "refuse": undefined,
          "retain": false,
          "silence": 0,
          "tls": undefined,
          "topic": "t",
          "when": [],
        },
        {
          "acknowledge": undefined,
          "allow": [],
          "availability": "{topic}/availability",
          "check": {
            "as": "bytes",
            "at": "end",
            "endian": "big",
            "from": 0,
            "kind": "xor8",
          },
          "commands": [],
          "deadletter": undefined,
          "decode": {
            "fields": [],
            "format": "raw",
          },
          "dedupe": undefined,
          "deviceName": "{node}",
          "enabled": true,
          "encoding": "utf8",
          "expiry": 0,
          "first": "keep",
          "frame": {
            "end": Uint8Array [
              13,
              10,
            ],
            "keep": true,
            "kind": "delimiter",
            "start": Uint8Array [
              2,
            ],
          },
          "frameTimeout": 1000,
          "greeting": undefined,
          "id": "tags",
          "idle": 300000,
          "kind": "tcp-server",
          "listen": {
            "host": "",
            "port": 2002,
          },
          "maxConnections": 64,
          "maxFrame": 4096,
          "payload": {
            "kind": "json",
          },
          "polls": [],
          "qos": 1,
          "rate": undefined,
          "refuse": undefined,
          "retain": false,
          "silence": 0,
          "tls": undefined,
          "topic": "t",
          "when": [],
        },
        {
          "acknowledge": undefined,
          "allow": [],
          "availability": "{topic}/availability",
          "check": {
            "kind": "none",
          },
          "commands": [],
          "deadletter": undefined,
          "decode": {
            "fields": [],
            "format": "raw",
          },
          "dedupe": undefined,
          "deviceName": "{node}",
          "enabled": true,
          "encoding": "utf8",
          "expiry": 0,
          "first": "keep",
          "frame": {
            "gap": 20,
            "kind": "gap",
          },
          "frameTimeout": 1000,
          "greeting": undefined,
          "id": "old",
          "idle": 300000,
          "kind": "tcp-server",
          "listen": {
            "host": "",
            "port": 2003,
          },
          "maxConnections": 64,
          "maxFrame": 4096,
          "payload": {
            "kind": "json",
          },
          "polls": [],
          "qos": 1,
          "rate": undefined,
          "refuse": undefined,
          "retain": false,
          "silence": 0,
          "tls": undefined,
          "topic": "t",
          "when": [],
        },
        {
          "acknowledge": undefined,
          "allow": [
            "fd00::/8",
          ],
          "availability": "",
          "check": {
            "kind": "none",
          },
          "clientAddresses": [
            {
              "allow": [
                "fd00:7::/32",
              ],
              "clientId": "meter-*",
            },
          ],
          "clientIdPrefix": "sn-",
          "commands": [],
          "deadletter": undefined,
          "decode": {
            "fields": [],
            "format": "raw",
          },
          "dedupe": undefined,
          "deviceName": "{node}",
          "enabled": true,
          "encoding": "utf8",
          "expiry": 0,
          "first": "keep",
          "frame": {
            "kind": "datagram",
          },
          "frameTimeout": 0,
          "group": {
            "host": "ff15::42",
            "port": 10001,
          },
          "hops": 2,
          "id": "radio",
          "kind": "mqtt-sn",
          "line": undefined,
          "listen": {
            "host": "::",
            "port": 10000,
          },
          "machine": {
            "advertise": 600000,
            "clientIdMax": 23,
            "forwarders": false,
            "gatewayId": 7,
            "maxClients": 50,
            "maxClientsPerHost": 2,
            "maxDatagram": 512,
            "maxTopics": 16,
            "predefined": [
              [
                1,
                "common/topic",
              ],
              [
                65534,
                "b",
              ],
            ],
            "predefinedFor": [
              {
                "clientId": "meter-*",
                "topics": [
                  [
                    2,
                    "meters/all",
                  ],
                ],
              },
            ],
            "qosMinusOne": true,
            "qosMinusOneAs": 1,
            "queue": {
              "bytes": 16384,
              "records": 10,
            },
            "retries": 5,
            "retry": 15000,
            "standbyFor": 8,
          },
          "maxFrame": 16384,
          "mode": "transparent",
          "password": "t0ken",
          "payload": {
            "kind": "raw",
          },
          "polls": [],
          "qos": 1,
          "rate": undefined,
          "refuse": undefined,
          "retain": false,
          "silence": 0,
          "topic": "{topic}",
          "username": "radio",
          "when": [],
        },
      ],
      "spool": {
        "dir": "/var/lib/aiko-gateway",
        "full": "drop-oldest",
        "maxAge": Infinity,
        "maxBytes": 1073741824,
        "maxRecords": 5000,
        "mode": "disk",
        "qos0": "spool",
        "segment": 2097152,
        "sync": 50,
      },
      "uplinks": [
        {
          "bandwidth": 65536,
          "ca": "/etc/ca.pem",
          "cert": "/etc/cert.pem",
          "clientId": "gw-attic",
          "inflight": 10,
          "keepAlive": 60000,
          "key": "/etc/key.pem",
          "passphrase": "t0ken",
          "password": "pa55",
          "rate": 100,
          "reconnect": {
            "max": 300000,
            "min": 1000,
          },
          "sessionExpiry": 86400000,
          "stuck": 30000,
          "url": "mqtts://broker.example:8883",
          "username": "attic",
          "version": 5,
        },
        {
          "bandwidth": 0,
          "ca": undefined,
          "cert": undefined,
          "clientId": "attic",
          "inflight": 100,
          "keepAlive": 30000,
          "key": undefined,
          "passphrase": undefined,
          "password": undefined,
          "rate": 0,
          "reconnect": {
            "max": 60000,
            "min": 500,
          },
          "sessionExpiry": 604800000,
          "stuck": 60000,
          "url": "unix:/run/broker.sock",
          "username": undefined,
          "version": "auto",
        },
      ],
    }
  `);
});

test("the same configuration as JSON is the same", () => {
  const json = JSON.stringify({ $schema: "./gateway.schema.json", ...parse(example) }, undefined, 2);
  expect(read(json, "gateway.json")).toEqual(read(example));
});

test("a configuration that was written again is the same", () => {
  expect(read(stringify(parse(example)))).toEqual(read(example));
});

test("a text in a field that is not a secret is left alone", () => {
  const { uplinks } = read(toml({ uplink: `url = "mqtts://h"; username = "\${TOKEN}"; ca = "file:/password"` }));
  expect(uplinks[0]).toMatchObject({ username: `\${TOKEN}`, ca: "file:/password" });
});

test("a secret that looks like none of the forms is itself", () => {
  const { uplinks } = read(toml({ uplink: 'url = "mqtts://h"; username = "a"; password = "$TOKEN"' }));
  expect(uplinks[0]?.password).toBe("$TOKEN");
});

test("sources that are not enabled take no address", () => {
  const second = '[[source]]; id = "b"; kind = "http"; enabled = false; [[source]]; id = "c"; kind = "http"';
  expect(read(toml({ more: second })).sources).toHaveLength(3);
});

test("port 0 can be used many times", () => {
  const more = '[metrics]; listen = ":0"; [[source]]; id = "b"; kind = "http"; listen = ":0"';
  expect(read(toml({ more })).sources).toHaveLength(2);
});

test.each([
  ["1500ms", 1500],
  ["5s", 5000],
  ["2m", 120_000],
  ["1h", 3_600_000],
  ["7d", 604_800_000],
])("the duration %s is %i milliseconds", (written, milliseconds) => {
  const { sources } = read(
    toml({ source: `id = "in"; kind = "tcp-server"; topic = "t"; listen = ":1"; idle = "${written}"` }),
  );
  expect(sources[0]).toMatchObject({ idle: milliseconds });
});

test.each([
  ["262144B", 2 ** 18],
  ["300KiB", 300 * 2 ** 10],
  ["3MiB", 3 * 2 ** 20],
  ["2GiB", 2 * 2 ** 30],
])("the size %s is %i bytes", (written, bytes) => {
  const { spool } = read(toml({ spool: `dir = "/d"; segment = "64KiB"; max_bytes = "${written}"` }));
  expect(spool.maxBytes).toBe(bytes);
});

test.each([
  ["127.0.0.1:1883", { host: "127.0.0.1", port: 1883 }],
  ["[::]:1883", { host: "::", port: 1883 }],
  ["[::ffff:127.0.0.1]:1", { host: "::ffff:127.0.0.1", port: 1 }],
  [":1883", { host: "", port: 1883 }],
  ["gateway.lan:65535", { host: "gateway.lan", port: 65_535 }],
])("the address %s is read", (written, listen) => {
  expect(read(toml({ more: `[metrics]; listen = "${written}"` })).metrics?.listen).toEqual(listen);
});

test.each(["mqtt://h", "mqtts://broker.example:8883/", "ws://[::1]:80/mqtt?x=1", "wss://h", "unix:/run/b.sock"])(
  "the URL %s is valid",
  (url) => {
    expect(read(toml({ uplink: `url = "${url}"` })).uplinks[0]?.url).toBe(url);
  },
);

test.each([
  ['"slip"', { kind: "slip" }],
  ['{ kind = "slip" }', { kind: "slip" }],
  ['{ kind = "delimiter", end = "03" }', { kind: "delimiter", end: Uint8Array.of(3), start: undefined, keep: false }],
  [
    '{ kind = "length" }',
    { kind: "length", offset: 0, width: 1, endian: "big", adjust: 0, magic: undefined, total: false, keep: false },
  ],
  ['{ kind = "gap", gap = "20ms" }', { kind: "gap", gap: 20 }],
])("frame = %s is read with its defaults", (written, frame) => {
  const { sources } = read(toml({ source: `id = "in"; kind = "stdin"; topic = "t"; frame = ${written}` }));
  expect(sources[0]?.frame).toEqual(frame);
});

test.each([
  ["line", '"nmea"', { kind: "nmea" }],
  ["line", '"sum8"', { kind: "sum8", at: "end", from: 0, as: "hex", endian: "big" }],
  ["cobs", '"crc16-modbus"', { kind: "crc16-modbus", at: "end", from: 0, as: "bytes", endian: "little" }],
  ["slip", '{ kind = "crc16-ccitt", at = 0 }', { kind: "crc16-ccitt", at: 0, from: 0, as: "bytes", endian: "big" }],
  ["slip", '{ kind = "crc32", from = 1 }', { kind: "crc32", at: "end", from: 1, as: "bytes", endian: "little" }],
])("frame = %j with check = %s is read with its defaults", (frame, written, check) => {
  const source = `id = "in"; kind = "stdin"; topic = "t"; frame = "${frame}"; check = ${written}`;
  expect(read(toml({ source })).sources[0]?.check).toEqual(check);
});

test("the silence of a gap follows from the baud rate of a source that has one", () => {
  const place = new Place(new Reading("g.toml", new LineTree(1), options));
  const framing = { frame: { kind: "gap", gap: undefined }, check: { kind: "none" }, max_frame: 256 } as const;
  const { frame } = completeFraming({ ...framing, frame_timeout: 1000 }, place, 9600) ?? {};
  expect(frame).toEqual({ kind: "gap", gap: expect.closeTo(4.01, 2) as number });
});
