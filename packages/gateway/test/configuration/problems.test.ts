// Each rule of the configuration, broken once: the message says file, line, key, what is wrong, and what is allowed. And whether the JSON Schema
// finds it too: "weaker" if only the gateway does.

import { problemText } from "@aiko/mqtt-configuration";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "smol-toml";
import { describe, expect, test } from "vitest";
import { readConfiguration } from "../../src/configuration/read-configuration.ts";
import { jsonSchema } from "../../src/configuration/schema.ts";
import { options, type Parts, toml } from "./samples.ts";

const isValid = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(jsonSchema());

function problemsOf(text: string, file = "g.toml"): string[] {
  return (readConfiguration(text, { ...options, file }).problems ?? []).map(problemText);
}

const stdin = (more: string): Parts => ({ source: `id = "in"; kind = "stdin"; ${more}` });
const tcp = (more: string): Parts => ({ source: `id = "in"; kind = "tcp-server"; topic = "t"; ${more}` });
const uplink = (more: string): Parts => ({ uplink: `url = "mqtts://h"; ${more}` });

type Sample = readonly [parts: Parts, message: string, weaker?: "weaker"];

const samples: Readonly<Record<string, readonly Sample[]>> = {
  "names and types": [
    [
      { gateway: 'id = "a b"' },
      'g.toml:2: gateway.id: must be 1 to 64 letters, digits, dots, underscores and hyphens, not "a b"',
    ],
    [
      { gateway: "id = 5" },
      "g.toml:2: gateway.id: must be 1 to 64 letters, digits, dots, underscores and hyphens, not 5",
    ],
    [{ gateway: 'base = "x"' }, "g.toml:1: gateway.id: is required and missing; its type is identifier"],
    [
      { gateway: 'id = "a"; shutdwon = "2s"' },
      'g.toml:3: gateway.shutdwon: unknown key "shutdwon"; did you mean "shutdown"?',
    ],
    [
      { gateway: 'id = "a"; entirely = "different"' },
      'g.toml:3: gateway.entirely: unknown key "entirely"; the keys of [gateway] are id, base, timestamps, shutdown, log, log_format, memory_limit',
    ],
    [
      { gateway: 'id = "a"; log = "warning"' },
      'g.toml:3: gateway.log: must be "error", "warn", "info" or "debug" (did you mean "warn"?), not "warning"',
    ],
    [
      { gateway: 'id = "a"; log = 1979-05-27' },
      'g.toml:3: gateway.log: must be "error", "warn", "info" or "debug", not a date',
    ],
    [
      { gateway: 'id = "a"; memory_limit = "48"' },
      'g.toml:3: gateway.memory_limit: must be a size from 64KiB to 64GiB as a string with its unit (B, KiB, MiB or GiB), not "48"',
    ],
    [
      { more: '[homeassistant]; prefix = "{gateway}/ha"' },
      'g.toml:12: homeassistant.prefix: must be a topic without placeholders, such as "homeassistant/status", not "{gateway}/ha"',
    ],
    [
      { more: '[broker]; listen = "127.0.0.1:1883"' },
      "g.toml:11: broker: is not supported by this version of the gateway",
    ],
    [{ more: "[spol]" }, 'g.toml:11: spol: unknown key "spol"; did you mean "spool"?'],
    [
      { more: '["a\\tb"]' },
      'g.toml:11: "a\\tb": unknown key "a\\tb"; the keys of the configuration are $schema, gateway, uplink, spool, metrics, admin, homeassistant, source',
    ],
    [stdin('topic = "t"; retain = "yes"'), 'g.toml:11: source[0].retain: must be true or false, not "yes"'],
    [stdin('topic = "t"; retain = { no = true }'), "g.toml:11: source[0].retain: must be true or false, not a table"],
    [stdin('topic = "t"; when = 1'), "g.toml:11: source[0].when: must be a list, not a number"],
    [stdin('topic = "t"; when = []'), "g.toml:11: source[0].when: must have 1 to 64 elements; it has 0"],
    [
      { more: "metrics = 1" },
      'g.toml:11: source[0].metrics: unknown key "metrics"; the keys of [[source]], kind = "stdin" are kind, id, enabled, first, frame_timeout, encoding, decode, fields, when, topic, payload, qos, retain, expiry, device_name, silence, availability, rate, dedupe, deadletter, frame, check, max_frame',
    ],
  ],
  "durations and sizes": [
    [
      { gateway: 'id = "a"; shutdown = 2' },
      "g.toml:3: gateway.shutdown: must be a duration from 100ms to 10m as a string with its unit (ms, s, m, h or d), not 2",
    ],
    [
      { gateway: 'id = "a"; shutdown = "2"' },
      'g.toml:3: gateway.shutdown: must be a duration from 100ms to 10m as a string with its unit (ms, s, m, h or d), not "2"',
    ],
    [
      { gateway: 'id = "a"; shutdown = "2 s"' },
      'g.toml:3: gateway.shutdown: must be a duration from 100ms to 10m as a string with its unit (ms, s, m, h or d), not "2 s"',
    ],
    [
      { gateway: 'id = "a"; shutdown = "2w"' },
      'g.toml:3: gateway.shutdown: must be a duration from 100ms to 10m as a string with its unit (ms, s, m, h or d), not "2w"',
    ],
    [
      { gateway: 'id = "a"; shutdown = "1d"' },
      'g.toml:3: gateway.shutdown: must be a duration from 100ms to 10m as a string with its unit (ms, s, m, h or d), not "1d"',
      "weaker",
    ],
    [
      { gateway: 'id = "a"; shutdown = 0' },
      "g.toml:3: gateway.shutdown: must be a duration from 100ms to 10m as a string with its unit (ms, s, m, h or d), not 0",
    ],
    [
      { spool: 'dir = "/d"; max_bytes = 67108864' },
      "g.toml:7: spool.max_bytes: must be a size from 256KiB to 1024GiB as a string with its unit (B, KiB, MiB or GiB), not 67108864",
    ],
    [
      { spool: 'dir = "/d"; max_bytes = "64MB"' },
      'g.toml:7: spool.max_bytes: must be a size from 256KiB to 1024GiB as a string with its unit (B, KiB, MiB or GiB), not "64MB"',
    ],
    [
      { spool: 'dir = "/d"; max_age = 1' },
      "g.toml:7: spool.max_age: must be 0 or a duration from 1s to 36500d as a string with its unit (ms, s, m, h or d), not 1",
    ],
    [uplink('keep_alive = "1500ms"'), 'g.toml:5: uplink.keep_alive: must be in whole seconds, not "1500ms"', "weaker"],
    [uplink("inflight = 0"), "g.toml:5: uplink.inflight: must be an integer from 1 to 65535, not 0"],
    [uplink("inflight = 1.5"), "g.toml:5: uplink.inflight: must be an integer from 1 to 65535, not 1.5"],
  ],
  "the uplink": [
    [
      { uplink: 'url = "http://h"' },
      'g.toml:4: uplink.url: must be the URL of a server with mqtt:, mqtts:, ws:, wss: or unix:, such as mqtts://broker.example:8883, not "http://h"',
    ],
    [
      { uplink: 'url = "mqtt://ann:pw@h"' },
      "g.toml:4: uplink.url: must be the URL of a server with mqtt:, mqtts:, ws:, wss: or unix:, such as mqtts://broker.example:8883; write the user name and the password in username and password",
    ],
    [
      { uplink: 'url = "broker:"' },
      "g.toml:4: uplink.url: broker: is not supported by this version; write a server's URL",
    ],
    [{ uplink: 'username = "a"' }, "g.toml:3: uplink.url: is required and missing; its type is URL"],
    [
      uplink('client_id = "{gatway}"'),
      'g.toml:5: uplink.client_id: "{gatway}" is not defined; did you mean {gateway}?',
      "weaker",
    ],
    [uplink("version = 6"), 'g.toml:5: uplink.version: must be 5, 4, 3 or "auto", not 6'],
    [uplink('cert = "c.pem"'), "g.toml:5: uplink.cert: requires key, the certificate's private key", "weaker"],
    [uplink('key = "k.pem"'), "g.toml:5: uplink.key: requires cert, the certificate of this key", "weaker"],
    [uplink('passphrase = "x"'), "g.toml:5: uplink.passphrase: requires key", "weaker"],
    [
      uplink('password = "x"; version = 4'),
      "g.toml:5: uplink.password: requires username in protocol version 4",
      "weaker",
    ],
    [
      uplink('reconnect = { min = "2s", max = "1s" }'),
      "g.toml:5: uplink.reconnect.min: must not be longer than max",
      "weaker",
    ],
    [uplink('reconnect = { mni = "2s" }'), 'g.toml:5: uplink.reconnect.mni: unknown key "mni"; did you mean "min"?'],
    [
      { uplink: 'url = "mqtt://h"; ca = "ca.pem"' },
      "g.toml:5: uplink.ca: requires TLS; write url with mqtts: or wss:",
      "weaker",
    ],
  ],
  secrets: [
    [
      uplink('password = ""'),
      `g.toml:5: uplink.password: must be a string: the secret, \${NAME} for an environment variable, or file:/path for a file; it is empty`,
    ],
    [
      uplink("password = 1234"),
      `g.toml:5: uplink.password: must be a string: the secret, \${NAME} for an environment variable, or file:/path for a file; it is a number`,
    ],
    [
      uplink(`password = "\${MISSING}"`),
      "g.toml:5: uplink.password: the environment variable MISSING is not set; set it",
      "weaker",
    ],
    [
      uplink(`password = "\${EMPTY}"`),
      "g.toml:5: uplink.password: the environment variable EMPTY is empty; set it",
      "weaker",
    ],
    [
      uplink(`password = "x\${TOKEN}"`),
      `g.toml:5: uplink.password: \${NAME} must stand alone; it is not replaced within other text`,
      "weaker",
    ],
    [
      uplink('password = "file:/missing"'),
      'g.toml:5: uplink.password: the file "/missing" cannot be read (ENOENT)',
      "weaker",
    ],
    [
      uplink('password = "file:/empty"'),
      'g.toml:5: uplink.password: the file "/empty" is empty; write the secret into it',
      "weaker",
    ],
  ],
  "the spool": [
    [
      { spool: "max_records = 5" },
      'g.toml:5: spool.dir: is required and missing; write a directory, or mode = "memory"',
      "weaker",
    ],
    [
      { spool: 'mode = "memory"; dir = "/d"' },
      'g.toml:7: spool.dir: cannot be combined with mode = "memory"; remove one of them',
      "weaker",
    ],
    [
      { spool: 'dir = "/d"; segment = "32MiB"' },
      "g.toml:7: spool.segment: must be at most a quarter of max_bytes (16777216 bytes), not 33554432 bytes",
      "weaker",
    ],
    [
      { spool: 'dir = "/d"; full = "wait"' },
      'g.toml:7: spool.full: must be "reject", "drop-oldest", "drop-newest" or "latest-per-topic", not "wait"',
    ],
    [
      { spool: 'dir = "/d"; sync = "group"' },
      'g.toml:7: spool.sync: must be "commit", "never", or "group:" and a duration from 1ms to 60s, such as "group:50ms", not "group"',
    ],
    [
      { spool: 'dir = "/d"; sync = "group:5m"' },
      'g.toml:7: spool.sync: must be a duration from 1ms to 60s as a string with its unit (ms, s, m, h or d), not "5m"',
      "weaker",
    ],
    [
      { spool: 'dir = "/d"; segment = "64KiB"; max_records = 0' },
      "g.toml:8: spool.max_records: must be an integer from 1 to 1000000000, not 0",
    ],
  ],
  addresses: [
    [
      tcp('listen = "127.0.0.1"'),
      'g.toml:11: source[0].listen: must be an address and a port, such as "127.0.0.1:1883", "[::1]:1883", or ":1883" for all addresses, not "127.0.0.1"',
    ],
    [
      tcp('listen = "127.0.0.300:80"'),
      'g.toml:11: source[0].listen: must be an address and a port, such as "127.0.0.1:1883", "[::1]:1883", or ":1883" for all addresses, not "127.0.0.300:80"',
      "weaker",
    ],
    [
      tcp('listen = "::1:80"'),
      'g.toml:11: source[0].listen: must be an address and a port, such as "127.0.0.1:1883", "[::1]:1883", or ":1883" for all addresses, not "::1:80"',
    ],
    [
      tcp('listen = "[::1::]:80"'),
      'g.toml:11: source[0].listen: must be an address and a port, such as "127.0.0.1:1883", "[::1]:1883", or ":1883" for all addresses, not "[::1::]:80"',
      "weaker",
    ],
    [
      tcp('listen = ":70000"'),
      'g.toml:11: source[0].listen: must be an address and a port, such as "127.0.0.1:1883", "[::1]:1883", or ":1883" for all addresses, not ":70000"',
      "weaker",
    ],
    [
      tcp('listen = ":1"; allow = ["192.168.1.0/33"]'),
      'g.toml:12: source[0].allow[0]: must be an IP address or a network, such as "192.168.1.7", "192.168.1.0/24" or "fd00::/8", not "192.168.1.0/33"',
      "weaker",
    ],
    [
      tcp('listen = ":1"; allow = ["fd00::/8", "router.lan"]'),
      'g.toml:12: source[0].allow[1]: must be an IP address or a network, such as "192.168.1.7", "192.168.1.0/24" or "fd00::/8", not "router.lan"',
    ],
    [
      {
        more: '[metrics]; listen = ":80"; [[source]]; id = "b"; kind = "tcp-server"; topic = "t"; listen = "127.0.0.1:80"',
      },
      "g.toml:17: source[1].listen: port 80 of this address is used in line 12 already; choose another port",
      "weaker",
    ],
    [
      {
        more: '[metrics]; listen = "[::1]:80"; [[source]]; id = "b"; kind = "tcp-server"; topic = "t"; listen = ":80"',
      },
      "g.toml:17: source[1].listen: port 80 of this address is used in line 12 already; choose another port",
      "weaker",
    ],
    [
      {
        more: '[metrics]; listen = "[::1]:80"; [[source]]; id = "b"; kind = "tcp-server"; topic = "t"; listen = "[::1]:80"',
      },
      "g.toml:17: source[1].listen: port 80 of this address is used in line 12 already; choose another port",
      "weaker",
    ],
    [
      { more: '[metrics]; path = "metrics"' },
      'g.toml:12: metrics.path: must be a path such as "/metrics", not "metrics"',
    ],
    [{ more: "[admin]" }, "g.toml:11: admin.socket: is required and missing; its type is text"],
  ],
  sources: [
    [
      { source: 'id = "in"; topic = "t"' },
      'g.toml:7: source[0].kind: is required and missing; write one of "serial", "tcp", "tcp-server", "unix", "udp", "exec", "mqtt", "mqtt-sn", "stdin", "http"',
    ],
    [
      { source: 'id = "in"; kind = "mqtt-sn"; listen = ":1"' },
      "g.toml:10: source[0].listen: is not loopback, and MQTT-SN has no passwords: write allow with the networks of the clients, or insecure = true",
      "weaker",
    ],
    [
      { source: 'id = "in"; kind = "tcp-sever"' },
      'g.toml:9: source[0].kind: must be one of "serial", "tcp", "tcp-server", "unix", "udp", "exec", "mqtt", "mqtt-sn", "stdin", "http" (did you mean "tcp-server"?), not "tcp-sever"',
    ],
    [
      { source: 'id = "in"; kind = "tape"' },
      'g.toml:9: source[0].kind: must be one of "serial", "tcp", "tcp-server", "unix", "udp", "exec", "mqtt", "mqtt-sn", "stdin", "http", not "tape"',
    ],
    [
      { source: 'id = "in"; kind = "tcp-server"; topic = "t"' },
      "g.toml:7: source[0].listen: is required and missing; its type is address",
    ],
    [
      { source: 'kind = "stdin"; topic = "t"' },
      "g.toml:7: source[0].id: is required and missing; its type is identifier",
    ],
    [
      { more: '[[source]]; id = "in"; kind = "http"' },
      'g.toml:12: source[1].id: "in" is the id of the source in line 7 too; ids must be unique',
      "weaker",
    ],
    [
      { more: '[[source]]; id = "two"; kind = "stdin"; topic = "t"' },
      "g.toml:13: source[1].kind: the source in line 7 reads stdin already; only one source can",
      "weaker",
    ],
    [
      stdin('topic = "t"; acknowledge = "ok"'),
      "g.toml:11: source[0].acknowledge: is not possible for stdin: there is nobody to write to; remove it",
    ],
    [
      { source: 'id = "in"; kind = "http"; refuse = "no"' },
      "g.toml:10: source[0].refuse: is not possible for http: the status code is the answer; remove it",
    ],
    [
      { source: 'id = "in"; kind = "http"; path = "ingest"' },
      'g.toml:10: source[0].path: must be a path of literal levels and placeholders, such as "/ingest/{node}", not "ingest"',
    ],
    [
      { source: 'id = "in"; kind = "http"; path = "/{a}/{a}"; topic = "t"' },
      'g.toml:10: source[0].path: "/{a}/{a}" must not have {a} twice',
      "weaker",
    ],
    [
      { source: 'id = "in"; kind = "http"; path = "/x{a}"; topic = "t"' },
      'g.toml:10: source[0].path: must be a path of literal levels and placeholders, such as "/ingest/{node}", not "/x{a}"',
    ],
    [
      stdin('topic = "t"; frame = "slop"'),
      'g.toml:11: source[0].frame: must be "line", "datagram", "paren", "cobs", "slip", "modbus-rtu" or "gap" (did you mean "slip"?), not "slop"',
    ],
    [
      stdin('topic = "t"; max_frame = "1MiB"'),
      "g.toml:11: source[0].max_frame: must be at most a quarter of spool.segment (262144 bytes), not 1048576 bytes",
      "weaker",
    ],
    [stdin('topic = "t"; qos = 3'), "g.toml:11: source[0].qos: must be 0, 1 or 2, not 3"],
    [
      stdin('topic = "t"; expiry = "500ms"'),
      'g.toml:11: source[0].expiry: must be 0 or a duration from 1s to 4294967295s as a string with its unit (ms, s, m, h or d), not "500ms"',
      "weaker",
    ],
  ],
  "devices and limits": [
    [stdin('topic = "t"; dedupe = "5s"'), "g.toml:11: source[0].dedupe: must be a table, not a string"],
    [
      stdin('topic = "t"; decode = { format = "csv", fields = ["n", "v"] }; dedupe = { key = "x", within = "5s" }'),
      'g.toml:12: source[0].dedupe.key: the source has no field "x"; it has n, v',
      "weaker",
    ],
    [
      stdin('topic = "t"; rate = { per_second = 0 }'),
      "g.toml:11: source[0].rate.per_second: must be above 0 and at most 1000000, not 0",
      "weaker",
    ],
    [
      stdin('topic = "t"; decode = { format = "csv", fields = ["n", "v"] }; silence = "5m"'),
      'g.toml:12: source[0].silence: requires device_name, because there is no field "node"; write device_name = "{n}"',
      "weaker",
    ],
    [
      stdin('topic = "t/{v}"; decode = { format = "csv", fields = ["n", "v"] }; silence = "5m"; device_name = "{n}"'),
      'g.toml:12: source[0].silence: the devices would share one topic of availability; if the source is one device, write device_name = "NAME"; otherwise write availability with {n}, or as ""',
      "weaker",
    ],
    [
      stdin('topic = "t"; decode = { format = "csv", fields = ["n", "v"] }; device_name = "{m}"'),
      'g.toml:12: source[0].device_name: "{m}" is not defined; did you mean {n}?',
      "weaker",
    ],
    [
      stdin('topic = "t"; silence = "100ms"'),
      'g.toml:11: source[0].silence: must be 0 or a duration from 1s to 36500d as a string with its unit (ms, s, m, h or d), not "100ms"',
      "weaker",
    ],
  ],
  "frames and checks": [
    [
      tcp('listen = ":1"; frame = "delimiter"'),
      'g.toml:12: source[0].frame: the kind "delimiter" needs options; write { kind = "delimiter", end = "03" }',
    ],
    [
      tcp('listen = ":1"; frame = "length"'),
      'g.toml:12: source[0].frame: the kind "length" needs options; write { kind = "length", width = 2 }',
    ],
    [
      tcp('listen = ":1"; frame = { kind = "delimeter", end = "03" }'),
      'g.toml:12: source[0].frame.kind: must be one of "line", "datagram", "paren", "cobs", "slip", "modbus-rtu", "delimiter", "length", "gap" (did you mean "delimiter"?), not "delimeter"',
    ],
    [
      tcp('listen = ":1"; frame = { kind = "line", end = "03" }'),
      'g.toml:12: source[0].frame.end: unknown key "end"; the keys of frame, kind = "line" are kind',
    ],
    [
      tcp('listen = ":1"; frame = { kind = "delimiter" }'),
      "g.toml:12: source[0].frame.end: is required and missing; its type is hexadecimal bytes",
    ],
    [
      tcp('listen = ":1"; frame = { kind = "delimiter", end = "0d0" }'),
      'g.toml:12: source[0].frame.end: must be 1 to 16 bytes as pairs of hexadecimal digits, such as "0d0a", not "0d0"',
    ],
    [
      tcp('listen = ":1"; frame = { kind = "length", magic = "0x" }'),
      'g.toml:12: source[0].frame.magic: must be 1 to 16 bytes as pairs of hexadecimal digits, such as "0d0a", not "0x"',
    ],
    [
      tcp('listen = ":1"; frame = { kind = "length", magic = "a55a", offset = 1 }'),
      "g.toml:12: source[0].frame.offset: must be at least 2: the length is behind the 2 magic bytes",
      "weaker",
    ],
    [
      tcp('listen = ":1"; frame = { kind = "length", width = 3 }'),
      "g.toml:12: source[0].frame.width: must be 1, 2 or 4, not 3",
    ],
    [
      tcp('listen = ":1"; frame = "gap"'),
      'g.toml:12: source[0].frame: the kind "gap" needs the silence, because this source has no baud rate; write { kind = "gap", gap = "20ms" }',
      "weaker",
    ],
    [
      tcp('listen = ":1"; frame = { kind = "gap", gap = "1s" }'),
      "g.toml:7: source[0].frame_timeout: must be 0 or longer than the gap of 1000 ms that ends a frame",
      "weaker",
    ],
    [
      { source: 'id = "in"; kind = "http"; topic = "t"; frame = { kind = "gap", gap = "20ms" }' },
      'g.toml:11: source[0].frame: "gap" is not possible for http: a body has no silence',
      "weaker",
    ],
    [
      tcp('listen = ":1"; frame = "modbus-rtu"; max_frame = "255B"'),
      'g.toml:13: source[0].max_frame: must be at least 256B if frame is "modbus-rtu"',
      "weaker",
    ],
    [
      tcp('listen = ":1"; frame = "modbus-rtu"; check = "crc16-modbus"'),
      'g.toml:13: source[0].check: is not possible if frame is "modbus-rtu", which has a CRC; remove it',
      "weaker",
    ],
    [
      tcp('listen = ":1"; frame = "paren"; check = "xor8"'),
      'g.toml:13: source[0].check: is not possible if frame is "paren": nothing follows the parentheses; remove it',
      "weaker",
    ],
    [
      tcp('listen = ":1"; frame = { kind = "length" }; check = "nmea"'),
      'g.toml:13: source[0].check: "nmea" is a check of text, but frame has the kind "length"; use line or delimiter',
      "weaker",
    ],
    [
      tcp('listen = ":1"; check = { kind = "xor8", as = "bytes" }'),
      'g.toml:12: source[0].check.as: must be "hex" if frame is "line": a byte of the check could end the line',
      "weaker",
    ],
    [
      tcp('listen = ":1"; check = { kind = "xor8", endian = "big" }'),
      "g.toml:12: source[0].check.endian: is not possible for xor8, which has one byte; remove it",
      "weaker",
    ],
    [
      tcp('listen = ":1"; check = { kind = "crc32", at = "start" }'),
      'g.toml:12: source[0].check.at: must be an integer from 0 to 65535, not "start"',
    ],
    [
      tcp('listen = ":1"; check = "crc16"'),
      'g.toml:12: source[0].check: must be "none", "nmea", "xor8", "sum8", "crc8", "crc16-modbus", "crc16-ccitt" or "crc32" (did you mean "crc16-modbus"?), not "crc16"',
    ],
    [
      tcp('listen = ":1"; check = { kind = "nmea", at = "end" }'),
      'g.toml:12: source[0].check.at: unknown key "at"; the keys of check, kind = "nmea" are kind',
    ],
  ],
  templates: [
    [
      stdin('topic = ""'),
      'g.toml:10: source[0].topic: must be a topic of 1 to 4096 characters, such as "{gateway}/{source}/temperature", not ""',
    ],
    [
      stdin('topic = "a/+/b"'),
      'g.toml:10: source[0].topic: "a/+/b" must not contain the wildcard "+", at character 3 [MQTT-3.3.2-2]',
      "weaker",
    ],
    [
      stdin('topic = "a/#"'),
      'g.toml:10: source[0].topic: "a/#" must not contain the wildcard "#", at character 3 [MQTT-3.3.2-2]',
      "weaker",
    ],
    [
      stdin('topic = "a\\u0000b"'),
      'g.toml:10: source[0].topic: "a\\u0000b" must not contain U+0000, at character 2 [MQTT-1.5.3-2]',
      "weaker",
    ],
    [
      stdin('topic = "a/{node"'),
      'g.toml:10: source[0].topic: "a/{node" has a brace outside a placeholder; a placeholder is {name}, with letters, digits, _ - and . in the name',
      "weaker",
    ],
    [
      stdin('topic = "a/node}"'),
      'g.toml:10: source[0].topic: "a/node}" has a brace outside a placeholder; a placeholder is {name}, with letters, digits, _ - and . in the name',
      "weaker",
    ],
    [
      stdin('topic = "a/{}"'),
      'g.toml:10: source[0].topic: "a/{}" has a brace outside a placeholder; a placeholder is {name}, with letters, digits, _ - and . in the name',
      "weaker",
    ],
    [
      stdin('topic = "a/{node|raw}"'),
      'g.toml:10: source[0].topic: "a/{node|raw}" has a brace outside a placeholder; a placeholder is {name}, with letters, digits, _ - and . in the name',
      "weaker",
    ],
    [
      stdin('topic = "a/{topic[1]}"'),
      'g.toml:10: source[0].topic: "{topic[1]}" is a level of an MQTT topic, {topic[0]} to {topic[127]}; only sources of kind mqtt have it',
      "weaker",
    ],
    [
      stdin('topic = "a/{tmp}"; decode = "csv"; fields = ["temp"]'),
      'g.toml:10: source[0].topic: "{tmp}" is not defined; did you mean {temp}?',
      "weaker",
    ],
    [
      stdin('topic = "a/{quite_different}"; decode = "csv"; fields = ["temp"]'),
      'g.toml:10: source[0].topic: "{quite_different}" is not defined; defined are {gateway} {source} {port} {peer} {temp}',
      "weaker",
    ],
    [
      { source: 'id = "in"; kind = "stdin"; decode = "raw"' },
      'g.toml:7: source[0].topic: "{node}" is not defined; defined are {gateway} {source} {port} {peer} {value}',
      "weaker",
    ],
    [
      stdin('topic = "t"; deadletter = "dead/{temp}"'),
      'g.toml:11: source[0].deadletter: "{temp}" is not defined; defined are {gateway} {source} {port} {peer}',
      "weaker",
    ],
    [
      stdin('topic = "t"; payload = "jsn"'),
      'g.toml:11: source[0].payload: must be "json", "raw", "fields" or a template (did you mean "json"?), not "jsn"',
    ],
    [
      stdin('topic = "t"; payload = "words"'),
      'g.toml:11: source[0].payload: must be "json", "raw", "fields", or a template with a placeholder, such as "{temp}", not "words"',
    ],
    [
      stdin('topic = "t"; payload = "{tmp}"; decode = { format = "json", pick = { temp = "/t" } }'),
      'g.toml:11: source[0].payload: "{tmp}" is not defined; did you mean {temp}?',
      "weaker",
    ],
    [
      stdin('topic = "t"; payload = { template = "x", x = 1 }'),
      'g.toml:11: source[0].payload.x: unknown key "x"; the keys of payload are template',
    ],
    [
      tcp('listen = ":1"; decode = "raw"; acknowledge = "ok {n}"'),
      'g.toml:13: source[0].acknowledge: "{n}" is not defined; defined are {gateway} {source} {port} {peer} {value}',
      "weaker",
    ],
    [
      tcp('listen = ":1"; decode = "raw"; refuse = "no {why}"'),
      'g.toml:13: source[0].refuse: "{why}" is not defined; defined are {gateway} {source} {port} {peer} {value} {reason}',
      "weaker",
    ],
    [
      { gateway: 'id = "a"; base = "aiko/{source}"' },
      'g.toml:3: gateway.base: "{source}" is not defined; defined are {gateway}',
      "weaker",
    ],
  ],
  decoding: [
    [
      stdin('topic = "t"; decode = "text"'),
      'g.toml:11: source[0].decode: the format "text" needs a template; write { format = "text", template = "T={temp:f32}" }',
    ],
    [
      stdin('topic = "t"; decode = "xml"'),
      'g.toml:11: source[0].decode.format: must be one of "json", "csv", "text", "raw", "sexpr", "nmea", "binary", "modbus", "hex", "base64", not "xml"',
    ],
    [
      stdin('topic = "t"; decode = "modbus"'),
      'g.toml:11: source[0].decode: the format "modbus" needs a unit; write { format = "modbus", unit = 1 }',
    ],
    [
      stdin('topic = "t"; decode = {}'),
      'g.toml:11: source[0].decode.format: is required and missing; write one of "json", "csv", "text", "raw", "sexpr", "nmea", "binary", "modbus", "hex", "base64"',
    ],
    [
      stdin('topic = "t"; decode = "csv"'),
      'g.toml:7: source[0].fields: is required if the format is csv; write fields = ["temp:f32", "node"]',
      "weaker",
    ],
    [
      stdin('topic = "t"; decode = { format = "csv", separator = ";;", fields = ["a"] }'),
      'g.toml:11: source[0].decode.separator: must be a string of 1 character, not ";;"',
    ],
    [
      stdin('topic = "t"; decode = { format = "csv", separator = ";", quote = ";", fields = ["a"] }'),
      "g.toml:11: source[0].decode.quote: must differ from separator",
      "weaker",
    ],
    [
      stdin('topic = "t"; decode = { format = "csv", separator = "\\n", fields = ["a"] }'),
      "g.toml:11: source[0].decode.separator: must not be an end of line",
      "weaker",
    ],
    [
      stdin('topic = "t"; fields = ["a"]; decode = { format = "csv", fields = ["a"] }'),
      "g.toml:11: source[0].fields: is written in decode too; remove one of them",
      "weaker",
    ],
    [
      stdin('topic = "t"; decode = { format = "json", pick = { t = "sensors/0" } }'),
      'g.toml:11: source[0].decode.pick.t: must be a JSON pointer, such as "/sensors/0/t"; "~0" stands for "~" and "~1" for "/", not "sensors/0"',
    ],
    [
      stdin('topic = "t"; decode = { format = "json", pick = { "a b" = "/t" } }'),
      'g.toml:11: source[0].decode.pick."a b": the key must be a field name: 1 to 64 characters without spaces and { } [ ] | :',
      "weaker",
    ],
    [
      stdin('topic = "t"; decode = { format = "json", pick = { temp = "/t" } }; fields = ["tmp:f32"]'),
      'g.toml:12: source[0].fields[0]: the format has no field "tmp"; did you mean "temp"?',
      "weaker",
    ],
    [
      stdin('topic = "t"; decode = { format = "text", template = "no field" }'),
      'g.toml:11: source[0].decode.template: "no field" must have a field, such as "{temp:f32}"',
      "weaker",
    ],
    [
      stdin('topic = "t"; decode = { format = "text", template = "{a}{b}" }'),
      'g.toml:11: source[0].decode.template: "{a}{b}" must have literal text before {b}, which shows where it begins',
      "weaker",
    ],
    [
      stdin('topic = "t"; decode = { format = "text", template = "{a} {a}" }'),
      'g.toml:11: source[0].decode.template: "{a} {a}" must not have the field "a" twice',
      "weaker",
    ],
    [
      stdin('topic = "t"; decode = { format = "text", template = "{a:f16}" }'),
      'g.toml:11: source[0].decode.template: must be "text", "number", "bool", "json", "u8", "i8", "u16", "i16", "u24", "u32", "i32", "u64", "f32", "f64", "bcd", "bits", "hex", "bytes", "nmea_lat" or "nmea_lon" (did you mean "u16"?), not "f16"',
      "weaker",
    ],
    [
      stdin('topic = "t"; decode = { format = "text", template = "{a:f32}", fields = ["a:u8"] }'),
      'g.toml:11: source[0].decode.fields: the type of "a" is u8 here and f32 in the template; write it once',
      "weaker",
    ],
    [
      stdin('topic = "t"; decode = "raw"; fields = ["a", "b"]'),
      "g.toml:12: source[0].fields: must have one element if the format is raw: the frame is one field",
      "weaker",
    ],
  ],
  "formats of bytes and sentences": [
    [
      stdin('topic = "t"; frame = "datagram"; decode = { format = "csv", fields = ["a:bits(0,3)"] }'),
      'g.toml:12: source[0].decode.fields[0]: the type "bits" requires the format binary or modbus, not csv',
      "weaker",
    ],
    [
      stdin('topic = "t"; frame = "datagram"; decode = { format = "csv", fields = ["a:nmea_lat"] }'),
      'g.toml:12: source[0].decode.fields[0]: the type "nmea_lat" requires the format nmea, not csv',
      "weaker",
    ],
    [
      stdin('topic = "t"; frame = "datagram"; decode = { format = "json", fields = ["a:text(8)"] }'),
      "g.toml:12: source[0].decode.fields[0]: a size in bytes requires the format binary or modbus, not json",
      "weaker",
    ],
    [
      stdin('topic = "t"; frame = "datagram"; decode = { format = "json", fields = [{ name = "a", at = 2 }] }'),
      "g.toml:12: source[0].decode.fields[0].at: requires the format binary or modbus, not json",
      "weaker",
    ],
    [
      stdin('topic = "t"; frame = "datagram"; decode = { format = "json", fields = [{ const = "A5" }] }'),
      "g.toml:12: source[0].decode.fields[0].const: is possible for the format binary only, not json",
      "weaker",
    ],
    [
      stdin('topic = "t"; frame = "datagram"; decode = { format = "binary", fields = [{ const = "A" }, "a:u8"] }'),
      'g.toml:12: source[0].decode.fields[0].const: must be 1 to 256 bytes as hexadecimal digits, such as "A5 5A", not "A"',
    ],
    [
      stdin('topic = "t"; frame = "datagram"; decode = { format = "binary", fields = [{ const = "A5" }] }'),
      "g.toml:12: source[0].decode.fields: must have a field in addition to constants",
      "weaker",
    ],
    [
      stdin('topic = "t"; frame = "datagram"; decode = "binary"'),
      'g.toml:7: source[0].fields: is required if the format is binary; write fields = ["temp:i16", "hum:u16"]',
      "weaker",
    ],
    [
      stdin('topic = "t"; frame = "datagram"; decode = { format = "binary", fields = ["a"] }'),
      'g.toml:12: source[0].decode.fields[0]: "a" must have a type, as in "a:u16"',
      "weaker",
    ],
    [
      stdin('topic = "t"; frame = "datagram"; decode = { format = "binary", fields = ["a:json"] }'),
      'g.toml:12: source[0].decode.fields[0]: the type "json" is not possible in bytes; possible are bits, bool, u8, i8, u16, i16, u24, u32, i32, u64, f32, f64, bcd, text, hex, bytes',
      "weaker",
    ],
    [
      stdin(
        'topic = "t"; frame = "datagram"; decode = { format = "binary", fields = ["a:u16", { name = "b", type = "u8", at = 1 }] }',
      ),
      'g.toml:12: source[0].decode.fields[1]: "b" overlaps "a"',
      "weaker",
    ],
    [
      stdin(
        'topic = "t"; frame = "datagram"; decode = { format = "binary", fields = ["a:bits(0,3)", { name = "b", type = "bits(2,3)", at = 0 }] }',
      ),
      'g.toml:12: source[0].decode.fields[1]: "b" overlaps "a"',
      "weaker",
    ],
    [
      stdin(
        'topic = "t"; frame = "datagram"; decode = { format = "binary", fields = [{ const = "A5", at = 9 }, { name = "a", type = "text", at = 0 }] }',
      ),
      'g.toml:12: source[0].decode.fields: the constant at byte 9 overlaps "a"',
      "weaker",
    ],
    [
      stdin(
        'topic = "t"; frame = "datagram"; decode = { format = "binary", fields = ["a:u16", { const = "A5", at = 1 }] }',
      ),
      'g.toml:12: source[0].decode.fields: the constant at byte 1 overlaps "a"',
      "weaker",
    ],
    [
      stdin(
        'topic = "t"; frame = "datagram"; decode = { format = "binary", fields = ["a:u8", { const = "A5" }, { const = "A5", at = 1 }] }',
      ),
      "g.toml:12: source[0].decode.fields: the constants at the bytes 1 and 1 overlap",
      "weaker",
    ],
    [
      stdin('topic = "t"; frame = "datagram"; decode = { format = "binary", fields = ["a:text", "b:u8"] }'),
      "g.toml:12: source[0].decode.fields[1]: stands after a field that has all bytes that are left; give that field a size",
      "weaker",
    ],
    [
      stdin(
        'topic = "t"; frame = "datagram"; decode = { format = "binary", fields = [{ name = "b", type = "u8", at = 9 }, { name = "a", type = "hex", at = 0 }] }',
      ),
      'g.toml:12: source[0].decode.fields[1]: "a" overlaps "b"',
      "weaker",
    ],
    [
      stdin('topic = "t"; frame = "datagram"; decode = { format = "binary", fields = ["a:bits(6,3)"] }'),
      "g.toml:12: source[0].decode.fields[0]: bits(6,3) has bits beyond the 8 of its byte; use an integer type for more",
      "weaker",
    ],
    [
      stdin('topic = "t"; frame = "datagram"; decode = { format = "binary", fields = ["a:bits"] }'),
      'g.toml:12: source[0].decode.fields[0]: bits must have the first bit and the number of bits, at most 16 together, as "bits(0,3)"',
      "weaker",
    ],
    [
      stdin('topic = "t"; frame = "datagram"; decode = { format = "binary", fields = ["a:u8(2)"] }'),
      'g.toml:12: source[0].decode.fields[0]: the type "u8" has no size; remove it',
    ],
    [
      stdin('topic = "t"; frame = "datagram"; decode = { format = "binary", fields = ["a:bcd(9)"] }'),
      'g.toml:12: source[0].decode.fields[0]: the type "bcd" must have a size of 1 to 8 bytes, as "bcd(2)"',
      "weaker",
    ],
    [
      stdin('topic = "t"; frame = "datagram"; decode = { format = "binary", fields = ["a:text(x)"] }'),
      'g.toml:12: source[0].decode.fields[0]: "text(x)" must have numbers in parentheses, as "text(8)"',
    ],
    [
      stdin('topic = "t"; frame = "datagram"; decode = { format = "binary", endian = "cdab", fields = ["a:u24"] }'),
      'g.toml:12: source[0].decode.fields[0]: the order "cdab" swaps pairs of bytes, and "u24" has three; choose "big" or "little"',
      "weaker",
    ],
    [
      stdin(
        'topic = "t"; frame = "datagram"; decode = { format = "binary", fields = [{ name = "a", type = "u8", endian = "big" }] }',
      ),
      'g.toml:12: source[0].decode.fields[0].endian: has no meaning for the type "u8"; remove it',
      "weaker",
    ],
    [
      stdin(
        'topic = "t"; frame = "datagram"; decode = { format = "binary", fields = [{ name = "a", type = "u8", values = { on = 1 } }] }',
      ),
      "g.toml:12: source[0].decode.fields[0].values.on: the key must be the number that the device sends, such as 0",
      "weaker",
    ],
    [
      stdin(
        'topic = "t"; frame = "datagram"; decode = { format = "binary", fields = [{ name = "a", type = "bytes(2)", values = { 0 = 1 } }] }',
      ),
      'g.toml:12: source[0].decode.fields[0].values: is not possible for the type "bytes"; use "hex"',
      "weaker",
    ],
    [
      stdin('topic = "t"; frame = "datagram"; encoding = "hex"; decode = { format = "binary", fields = ["a:u8"] }'),
      'g.toml:12: source[0].encoding: "hex" is not possible for the format binary; use fields of the type "hex"',
      "weaker",
    ],
    [
      stdin('topic = "t"; frame = "datagram"; decode = { format = "hex", fields = ["a:u8"] }'),
      'g.toml:12: source[0].decode.fields: must have the type "text" if the format is hex',
      "weaker",
    ],
    [
      stdin('topic = "t"; frame = "datagram"; decode = { format = "modbus", unit = 1, fields = ["a:u8"] }'),
      'g.toml:12: source[0].decode.fields[0]: the type "u8" is not possible in registers; possible are bits, bool, u16, i16, u32, i32, u64, f32, f64, bcd, text, hex, bytes',
      "weaker",
    ],
    [
      stdin('topic = "t"; frame = "datagram"; decode = { format = "modbus", unit = 1, fields = ["a:text(3)"] }'),
      'g.toml:12: source[0].decode.fields[0]: "text" must have an even number of bytes, because a register has two: "a:text(4)"',
      "weaker",
    ],
    [
      stdin(
        'topic = "t"; frame = "datagram"; decode = { format = "modbus", unit = 1, function = 1, fields = ["a:u16"] }',
      ),
      'g.toml:12: source[0].decode.fields[0]: the type "u16" is not possible for coils; possible are bool',
      "weaker",
    ],
    [
      stdin(
        'topic = "t"; frame = "datagram"; decode = { format = "modbus", unit = 1, function = 6, fields = ["a:u32"] }',
      ),
      "g.toml:12: source[0].decode.fields: the fields have 2 registers, but function 6 has at most 1; use another function",
      "weaker",
    ],
    [
      stdin(
        'topic = "t"; frame = "datagram"; decode = { format = "modbus", unit = 1, address = 65535, fields = ["a:u32"] }',
      ),
      "g.toml:12: source[0].decode.fields: the fields need addresses beyond 65535",
      "weaker",
    ],
    [
      stdin('topic = "t"; frame = "datagram"; decode = { format = "modbus", unit = 1, fields = [{ const = "A5" }] }'),
      "g.toml:12: source[0].decode.fields[0].const: is possible for the format binary only",
      "weaker",
    ],
    [
      stdin(
        'topic = "t"; frame = "datagram"; decode = { format = "modbus", unit = 1, function = 7, fields = ["a:u16"] }',
      ),
      "g.toml:12: source[0].decode.function: must be 1, 2, 3, 4, 5, 6, 15 or 16, not 7",
    ],
    [
      stdin('topic = "t"; frame = "datagram"; decode = "nmea"'),
      'g.toml:12: source[0].decode: the format "nmea" needs sentences; write { format = "nmea", sentences = { RMC = ["time"] } }',
    ],
    [
      stdin('topic = "t"; frame = "datagram"; decode = { format = "nmea", sentences = {} }'),
      'g.toml:12: source[0].decode.sentences: must have a sentence, such as RMC = ["time"]',
      "weaker",
    ],
    [
      stdin('topic = "t"; frame = "datagram"; decode = { format = "nmea", sentences = { rmc = ["time"] } }'),
      'g.toml:12: source[0].decode.sentences.rmc: the key must be a type of sentence, such as "RMC"',
      "weaker",
    ],
    [
      stdin(
        'topic = "t"; frame = "datagram"; decode = { format = "nmea", sentences = { RMC = ["a", "-", "-", "a"] } }',
      ),
      'g.toml:12: source[0].decode.sentences.RMC[3]: the name "a" is used twice; field names must be unique',
      "weaker",
    ],
    [
      stdin('topic = "t"; frame = "datagram"; decode = { format = "nmea", sentences = { RMC = ["talker"] } }'),
      'g.toml:12: source[0].decode.sentences.RMC[0]: the name "talker" is that of an added field',
      "weaker",
    ],
    [
      stdin(
        'topic = "t"; frame = "datagram"; decode = { format = "nmea", sentences = { RMC = ["a:u8"], GGA = ["a"] } }',
      ),
      'g.toml:12: source[0].decode.sentences.GGA[0]: the type of "a" is u8 in another sentence, and text here; choose one',
      "weaker",
    ],
    [
      stdin('topic = "t"; frame = "datagram"; decode = { format = "nmea", sentences = { RMC = ["a:bcd"] } }'),
      'g.toml:12: source[0].decode.sentences.RMC[0]: the type "bcd" requires the format binary or modbus, not nmea',
      "weaker",
    ],
    [
      stdin(
        'topic = "t"; frame = "datagram"; decode = { format = "nmea", sentences = { RMC = ["a"] } }; fields = ["a"]',
      ),
      'g.toml:13: source[0].fields: is not possible for the format nmea; write the fields in "sentences"',
      "weaker",
    ],
    [
      stdin('topic = "t"; frame = "datagram"; decode = { format = "sexpr", envelope = "node {node}" }'),
      'g.toml:12: source[0].decode.envelope: must be words and fields in parentheses, such as "(node {node} {time} …)", not "node {node}"',
    ],
    [
      stdin('topic = "t"; frame = "datagram"; decode = { format = "sexpr", envelope = "(node {a} {a})" }'),
      'g.toml:12: source[0].decode.envelope: "(node {a} {a})" must not have {a} twice',
      "weaker",
    ],
    [
      stdin('topic = "t"; frame = "datagram"; decode = { format = "sexpr", envelope = "(node {a:u8})" }'),
      'g.toml:12: source[0].decode.envelope: "(node {a:u8})" has {a:u8}, which is not the name of a field',
      "weaker",
    ],
    [
      stdin(
        'topic = "t"; frame = "datagram"; decode = { format = "sexpr", envelope = "(node {node})" }; fields = ["nod"]',
      ),
      'g.toml:13: source[0].fields[0]: the format has no field "nod"; did you mean "node"?',
      "weaker",
    ],
    [
      stdin('topic = "t"; decode = { format = "binary", fields = ["a:u8"] }'),
      'g.toml:7: source[0].frame: "line" ends a frame at each byte 0x0a and 0x0d, which the format binary may have in values; choose another frame',
      "weaker",
    ],
  ],
  "fields and conditions": [
    [
      stdin('topic = "t"; fields = ["a:f16"]'),
      'g.toml:11: source[0].fields[0]: must be "text", "number", "bool", "json", "u8", "i8", "u16", "i16", "u24", "u32", "i32", "u64", "f32", "f64", "bcd", "bits", "hex", "bytes", "nmea_lat" or "nmea_lon" (did you mean "u16"?), not "f16"',
    ],
    [
      stdin('topic = "t"; fields = ["a b"]'),
      'g.toml:11: source[0].fields[0]: must be a field, such as "temp:f32" or "node", not "a b"',
    ],
    [
      stdin('topic = "t"; fields = ["a", "b", "a"]'),
      'g.toml:11: source[0].fields[2]: the name "a" is used twice; field names must be unique',
      "weaker",
    ],
    [
      stdin('topic = "t"; fields = [{ name = "a", type = "f16" }]'),
      'g.toml:11: source[0].fields[0].type: must be "text", "number", "bool", "json", "u8", "i8", "u16", "i16", "u24", "u32", "i32", "u64", "f32", "f64", "bcd", "bits", "hex", "bytes", "nmea_lat" or "nmea_lon" (did you mean "u16"?), not "f16"',
    ],
    [
      stdin('topic = "t"; fields = [{ type = "f32" }]'),
      "g.toml:11: source[0].fields[0].name: is required and missing; its type is field name",
    ],
    [
      stdin('topic = "t"; fields = [{ name = "a", type = "text", scale = 2 }]'),
      'g.toml:11: source[0].fields[0].scale: requires a numeric type, not "text"',
      "weaker",
    ],
    [
      stdin('topic = "t"; fields = [{ name = "a", type = "f32", scale = 0 }]'),
      "g.toml:11: source[0].fields[0].scale: must not be 0; every number would become the same",
      "weaker",
    ],
    [
      stdin('topic = "t"; fields = [{ name = "a", type = "f32", offset = nan }]'),
      "g.toml:11: source[0].fields[0].offset: must be a finite number, not NaN",
    ],
    [
      stdin('topic = "t"; fields = [{ name = "a", type = "f32", min = 2, max = 1 }]'),
      "g.toml:11: source[0].fields[0].min: must not be greater than max",
      "weaker",
    ],
    [
      stdin('topic = "t"; fields = [{ name = "a", values = { 0 = [] } }]'),
      "g.toml:11: source[0].fields[0].values.0: must be a string, a number or a boolean, not a list",
    ],
    [
      stdin('topic = "t"; when = [{ field = "a", op = "==", value = 1 }]'),
      'g.toml:11: source[0].when[0].op: must be "=", "!=", "<", ">", "in", "exists", "changed" or "delta" (did you mean "="?), not "=="',
    ],
    [
      stdin('topic = "t"; when = [{ field = "a", op = "<", value = "1" }]'),
      'g.toml:11: source[0].when[0].value: must be a number if op is "<"',
      "weaker",
    ],
    [
      stdin('topic = "t"; when = [{ field = "a", op = "=" }]'),
      'g.toml:11: source[0].when[0].value: must be a string, a number or a boolean if op is "="',
      "weaker",
    ],
    [
      stdin('topic = "t"; when = [{ field = "a", op = "in", value = 1 }]'),
      'g.toml:11: source[0].when[0].value: must be a list if op is "in"',
      "weaker",
    ],
    [
      stdin('topic = "t"; when = [{ field = "a", op = "in", value = [true] }]'),
      "g.toml:11: source[0].when[0].value[0]: must be a string or a number, not true",
    ],
    [
      stdin('topic = "t"; when = [{ field = "a", op = "delta", value = 0 }]'),
      'g.toml:11: source[0].when[0].value: must be a number above 0 if op is "delta"',
      "weaker",
    ],
    [
      stdin('topic = "t"; when = [{ field = "a", op = "changed", value = 0 }]'),
      'g.toml:11: source[0].when[0].value: must not be written if op is "changed"',
      "weaker",
    ],
    [
      stdin('topic = "t"; decode = "csv"; fields = ["temp"]; when = [{ field = "tmp", op = "exists" }]'),
      'g.toml:13: source[0].when[0].field: the source has no field "tmp"; it has temp',
      "weaker",
    ],
  ],
  "more rules between fields": [
    [
      stdin('topic = "t"; when = [{ field = "a", op = "exists", value = 1 }]'),
      'g.toml:11: source[0].when[0].value: must be a boolean, or not be written if op is "exists"',
      "weaker",
    ],
    [
      stdin('topic = "t"; payload = "{temp:f32}"'),
      'g.toml:11: source[0].payload: "{temp:f32}" has a type; types are written in fields only',
      "weaker",
    ],
    [
      stdin('topic = "t"; decode = "csv"; fields = ["port"]'),
      "g.toml:11: source[0].decode: a field cannot have the name of the placeholder {port}; rename it",
      "weaker",
    ],
    [
      { source: 'id = "in"; kind = "http"; path = "/{peer}"; topic = "t"' },
      "g.toml:10: source[0].path: {peer} has another meaning in topics; choose another name",
      "weaker",
    ],
    [
      { source: 'id = "in"; kind = "http"; decode = "csv"; fields = ["node"]' },
      "g.toml:7: source[0].path: {node} is the name of a decoded field too; choose another name",
      "weaker",
    ],
    [
      { uplink: 'url = "mqtt://h/path"' },
      'g.toml:4: uplink.url: must be the URL of a server with mqtt:, mqtts:, ws:, wss: or unix:, such as mqtts://broker.example:8883, not "mqtt://h/path"',
      "weaker",
    ],
    [
      { uplink: 'url = "mqtt://h:70000"' },
      'g.toml:4: uplink.url: must be the URL of a server with mqtt:, mqtts:, ws:, wss: or unix:, such as mqtts://broker.example:8883, not "mqtt://h:70000"',
      "weaker",
    ],
    [
      stdin('topic = "t"; when = [{ field = "a", op = "exists" }]; decode = "raw"'),
      'g.toml:11: source[0].when[0].field: the source has no field "a"; it has value',
      "weaker",
    ],
  ],
};

