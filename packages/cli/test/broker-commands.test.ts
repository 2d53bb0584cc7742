// The commands of the broker as users run them: child processes, from the build.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, type ConnectOptions, connect } from "@aiko/mqtt";
import { hashPassword } from "@aiko/mqtt-broker/service";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { Authority } from "../../../test/fixtures/certificates.ts";
import { Child, run } from "../../../test/fixtures/child.ts";
import { freePort } from "../../../test/fixtures/free-port.ts";

const authority = await Authority.named("Devices");
const first = await authority.issue(["127.0.0.1"]);
const second = await authority.issue(["127.0.0.1", "second.example"]);
const ca = authority.certificate;
const PASSWORD = "pa55-w0rd";
const { text: stored } = await hashPassword(Buffer.from(PASSWORD));

let directory: string;
let file: string;
const children: Child[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "aiko-broker-cli-"));
  file = join(directory, "b.toml");
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
  for (const { lines, notes } of children.splice(0)) {
    const output = [...lines, ...notes].join("\n");
    expect(output).not.toContain(PASSWORD);
    expect(output).not.toContain("$scrypt$");
    expect(output).not.toContain("PRIVATE KEY");
  }
});

function broker(...args: string[]): Child {
  const child = Child.command("aiko-mqtt", ["broker", ...args]);
  children.push(child);
  return child;
}

function write(name: string, content: string, mode = 0o600): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

const PLAIN = '[[listener]]\nurl = "mqtt://127.0.0.1:0"\n';
const configure = (content: string): string => write("b.toml", content);

async function urlOf(child: Child): Promise<string> {
  return (await child.said("listening on")).replace("listening on ", "");
}

async function connected(url: string, options: ConnectOptions = {}): Promise<Client> {
  const client = await connect(url, { reconnect: false, ...options });
  onTestFinished(() => client.disconnect());
  return client;
}

const refused = (url: string, options: ConnectOptions = {}) =>
  expect(connect(url, { reconnect: false, ...options })).rejects.toMatchObject({ code: expect.any(String) });

describe("broker --config", () => {
  // The machine may stop during one attempt.
  test("runs by a file, and ends on SIGTERM within 2 s, also with clients", { retry: 3 }, async () => {
    configure(`${PLAIN}[log]\nlevel = "warn"`);
    await using child = broker("--config", file);
    await connected(await urlOf(child));
    const began = performance.now();
    child.kill("SIGTERM");
    expect(await child.code()).toBe(0);
    expect(performance.now() - began).toBeLessThan(4_000);
    expect(child.notes).toEqual([]);
  });

  test("reloads users, rules and certificates on SIGHUP, and clients stay", async () => {
    const [cert, key] = [write("cert.pem", first.certificate), write("key.pem", first.key)];
    const passwords = write("passwords", `ann:${stored}\n`);
    const text = `[[listener]]\nurl = "mqtts://127.0.0.1:0"\ntls = { cert = "${cert}", key = "${key}" }\n[users]\npassword_file = "${passwords}"\n`;
    configure(text);
    await using child = broker("-c", file);
    const url = await urlOf(child);
    const ann = { username: "ann", password: PASSWORD, tls: { ca } };
    const staying = await connected(url, ann);
    await refused(url, { ...ann, username: "ben" });
    write("passwords", `ann:${stored}\nben:${stored}\n`);
    write("cert.pem", second.certificate);
    write("key.pem", second.key);
    configure(`${text}[[rule]]\nusers = ["ann"]\nallow = "write"\ntopics = "a"\n`);
    child.kill("SIGHUP");
    await child.noted("the configuration was reloaded");
    await connected(url, { ...ann, username: "ben" });
    await staying.publish("a", "", { qos: 1 });
    await expect(staying.publish("b", "", { qos: 1 })).rejects.toMatchObject({ reasonCode: 0x87 });
    await child.noted("publishRefused");
  });

  test("keeps the former configuration if the file is not valid, and names keys that need a restart", async () => {
    configure(PLAIN);
    await using child = broker("-c", file);
    const url = await urlOf(child);
    const client = await connected(url);
    configure(`${PLAIN}[brokr]\n[[rule]]\ndeny = "wriet"\ntopics = "#"`);
    child.kill("SIGHUP");
    await child.noted(`error: ${file}:3: brokr: unknown key "brokr"; did you mean "broker"?`);
    await child.noted(`error: ${file}:5: rule[0].deny: must be`);
    await child.noted("error: the configuration was not reloaded; the broker continues with the one before");
    await client.publish("a", "", { qos: 1 });
    configure(`${PLAIN}[broker]\nmax_packet_size = "1MiB"`);
    child.kill("SIGHUP");
    await child.noted("warning: broker.max_packet_size has changed; restart the broker to apply it");
    await client.publish("a", "", { qos: 1 });
  });

  test("writes JSON lines for programs", async () => {
    configure(`${PLAIN}[log]\nlevel = "debug"`);
    await using child = broker("-c", file, "--log-format", "json");
    await (await connected(await urlOf(child), { clientId: "c" })).disconnect();
    const line = await child.noted('"message":"connected"');
    expect(JSON.parse(line)).toMatchObject({ level: "info", message: "connected", client: "c", version: "5.0" });
  });

  test("ends with 78 if the file is not valid or missing", async () => {
    configure("[lisener]\n[broker]\nmax_qos = 3\n");
    expect(await run(broker("-c", file))).toEqual({
      code: 78,
      lines: [],
      notes: [
        expect.stringContaining(`${file}:1: lisener: unknown key "lisener"; did you mean "listener"?`),
        expect.stringContaining(`${file}:3: broker.max_qos: must be 0, 1 or 2, not 3`),
      ],
    });
    const missing = await run(broker("-c", join(directory, "no.toml")));
    expect([missing.code, missing.notes]).toEqual([78, [expect.stringContaining("ENOENT")]]);
  });

  test.each([
    [["--port", "0"], "--port cannot be combined with --config"],
    [["--allow-anonymous"], "--allow-anonymous cannot be combined with --config"],
    [["--log-format", "xml"], "--log-format xml: must be text or json"],
  ])("cannot be combined with %j", async (args, message) => {
    configure(PLAIN);
    const { code, notes } = await run(broker("-c", file, ...args));
    expect([code, notes]).toEqual([1, [expect.stringContaining(message)]]);
  });
});

