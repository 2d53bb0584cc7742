// What a mosquitto.conf becomes, and what is reported about it.
import { problemText } from "@aiko/mqtt-configuration";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { BrokerConfiguration } from "../../../src/service/broker-configuration.ts";
import { readMosquittoConfiguration } from "../../../src/service/mosquitto/read-mosquitto-configuration.ts";
import { files, options } from "../samples.ts";

const directories: Readonly<Record<string, readonly string[]>> = {
  "/conf.d": ["b.conf", "a.conf", "B.conf", "notes.txt"],
  "/conf.d/": ["b.conf", "a.conf", "B.conf", "notes.txt"],
  "/nested": ["c.conf"],
};
Object.assign(files, {
  "/conf.d/a.conf": "max_keepalive 60\n",
  "/conf.d/b.conf": "listener 1884 localhost\nallow_anonymous true\n",
  "/conf.d/B.conf": "max_keepalive 30\n",
  "/nested/c.conf": "include_dir /conf.d\n",
  "/others": "",
  "/bad-passwords": "ben\n",
  "/acl": "user ann\ntopic read a/#\n",
  "/wrong-acl": "topic read a#\n",
});

function reading(text: string, ignoreUnknown = false) {
  return readMosquittoConfiguration(text, {
    ...options,
    file: "m.conf",
    ignoreUnknown,
    readDirectory(path) {
      const names = directories[path];
      if (names === undefined) throw Object.assign(new Error("missing"), { code: "ENOENT" });
      return names;
    },
  });
}

function read(text: string): BrokerConfiguration {
  const { configuration, problems = [] } = reading(text);
  expect(problems.map(problemText)).toEqual([]);
  return configuration as BrokerConfiguration;
}

const problemsOf = (text: string): string[] => (reading(text).problems ?? []).map(problemText);
const urlsOf = (text: string): string[] => read(text).listeners.map(({ url }) => url);

test("an empty file is a broker for this machine, for anonymous clients, as in mosquitto", () => {
  const { listeners, limits, persistence, rules } = read("");
  expect(listeners).toMatchObject([{ url: "mqtt://127.0.0.1:1883", allowAnonymous: true, tls: undefined }]);
  expect({ persistence, rules, expiry: limits.maximumSessionExpiry }).toEqual({
    persistence: undefined,
    rules: [],
    expiry: 4_294_967_295,
  });
});

test("the configuration that Debian installs starts", () => {
  const { configuration, warnings } = reading(`# Place your local configuration in /etc/mosquitto/conf.d/
pid_file /run/mosquitto/mosquitto.pid

persistence true
persistence_location /var/lib/mosquitto/

log_dest file /var/log/mosquitto/mosquitto.log

include_dir /conf.d
`);
  expect(configuration).toMatchObject({
    persistence: { dir: "/var/lib/mosquitto/" },
    limits: { maximumKeepAlive: 60 },
    listeners: [{ url: "mqtt://localhost:1884", allowAnonymous: true }],
  });
  expect(warnings?.map(({ key, line }) => [key, line])).toEqual([
    ["pid_file", 2],
    ["persistence", 4],
    ["log_dest", 7],
  ]);
});

test.each([
  ["listener 1884\nallow_anonymous true", ["mqtt://[::]:1884"]],
  ["listener 1884 192.0.2.1\nallow_anonymous true", ["mqtt://192.0.2.1:1884"]],
  ["listener 1884 ::1\nallow_anonymous true", ["mqtt://[::1]:1884"]],
  ["listener 1884\nsocket_domain ipv4\nallow_anonymous true", ["mqtt://0.0.0.0:1884"]],
  ["listener 0 /run/mosquitto.sock\nallow_anonymous true", ["unix:/run/mosquitto.sock"]],
  ["listener 9001\nprotocol websockets\nallow_anonymous true", ["ws://[::]:9001"]],
  ["port 1885\nallow_anonymous true", ["mqtt://[::]:1885"]],
  ["bind_address 127.0.0.1\nallow_anonymous true", ["mqtt://127.0.0.1:1883"]],
  [
    "port 1883\nbind_address 127.0.0.1\nlistener 1884\nallow_anonymous true",
    ["mqtt://127.0.0.1:1883", "mqtt://[::]:1884"],
  ],
  ["max_connections 5\nlistener 1884\nallow_anonymous true", ["mqtt://[::]:1883", "mqtt://[::]:1884"]],
  ["listener 8883\ncertfile /cert.pem\nkeyfile /key.pem\nallow_anonymous true", ["mqtts://[::]:8883"]],
])("%j listens at %j", (text, urls) => {
  expect(urlsOf(text)).toEqual(urls);
});