describe.each(Object.entries(samples))("%s", (_, cases) => {
  test.each(cases.map(([parts, message, weaker]) => [message, parts, weaker] as const))(
    "%s",
    (message, parts, weaker) => {
      const text = toml(parts);
      expect(problemsOf(text)).toEqual([message]);
      expect(isValid(parse(text))).toBe(weaker === "weaker");
    },
  );
});

test("all problems are found, in the order of the lines", () => {
  const text = toml({
    gateway: 'id = "a b"; bse = "x"',
    spool: "segment = 5",
    source: 'id = "in"; kind = "http"; listen = ":80"; qos = 7',
    more: '[[source]]; kind = "tape"; [metrics]; listen = ":80"',
  });
  expect(problemsOf(text).map((each) => each.split(": ", 2).join(": "))).toEqual([
    "g.toml:2: gateway.id",
    "g.toml:3: gateway.bse",
    "g.toml:6: spool.dir",
    "g.toml:7: spool.segment",
    "g.toml:11: source[0].listen",
    "g.toml:12: source[0].qos",
    "g.toml:14: source[1].kind",
  ]);
});

test("missing sections are named", () => {
  expect(problemsOf("")).toEqual([
    "g.toml:1: gateway: is required and missing; its type is table",
    "g.toml:1: uplink: is required and missing; its type is list of table",
    "g.toml:1: spool: is required and missing; its type is table",
    "g.toml:1: source: is required and missing; its type is list of table",
  ]);
});