describe("broker with options", () => {
  test("requires passwords with --password-file, over TLS with --cert and --key, and reads both again", async () => {
    const [cert, key] = [write("cert.pem", first.certificate), write("key.pem", first.key)];
    const passwords = write("passwords", `ann:${stored}\n`, 0o644);
    const files = ["--cert", cert, "--key", key, "--password-file", passwords];
    await using child = broker("-h", "0.0.0.0", "-p0", "-v", ...files);
    const url = await urlOf(child);
    expect(url).toMatch(/^mqtts:\/\/0\.0\.0\.0:\d+$/);
    await child.noted(`warning: ${passwords}: every user of this machine can read it`);
    const local = url.replace("0.0.0.0", "127.0.0.1");
    await connected(local, { username: "ann", password: PASSWORD, tls: { ca } });
    await child.noted("info: connected client=");
    await refused(local, { tls: { ca } });
    write("passwords", `ben:${stored}\n`);
    child.kill("SIGHUP");
    await child.noted("the configuration was reloaded");
    await connected(local, { username: "ben", password: PASSWORD, tls: { ca } });
    await child.noted("disconnected");
  });

  test("requires client certificates with --cafile", async () => {
    const [cert, key, cafile] = [
      write("cert.pem", first.certificate),
      write("key.pem", first.key),
      write("ca.pem", ca),
    ];
    await using child = broker("-p0", "--cert", cert, "--key", key, "--cafile", cafile);
    const url = await urlOf(child);
    const pump = await authority.issue(["pump"]);
    await connected(url, { tls: { ca, certificate: pump.certificate, key: pump.key } });
    await refused(url, { tls: { ca } });
  });

  test.each([
    [
      ["-h", "0.0.0.0"],
      "--host 0.0.0.0: 0.0.0.0 means every address of this machine; pass --password-file, --cafile or --allow-anonymous",
    ],
    [["-h", "192.0.2.1"], "--host 192.0.2.1: 192.0.2.1 may be reachable from other machines; pass --password-file"],
    [["--key", "k"], "missing required option --cert, for --key"],
    [["--cafile", "k"], "missing required option --cert, for --cafile"],
    [["--cert", "c"], "missing required option --key, for --cert"],
    [["--cert", "/missing.pem", "--key", "/missing.pem"], '--cert: the file "/missing.pem" cannot be read (ENOENT)'],
    [["--password-file", "/missing"], '--password-file: the file "/missing" cannot be read (ENOENT)'],
    [["--unix", "/a", "--cert", "c", "--key", "k"], "--unix cannot be combined with --cert, --key and --cafile"],
    [["--websocket-port", "0", "--allowed-origin", "a"], '--allowed-origin: "a": is not an origin'],
    [["b.toml"], 'unexpected argument "b.toml"'],
  ])("%j: one line and exit code 1", async (args, message) => {
    const { code, lines, notes } = await run(broker(...args));
    expect(notes).toEqual([expect.stringContaining(message)]);
    expect([code, lines]).toEqual([1, []]);
  });
});