test("each supported option has its key", () => {
  const {
    options: fixed,
    limits,
    listeners,
    users,
    log,
    persistence,
  } = read(`
max_keepalive 120
max_packet_size 1000
max_queued_messages 10
max_queued_bytes 2000
memory_limit 2000000
retain_available false
persistent_client_expiration 2w
persistence 1
persistence_location /var/lib/m
log_type error
log_type warning
password_file /passwords
listener 8883
max_connections 7
max_qos 1
max_topic_alias 5
cafile /ca.pem
certfile /cert.pem
keyfile /key.pem
require_certificate true
use_identity_as_username true
tls_version tlsv1.2
`);
  expect(fixed).toMatchObject({
    maximumPacketSize: 1000,
    outbox: { maximumCount: 10, maximumBytes: 2000 },
    retainAvailable: false,
    maximumQoS: 1,
    topicAliasMaximum: 5,
  });
  expect(limits).toMatchObject({ maximumKeepAlive: 120, maximumMemory: 2_000_000, maximumSessionExpiry: 1_209_600 });
  expect(listeners).toMatchObject([
    {
      url: "mqtts://[::]:8883",
      maximumConnections: 7,
      allowAnonymous: false,
      certificates: "commonName",
      tls: { certificate: files["/cert.pem"], key: files["/key.pem"], clientCa: files["/ca.pem"] },
    },
  ]);
  expect(users.passwordFile).toBe("/passwords");
  expect(log.level).toBe("warn");
  expect(persistence?.dir).toBe("/var/lib/m");
});

test("values that stand for no limit become the largest limits", () => {
  const { options: fixed, limits } = read(
    "max_packet_size 0\nmax_queued_messages 0\nmax_queued_bytes 0\nmemory_limit 0\nmax_connections -1",
  );
  expect(fixed).toMatchObject({
    maximumPacketSize: 268_435_456,
    outbox: { maximumCount: 1_000_000_000, maximumBytes: 2 ** 40 },
  });
  expect(limits.maximumMemory).toBe(2 ** 30);
});

test("without use_identity_as_username, clients need a certificate and a password", () => {
  const { listeners } = read(
    "password_file /passwords\nlistener 8883\ncafile /ca.pem\ncertfile /cert.pem\nkeyfile /key.pem\nrequire_certificate true",
  );
  expect(listeners).toMatchObject([{ certificates: undefined, tls: { clientCa: files["/ca.pem"] } }]);
});

test("cafile without require_certificate asks for no certificates", () => {
  const { listeners } = read(
    "allow_anonymous true\nlistener 8883\ncafile /ca.pem\ncertfile /cert.pem\nkeyfile /key.pem",
  );
  expect(listeners[0]?.tls?.clientCa).toBeUndefined();
});

test("an acl_file becomes rules that name its lines", () => {
  const { rules } = read("acl_file /acl");
  expect(rules.map(({ origin, users, topics }) => [origin, users, topics])).toEqual([["/acl:2", ["ann"], ["a/#"]]]);
});

