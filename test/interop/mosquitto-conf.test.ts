// The same mosquitto.conf in mosquitto and in our broker: both accept the same clients.
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { type ConnectOptions, connect } from "@aiko/mqtt";
import { BrokerService, readMosquittoConfiguration } from "@aiko/mqtt-broker/service";
import { problemText } from "@aiko/mqtt-configuration";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Authority } from "../fixtures/certificates.ts";
import { Child } from "../fixtures/child.ts";
import { freePort } from "../fixtures/free-port.ts";

const authority = await Authority.named("Devices");
const server = await authority.issue(["127.0.0.1"]);
const pump = await authority.issue(["pump"]);
const foreign = await (await Authority.named("Others")).issue(["pump"]);
const ca = authority.certificate;

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "aiko-mosquitto-conf-"));
  const contents = {
    cert: server.certificate,
    key: server.key,
    ca,
    acl: "topic read a/#\nuser ann\ntopic readwrite #\n",
  };
  for (const [name, content] of Object.entries(contents)) writeFileSync(join(folder, name), content);
  const passwords = join(folder, "passwords");
  await using child = new Child("mosquitto_passwd", "mosquitto_passwd", ["-c", "-b", passwords, "ann", "secret"]);
  expect(await child.code()).toBe(0);
  chmodSync(passwords, 0o600);
});
afterAll(() => rmSync(folder, { recursive: true }));

const TLS = "certfile DIR/cert\nkeyfile DIR/key\ncafile DIR/ca\n";
const configurations: Readonly<Record<string, string>> = {
  "anonymous clients": "listener PORT 127.0.0.1\nallow_anonymous true",
  "a password file": "listener PORT 127.0.0.1\npassword_file DIR/passwords",
  "a password file and anonymous clients": "listener PORT 127.0.0.1\npassword_file DIR/passwords\nallow_anonymous true",
  "the default listener": "port PORT\nbind_address 127.0.0.1\nallow_anonymous true",
  "settings of each listener":
    "per_listener_settings true\nlistener PORT 127.0.0.1\npassword_file DIR/passwords\nallow_anonymous false",
  "users and rules of each listener":
    "per_listener_settings true\nlistener PORT 127.0.0.1\npassword_file DIR/passwords\nallow_anonymous true\nacl_file DIR/acl\nlistener 0 DIR/PORT.socket\nallow_anonymous true",
  "an included directory": "include_dir DIR/conf.d",
  TLS: `listener PORT 127.0.0.1\nallow_anonymous true\n${TLS}`,
  "certificates as users": `listener PORT 127.0.0.1\n${TLS}require_certificate true\nuse_identity_as_username true`,
  "certificates and passwords": `listener PORT 127.0.0.1\npassword_file DIR/passwords\n${TLS}require_certificate true`,
  "an ACL": "listener PORT 127.0.0.1\npassword_file DIR/passwords\nallow_anonymous true\nacl_file DIR/acl",
};

const credentials: Readonly<Record<string, ConnectOptions>> = {
  nobody: {},
  ann: { username: "ann", password: "secret" },
  "ann with a wrong password": { username: "ann", password: "wrong" },
  ben: { username: "ben", password: "secret" },
};

const identities = { none: undefined, pump, foreign };

/** What happens to each client: it is refused, or it may publish to a and to a/b, or not. */
async function outcomes(scheme: string, port: number): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const [name, options] of Object.entries(credentials)) {
    for (const [who, identity] of Object.entries(scheme === "mqtts" ? identities : { none: undefined })) {
      const tls = scheme === "mqtts" ? { tls: { ca, ...identity } } : {};
      found[`${name}, certificate: ${who}`] = await outcome(`${scheme}://127.0.0.1:${port}`, { ...options, ...tls });
    }
  }
  return found;
}

async function outcome(url: string, options: ConnectOptions): Promise<unknown> {
  const client = await connect(url, { reconnect: false, ...options }).catch(() => undefined);
  if (client === undefined) return "refused";
  const published = await client.publish("a/b", "", { qos: 1 }).then(
    () => true,
    () => false,
  );
  await client.disconnect();
  return { publishes: published };
}

function mkdirAt(directory: string, contents: Readonly<Record<string, string>>): void {
  mkdirSync(directory);
  for (const [name, content] of Object.entries(contents)) writeFileSync(join(directory, name), content);
}

function write(configuration: string, port: number): { path: string; text: string } {
  const placed = configuration.replaceAll("PORT", String(port)).replaceAll("DIR", folder);
  const path = join(folder, "mosquitto.conf");
  const text = `user ${userInfo().username}\n${placed}\n`;
  writeFileSync(path, text);
  return { path, text };
}

test.each(Object.entries(configurations))("%s", async (name, configuration) => {
  const scheme = configuration.includes("certfile") ? "mqtts" : "mqtt";
  const included = join(folder, "conf.d");
  const include = (port: number): void => {
    rmSync(included, { recursive: true, force: true });
    if (name !== "an included directory") return;
    mkdirAt(included, {
      "b.conf": "max_keepalive 60\n",
      "a.conf": `listener ${port} 127.0.0.1\nallow_anonymous true\n`,
    });
  };
  const port = await freePort();
  include(port);
  const { path } = write(configuration, port);
  await using mosquitto = await new Child("mosquitto", "mosquitto", ["-c", path]).once((it) => it.noted(" running"));
  const theirs = await outcomes(scheme, port);
  mosquitto.kill("SIGTERM");

  const own = await freePort();
  include(own);
  const { text } = write(configuration, own);
  const { configuration: read, problems = [] } = readMosquittoConfiguration(text, {
    file: "mosquitto.conf",
    environment: {},
    readFile: (file) => readFileSync(file, "utf8"),
    readDirectory: (directory) => readdirSync(directory),
  });
  expect(problems.map(problemText)).toEqual([]);
  if (read === undefined) throw new Error("not read");
  const service = await BrokerService.start(read, { log: () => undefined });
  const ours = await outcomes(scheme, own);
  await service.stop();
  expect(ours).toEqual(theirs);
});