test("at most 200 problems are listed", () => {
  const text = Array.from({ length: 50_000 }, (_, i) => `unknown${i} = 1`).join("\n");
  expect(problemsOf(text)).toHaveLength(200);
});

test.each([
  ["[gateway]\nid = ", "g.toml:2: is not valid TOML: invalid value"],
  ['[gateway]\n\nid = "s3cret', "g.toml:3: is not valid TOML: unfinished string"],
  ["[gateway]\nid = 1\nid = 2", "g.toml:3: is not valid TOML: trying to redefine an already defined table or value"],
  ["[gateway]\n[gateway]", "g.toml:2: is not valid TOML: trying to redefine an already defined table or value"],
])("%j is a syntax error", (text, message) => {
  expect(problemsOf(text)).toEqual([message]);
});

test.each([
  ['{\n"gateway": ', "g.json:2: is not valid JSON: a value is expected"],
  [
    '{\n"gateway": {\n"id": "s3cret',
    "g.json:3: is not valid JSON: the string is not ended or has characters that JSON does not allow",
  ],
  ['{\n"gateway": 1,\n"gateway": 2}', "g.json:3: is not valid JSON: the object has this key already"],
  ["{\ngateway: 1}", "g.json:2: is not valid JSON: a key in double quotes is expected"],
  ['{"a": 1 "b": 2}', 'g.json:1: is not valid JSON: "," or "}" is expected'],
  ['{"a" 1}', 'g.json:1: is not valid JSON: ":" is expected after a key'],
  ["{}\n{}", "g.json:2: is not valid JSON: something follows the value"],
  ["[1]", "g.json:1: must be a table, not a list"],
  ["null", "g.json:1: must be a table, not null"],
])("%j is an error in JSON", (text, message) => {
  expect(problemsOf(text, "g.json")).toEqual([message]);
});

test("a text of more than 1 MiB is refused", () => {
  expect(problemsOf(`${toml()}#${"x".repeat(2 ** 20)}`)).toEqual(["g.toml:1: is longer than 1048576 characters"]);
});

test("no message shows a secret, wherever it is written", () => {
  const secret = "hunter2";
  const texts = [
    toml({ uplink: `url = "mqtt://ann:${secret}@h"` }),
    toml({ uplink: `url = "mqtts://h"; password = ["${secret}"]` }),
    toml({ uplink: `url = "mqtts://h"; pasword = "${secret}"` }),
    toml({ uplink: `url = "mqtts://h"; passphrase = "${secret}"` }),
    toml({ source: `id = "in"; kind = "http"; token = { value = "${secret}" }` }),
    `uplink = "mqtt://ann:${secret}@h"`,
    `[uplink]\npassword = "${secret}`,
    `[uplink]\npassword = ${secret}`,
  ];
  for (const text of texts) {
    const problems = problemsOf(text);
    expect(problems).not.toEqual([]);
    expect(problems.join("\n")).not.toContain(secret);
  }
});