test("with per_listener_settings, each listener has its own users, rules and allow_anonymous", () => {
  const { listeners, users, rules } = read(`per_listener_settings true
listener 1883 127.0.0.1
allow_anonymous true
listener 1884
password_file /passwords
acl_file /acl
listener 0 /run/${"m".repeat(60)}.sock
password_file /others
acl_file /acl
`);
  expect(listeners.map(({ name, allowAnonymous, users: own }) => [name, allowAnonymous, own?.passwordFile])).toEqual([
    [undefined, true, undefined],
    ["1884", false, "/passwords"],
    ["listener 3", false, "/others"],
  ]);
  expect(users.passwordFile).toBeUndefined();
  expect(rules.map(({ origin, listeners: where }) => [origin, where])).toEqual([
    ["/acl:2", ["1884"]],
    ["/acl:2", ["listener 3"]],
  ]);
});

test.each([
  [
    "lisener 1883",
    'm.conf:1: "lisener": is unknown; did you mean "listener"?; to start without it, pass --ignore-unknown',
  ],
  [
    "\ncapath /certs",
    "m.conf:2: capath: is not supported: Write the certificates into one file, and use cafile; to start without it, pass --ignore-unknown",
  ],
  [
    "auth_opt_db_host a",
    "m.conf:1: auth_opt_db_host: is not supported: Plugins of mosquitto are not supported; to start without it, pass --ignore-unknown",
  ],
  [
    "queue_qos0_messages true",
    'm.conf:1: queue_qos0_messages: "true" is not supported: the broker queues no QoS 0 messages for clients without a connection; to start without it, pass --ignore-unknown',
  ],
  [
    "tls_version tlsv1.1",
    'm.conf:1: tls_version: "tlsv1.1" is not supported: the broker accepts TLS 1.2 and 1.3; write tlsv1.2; to start without it, pass --ignore-unknown',
  ],
  ["persistence yes", 'm.conf:1: persistence: must be true or false, not "yes"'],
  ["persistence", "m.conf:1: persistence: requires a value"],
  ["max_keepalive 70000", 'm.conf:1: max_keepalive: must be an integer from 0 to 65535, not "70000"'],
  [
    "max_packet_size 10",
    'm.conf:1: max_packet_size: must be a size from 16B to 256MiB as a string with its unit (B, KiB, MiB or GiB), not "10B"',
  ],
  [
    "persistent_client_expiration 5x",
    'm.conf:1: persistent_client_expiration: must be an integer and h, d, w, m or y, such as "14d", not "5x"',
  ],
  ["protocol http", 'm.conf:1: protocol: must be mqtt or websockets, not "http"'],
  ["listener 0", 'm.conf:1: listener: must have port 0 and a path, or another port and no path, not "0"'],
  [
    "listener 70000",
    'm.conf:1: listener: must be a port, and then an address, a host or the path of a Unix socket, not "70000"',
  ],
  ["log_dest printer", 'm.conf:1: log_dest: must be stdout, syslog, topic, file, dlt, stderr or none, not "printer"'],
  ["password_file /missing", 'm.conf:1: password_file: the file "/missing" cannot be read (ENOENT)'],
  ["acl_file /missing", 'm.conf:1: acl_file: "/missing" cannot be read: ENOENT'],
  ["include_dir /missing", 'm.conf:1: include_dir: "/missing" cannot be read: ENOENT'],
  ["include_dir /nested", "/nested/c.conf:1: include_dir: is allowed in the main file only"],
  [
    "listener 1883",
    "m.conf:1: listener: no client could log in at this listener; write password_file, require_certificate with use_identity_as_username, or allow_anonymous true",
  ],
  [
    "allow_anonymous true\nlistener 8883\ncertfile /cert.pem",
    "m.conf:2: keyfile: is required and missing; its type is path",
  ],
  [
    "allow_anonymous true\nlistener 8883\ncertfile /cert.pem\nkeyfile /other-key.pem",
    "m.conf:4: keyfile: does not belong to cert; pass the key of this certificate",
  ],
  [
    "allow_anonymous true\nlistener 8883\ncertfile /cert.pem\nkeyfile /key.pem\nrequire_certificate true",
    "m.conf:2: require_certificate: requires cafile, the authorities of the clients' certificates",
  ],
  [
    "allow_anonymous true\nlistener 1883\nlistener 1883 127.0.0.1",
    "m.conf:3: listener: port 1883 of this address is used by another listener; choose another port",
  ],
  [
    "allow_anonymous true\nlistener 1883\nmax_qos 1\nlistener 1884\nmax_qos 0",
    'm.conf:5: max_qos: "0" is not supported: must be the same for all listeners; line 3 has 1; to start without it, pass --ignore-unknown',
  ],
  [
    "per_listener_settings true\nlistener 1883\npassword_file /passwords\nlistener 1884",
    "m.conf:4: listener: no client could log in at this listener; write password_file, require_certificate with use_identity_as_username, or allow_anonymous true",
  ],
  [
    "per_listener_settings true\nlistener 1883\npassword_file /bad-passwords",
    'm.conf:3: password_file: /bad-passwords:1: must be a name, ":" and a password hash',
  ],
  [
    "per_listener_settings true\nlistener 1883\nallow_anonymous true\nacl_file /missing",
    'm.conf:4: acl_file: "/missing" cannot be read: ENOENT',
  ],
])("%j: %s", (text, message) => {
  expect(problemsOf(text)).toEqual([message]);
});