describe("broker check", () => {
  test("says that a configuration is valid, and what may be wrong with it", async () => {
    const soon = await authority.issue(["127.0.0.1"], { until: 10 });
    const [cert, key] = [write("cert.pem", soon.certificate), write("key.pem", soon.key)];
    configure(
      `[[listener]]\nurl = "mqtts://0.0.0.0:0"\nallow_anonymous = true\ntls = { cert = "${cert}", key = "${key}" }\n[[rule]]\nallow = "read"\ntopics = "#"`,
    );
    const { code, lines, notes } = await run(broker("check", file));
    expect([code, lines]).toEqual([0, [`${file}: valid; 1 listener, 1 rule`]]);
    expect(notes).toEqual([
      expect.stringContaining("warning: the certificate of mqtts://0.0.0.0:0 expires on "),
      expect.stringContaining("warning: other machines can connect to mqtts://0.0.0.0:0 without a user name"),
    ]);
  });

  test("ends with 78 and all problems", async () => {
    const old = await authority.issue(["127.0.0.1"], { from: -10, until: -1 });
    const [cert, key] = [write("cert.pem", old.certificate), write("key.pem", old.key)];
    configure(`[[listener]]\nurl = "mqtts://127.0.0.1:0"\ntls = { cert = "${cert}", key = "${key}" }`);
    const expired = await run(broker("check", file));
    expect([expired.code, expired.notes]).toEqual([78, [expect.stringContaining("has expired on")]]);
    configure("[[listener]]\nurl = 5\n[[rule]]\n");
    const { code, notes } = await run(broker("check", "--config", file));
    expect(code).toBe(78);
    expect(notes).toHaveLength(3);
  });
});

test("broker schema prints the JSON Schema", async () => {
  const { code, lines } = await run(broker("schema"));
  expect(code).toBe(0);
  expect(JSON.parse(lines.join("\n"))).toMatchObject({ title: "Configuration of the Aiko MQTT broker" });
});

describe("broker explain", () => {
  beforeEach(() => {
    const passwords = write("passwords", `ann:${stored}\n`);
    configure(
      `[users]\npassword_file = "${passwords}"\n[[rule]]\nusers = "ann"\nallow = ["read", "write"]\ntopics = "home/%u/#"\n[[rule]]\ndeny = "write"\ntopics = "home/+/locked"\n`,
    );
  });

  test("names the rule that decides about each action", async () => {
    const { code, lines } = await run(broker("explain", file, "--user", "ann", "--topic", "home/ann/locked"));
    expect(code).toBe(0);
    expect(lines).toEqual([
      `read: allowed by ${file}:3, topics home/%u/#`,
      `write: denied by ${file}:7, topics home/+/locked`,
      `subscribe: allowed by ${file}:3, topics home/%u/#`,
    ]);
  });

  test("decides about a topic filter, and a client without a user", async () => {
    const { lines } = await run(broker("explain", file, "--client", "c", "-t", "home/#"));
    expect(lines).toEqual(["subscribe: denied: no rule allows it"]);
  });

  test("names the lines of an acl_file of mosquitto", async () => {
    const acl = write("acl", "user ann\ntopic read home/#\n");
    const conf = write("m.conf", `acl_file ${acl}\n`);
    const { code, lines } = await run(broker("explain", "--mosquitto-conf", conf, "-u", "ann", "-t", "home/door"));
    expect([code, lines[0]]).toEqual([0, `read: allowed by ${acl}:2, topics home/#`]);
  });

  test("decides about a client of a listener that has rules of its own", async () => {
    const acl = write("acl", "topic read a\n");
    const conf = write(
      "m.conf",
      `per_listener_settings true\nlistener 1883\nallow_anonymous true\nlistener 1884\nallow_anonymous true\nacl_file ${acl}\n`,
    );
    const explain = (listener: string) =>
      run(broker("explain", "--mosquitto-conf", conf, "-t", "b/#", "--listener", listener));
    expect((await explain("1883")).lines).toEqual(["subscribe: allowed: there are no rules"]);
    expect((await explain("1884")).lines).toEqual(["subscribe: denied: no rule allows it"]);
  });

  test("rejects a topic that is not valid", async () => {
    const { code, notes } = await run(broker("explain", file, "-t", "a#"));
    expect([code, notes]).toEqual([1, [expect.stringContaining('"a#"')]]);
  });
});