test("each line of an acl_file that is not valid is reported", () => {
  expect(problemsOf("acl_file /wrong-acl")).toEqual([expect.stringContaining("m.conf:1: acl_file: /wrong-acl:1: ")]);
});

test("with ignoreUnknown, unknown and unsupported options are warnings", () => {
  const { configuration, warnings } = reading(
    "lisener 5\ncapath /certs\nqueue_qos0_messages true\nbridge_psk a\n",
    true,
  );
  expect(configuration?.listeners).toHaveLength(1);
  expect(warnings?.map(({ line, message }) => [line, message.endsWith("it is ignored")])).toEqual([
    [1, true],
    [2, true],
    [3, true],
    [4, true],
  ]);
  expect(reading("persistence yes", true).problems).toHaveLength(1);
});

test("any text gives a configuration or problems with a line of it", () => {
  const name = fc.constantFrom(
    ...["listener", "port", "protocol", "max_qos", "allow_anonymous", "certfile", "keyfile", "cafile", "include_dir"],
    ...[
      "password_file",
      "acl_file",
      "persistence",
      "max_connections",
      "log_type",
      "per_listener_settings",
      "__proto__",
    ],
    ...["connection", "address", "topic", "restart_timeout", "notification_topic", "bridge_cafile", "remote_password"],
    ...["require_certificate", "auth_opt_", "max_packet_size", "persistent_client_expiration", "bind_address"],
  );
  const value = fc.oneof(
    fc.constantFrom("true", "0", "1883", "1884 ::1", "0 /a", "websockets", "/cert.pem", "/key.pem", "/ca.pem", "/acl"),
    fc.constantFrom("/conf.d", "/nested", "/passwords", "14d", "-1", "", "99999999999", "a b c"),
    fc.constantFrom("host:1883 [::1]:1", "a/# both 2 l/ r/", '"" in 0 l r', "5 30", "file:/x"),
    fc.string(),
    fc.string({ unit: "binary" }),
  );
  const line = fc.oneof(
    fc.tuple(name, value).map((parts) => parts.join(" ")),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), fc.boolean(), (lines, ignoreUnknown) => {
      const text = lines.join("\n");
      const { configuration, problems, warnings } = reading(text, ignoreUnknown);
      expect((configuration === undefined) !== (problems === undefined)).toBe(true);
      const count = text.split("\n").length;
      for (const each of [...(problems ?? []), ...(warnings ?? [])]) {
        expect(each.message).not.toBe("");
        if (each.file === "m.conf") expect(each.line).toBeLessThanOrEqual(count);
      }
    }),
    { numRuns: 500 },
  );
});