describe("broker --persist", () => {
  test("keeps retained messages through SIGKILL, and has one process for each directory", async () => {
    const dir = join(directory, "sessions");
    const child = broker("-p0", "--persist", dir);
    await (await connected(await urlOf(child))).publish("a", "kept", { qos: 1, retain: true });
    const { code, notes } = await run(broker("-p0", "--persist", dir));
    expect([code, notes]).toEqual([73, [expect.stringContaining("another process")]]);
    child.kill("SIGKILL");
    await child.ended();
    await using next = broker("-p0", "--persist", dir);
    const subscription = await (await connected(await urlOf(next))).subscribe("a");
    for await (const message of subscription) {
      expect(message.text()).toBe("kept");
      break;
    }
  });

  test("ends with 74 if the directory cannot be used", async () => {
    const { code, notes } = await run(broker("-p0", "--persist", write("file", "")));
    expect([code, notes]).toEqual([74, [expect.any(String)]]);
  });
});

describe("broker --mosquitto-conf", () => {
  test("runs by a file of mosquitto, notes what differs, and reads it again", async () => {
    const passwords = write("passwords", `ann:${stored}\n`);
    const acl = write("acl", "user ann\ntopic readwrite a/#\n");
    const conf = write(
      "mosquitto.conf",
      `pid_file /run/m.pid\nper_listener_settings false\nlistener ${await freePort()} 127.0.0.1\npassword_file ${passwords}\nacl_file ${acl}\n`,
    );
    await using child = broker("--mosquitto-conf", conf, "-v");
    await child.noted(`warning: ${conf}:1: pid_file: No file is written`);
    const client = await connected(await urlOf(child), { username: "ann", password: PASSWORD });
    await client.publish("a/b", "", { qos: 1 });
    await expect(client.publish("b", "", { qos: 1 })).rejects.toMatchObject({ reasonCode: 0x87 });
    write("acl", "user ann\ntopic readwrite b/#\n");
    child.kill("SIGHUP");
    await child.noted("the configuration was reloaded");
    await client.publish("b/c", "", { qos: 1 });
    await expect(client.publish("a/b", "", { qos: 1 })).rejects.toMatchObject({ reasonCode: 0x87 });
  });

  test("does not start if an option is not supported, unless that is asked for", async () => {
    const conf = write(
      "mosquitto.conf",
      `listener ${await freePort()} 127.0.0.1\nallow_anonymous true\nmount_point a/\n`,
    );
    const { code, notes } = await run(broker("--mosquitto-conf", conf));
    expect([code, notes]).toEqual([78, [expect.stringContaining(`${conf}:3: mount_point: is not supported`)]]);
    expect(await run(broker("check", "--mosquitto-conf", conf))).toMatchObject({ code: 78 });
    await using child = broker("--mosquitto-conf", conf, "--ignore-unknown");
    await child.said("listening on");
    await child.noted("it is ignored");
    const checked = await run(broker("check", "--mosquitto-conf", conf, "--ignore-unknown"));
    expect([checked.code, checked.lines]).toEqual([0, [`${conf}: valid; 1 listener, 0 rules`]]);
  });

  test.each([
    [["--ignore-unknown"], "--ignore-unknown requires --mosquitto-conf"],
    [["--mosquitto-conf", "m", "--config", "c"], "--config cannot be combined with --mosquitto-conf"],
    [["--mosquitto-conf", "m", "--port", "0"], "--port cannot be combined with --mosquitto-conf"],
  ])("%j: one line and exit code 1", async (args, message) => {
    const { code, notes } = await run(broker(...args));
    expect([code, notes]).toEqual([1, [expect.stringContaining(message)]]);
  });
});

describe("broker backup and broker inspect", () => {
  test("copy and list what a running broker has stored", async () => {
    const [dir, target] = [join(directory, "sessions"), join(directory, "backup")];
    await using child = broker("-p0", "--persist", dir);
    await (await connected(await urlOf(child))).publish("a/\u0085", "kept", { qos: 1, retain: true });
    const { code, lines } = await run(broker("backup", dir, target));
    expect([code, lines]).toEqual([0, [expect.stringMatching(/backup: \d+ records, \d+ bytes$/)]]);
    const inspected = await run(broker("inspect", target));
    expect(inspected.code).toBe(0);
    expect(inspected.lines.join("\n")).not.toContain("\u0085");
    expect(JSON.parse(inspected.lines.join("\n"))).toMatchObject({
      unusable: 0,
      sessions: [],
      retained: [{ topic: "a/\u0085", qos: 1, bytes: 4 }],
    });
    expect(await run(broker("backup", dir, target))).toMatchObject({
      code: 74,
      notes: [expect.stringContaining("exists already")],
    });
  });

  test("name what is missing", async () => {
    expect(await run(broker("inspect", directory))).toMatchObject({
      code: 74,
      notes: [expect.stringContaining("contains no sessions of a broker")],
    });
    expect((await run(broker("inspect"))).notes.join("\n")).toContain("missing argument: DIR");
    expect((await run(broker("backup", directory))).notes.join("\n")).toContain("missing argument: DIR TARGET");
  });
});
