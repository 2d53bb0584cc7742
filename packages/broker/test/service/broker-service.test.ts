// A service that follows its configuration: who may connect, what a reload changes, and what stays.
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { type Client, type ConnectOptions, connect } from "@aiko/mqtt";
import { BrokerService } from "@aiko/mqtt-broker/service";
import { problemText } from "@aiko/mqtt-configuration";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../../../../test/fixtures/free-port.ts";
import type { BrokerConfiguration } from "../../src/service/broker-configuration.ts";
import { readBrokerConfiguration } from "../../src/service/read-broker-configuration.ts";
import { hashPassword } from "../../src/users/password-hasher.ts";
import { authority, files, options } from "./samples.ts";

const [ann, other] = await Promise.all(
  ["pa55word", "other"].map(async (each) => (await hashPassword(Buffer.from(each))).text),
);

function read(text: string): BrokerConfiguration {
  const { configuration, problems } = readBrokerConfiguration(text, options);
  if (configuration === undefined) throw new Error(problems.map(problemText).join("\n"));
  return configuration;
}

interface Running {
  readonly service: BrokerService;
  readonly lines: string[];
}

async function started(text: string): Promise<Running> {
  const lines: string[] = [];
  const service = await BrokerService.start(read(text), { log: (line) => lines.push(line) });
  onTestFinished(() => service.stop());
  return { service, lines };
}

async function connected(url: string | undefined, more: ConnectOptions = {}): Promise<Client> {
  const client = await connect(url ?? "", { reconnect: false, ...more });
  onTestFinished(() => client.disconnect());
  return client;
}

const refused = (url: string | undefined, more: ConnectOptions = {}) =>
  expect(connect(url ?? "", { reconnect: false, ...more })).rejects.toMatchObject({ code: expect.any(String) });

/** What the client learns when its connection ends. */
const endOf = (client: Client) => new Promise((resolve) => client.once("disconnected", ({ error }) => resolve(error)));

/** A listener at a free port. The name tells it from others. */
const plain = (name: string, more = ""): string =>
  `[[listener]]\nurl = "mqtt://127.0.0.1:0"\nname = "${name}"\n${more}\n`;

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "aiko-service-"));
  onTestFinished(() => rm(path, { recursive: true }));
  return path;
}

/** A port that is in use until the test is over. */
async function taken(): Promise<{ port: number }> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve, reject) => server.once("listening", resolve).once("error", reject));
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return { port: (server.address() as AddressInfo).port };
}

test("a user name that is not verified gives no identity", async () => {
  const { service, lines } = await started(plain("a"));
  await connected(service.urls[0], { username: "admin" });
  expect([...service.broker.clients].map(({ identity }) => identity)).toEqual([undefined]);
  expect(lines.at(-1)).toMatch(/^info: connected client=\S+ version=5.0 address=127.0.0.1 session=new$/);
});

test("a client certificate is an identity, for which rules may be", async () => {
  const { service } = await started(`
[[listener]]
url = "mqtts://127.0.0.1:0"
tls = { cert = "/cert.pem", key = "/key.pem", client_ca = "/ca.pem" }
[[rule]]
users = "pump"
allow = ["read", "write", "subscribe"]
topics = "%u/#"
`);
  const { certificate, key } = await authority.issue(["pump"]);
  const [url] = service.urls;
  const tls = { ca: authority.certificate };
  const pump = await connected(url, { tls: { ...tls, certificate, key } });
  const subscription = await pump.subscribe("pump/#");
  await pump.publish("pump/on", "1", { qos: 1 });
  for await (const message of subscription) {
    expect(message.topic).toBe("pump/on");
    break;
  }
  await expect(pump.subscribe("other/#")).rejects.toMatchObject({ code: "SUBSCRIBE_REFUSED" });
  await refused(url, { tls });
});

test("a client may need a certificate and a password", async () => {
  files["/passwords"] = `ann:${ann}\n`;
  const { service } = await started(`
[[listener]]
url = "mqtts://127.0.0.1:0"
tls = { cert = "/cert.pem", key = "/key.pem", client_ca = "/ca.pem", client_identity = "none" }
[users]
password_file = "/passwords"
`);
  const { certificate, key } = await authority.issue(["pump"]);
  const tls = { ca: authority.certificate, certificate, key };
  await connected(service.urls[0], { tls, username: "ann", password: "pa55word" });
  await refused(service.urls[0], { tls });
  await refused(service.urls[0], { tls: { ca: tls.ca }, username: "ann", password: "pa55word" });
  expect([...service.broker.clients].map(({ identity }) => identity)).toEqual(["ann"]);
});

test("a reload replaces the rules, and clients stay", async () => {
  const { service, lines } = await started(plain("a"));
  const client = await connected(service.urls[0]);
  await client.publish("a", "", { qos: 1 });
  await service.reload(read(`${plain("a")}[[rule]]\nallow = "write"\ntopics = "b"`));
  await expect(client.publish("a", "", { qos: 1 })).rejects.toMatchObject({ reasonCode: 0x87 });
  await client.publish("b", "", { qos: 1 });
  expect(lines.join("\n")).toContain('action=write topic=a reason="no rule allows it"');
});

test("a reload opens and closes listeners; clients of the others stay", async () => {
  const { service } = await started(plain("a") + plain("b"));
  const [a, b] = service.urls;
  const [staying, leaving] = [await connected(a), await connected(b)];
  const end = endOf(leaving);
  await service.reload(read(plain("c") + plain("a")));
  expect(await end).toMatchObject({ reasonCode: 0x98 });
  expect(service.urls).toEqual([expect.any(String), a]);
  await staying.publish("a", "", { qos: 1 });
  await connected(service.urls[0]);
  await refused(b);
});

test("a reload changes the limits of the broker and of listeners, and clients stay", async () => {
  const { service } = await started(plain("a"));
  const [url] = service.urls;
  const first = await connected(url);
  await service.reload(read(plain("a", "max_connections = 1")));
  await refused(url);
  await service.reload(read(`${plain("a")}[broker]\nmax_sessions = 1`));
  await refused(url);
  await service.reload(read(plain("a")));
  await connected(url);
  await first.publish("a", "", { qos: 1 });
});

test("users log in with their passwords, and anonymous clients only where it is allowed", async () => {
  files["/passwords"] = `ann:${ann}\n`;
  const { service, lines } = await started(
    `${plain("a")}${plain("b", "allow_anonymous = true")}[users]\npassword_file = "/passwords"`,
  );
  const [a, b] = service.urls;
  await connected(a, { username: "ann", password: "pa55word" });
  await refused(a, { username: "ann", password: "wr0ngword" });
  await refused(a, { username: "ben", password: "pa55word" });
  await refused(a);
  await connected(b);
  await refused(b, { username: "ben", password: "pa55word" });
  expect([...service.broker.clients].map(({ identity }) => identity)).toEqual(["ann", undefined]);
  expect(lines.join("\n")).not.toMatch(/pa55word|wr0ngword|scrypt/);
});

test("listeners may have users of their own, which a reload replaces", async () => {
  files["/passwords"] = `ann:${ann}\n`;
  files["/others"] = `ann:${other}\nben:${ann}\n`;
  const text = `${plain("a")}${plain("b", 'password_file = "/others"')}[users]\npassword_file = "/passwords"`;
  const { service } = await started(text);
  const [a, b] = service.urls;
  const password = "pa55word";
  const staying = await connected(a, { username: "ann", password });
  const leaving = [
    await connected(b, { username: "ben", password }),
    await connected(b, { username: "ann", password: "other" }),
  ];
  await refused(a, { username: "ben", password });
  await refused(b, { username: "ann", password });
  const ends = leaving.map(endOf);
  files["/others"] = `ann:${ann}\n`;
  await service.reload(read(text));
  for (const end of await Promise.all(ends)) expect(end).toMatchObject({ reasonCode: 0x87 });
  await staying.publish("a", "", { qos: 1 });
  await connected(b, { username: "ann", password });
});

test("a reload disconnects users that were removed, or whose password changed, and anonymous clients", async () => {
  const text = (allowed: boolean, more = "") =>
    `${plain("a", `allow_anonymous = ${allowed}`)}${plain("b", "allow_anonymous = true")}[users]\npassword_file = "/passwords"\n${more}`;
  files["/passwords"] = `ann:${ann}\nben:${ann}\ncid:${ann}\n`;
  const { service } = await started(text(true));
  const [a, b] = service.urls;
  const password = "pa55word";
  const staying = [await connected(a, { username: "ann", password }), await connected(b)];
  const leaving = [
    await connected(a, { username: "ben", password }),
    await connected(a, { username: "cid", password }),
    await connected(a),
  ];
  const ends = leaving.map(endOf);
  files["/passwords"] = `ann:${ann}\ncid:${other}\n`;
  await service.reload(read(text(false)));
  for (const end of await Promise.all(ends)) expect(end).toMatchObject({ reasonCode: 0x87 });
  for (const client of staying) await client.publish("a", "", { qos: 1 });
  await refused(a, { username: "ben", password });
  await refused(a, { username: "cid", password });
  await connected(a, { username: "cid", password: "other" });
});

test("a reload that fails keeps the former users", async () => {
  files["/passwords"] = `ann:${ann}\n`;
  const { port } = await taken();
  const text = (more: string) => `${plain("a")}${more}[users]\npassword_file = "/passwords"`;
  const { service } = await started(text(""));
  files["/passwords"] = "";
  const next = read(text(`[[listener]]\nurl = "mqtt://127.0.0.1:${port}"\n`));
  await expect(service.reload(next)).rejects.toMatchObject({ code: "LISTEN_FAILED" });
  await connected(service.urls[0], { username: "ann", password: "pa55word" });
});

test("a reload reads certificates again, and clients stay", async () => {
  const text = (name: string) =>
    `[[listener]]\nurl = "mqtts://127.0.0.1:0"\nallow_anonymous = true\ntls = { cert = "/${name}cert.pem", key = "/${name}key.pem" }`;
  const { service } = await started(text(""));
  const { hostname, port } = new URL(service.urls[0] ?? "");
  const ca = authority.certificate;
  const namesShown = () =>
    new Promise<string | undefined>((resolve, reject) => {
      const socket = connectTls({ host: hostname, port: Number(port), ca }, () => {
        resolve(socket.getPeerCertificate().subjectaltname);
        socket.destroy();
      }).on("error", reject);
    });
  const client = await connected(service.urls[0], { tls: { ca } });
  expect(await namesShown()).not.toContain("second.example");
  await service.reload(read(text("other-")));
  expect(await namesShown()).toContain("second.example");
  await client.publish("a", "", { qos: 1 });
});

test("with an expired certificate, the broker says so, and clients can connect after a reload", async () => {
  const past = await authority.issue(["127.0.0.1"], { from: -3, until: -1 });
  files["/renewed-cert.pem"] = past.certificate;
  files["/renewed-key.pem"] = past.key;
  const text = `[[listener]]\nname = "a"\nurl = "mqtts://127.0.0.1:0"\nallow_anonymous = true\ntls = { cert = "/renewed-cert.pem", key = "/renewed-key.pem" }`;
  const { service, lines } = await started(text);
  const [url] = service.urls;
  const tls = { ca: authority.certificate };
  expect(lines).toEqual([
    expect.stringMatching(
      /^error: a certificate has expired; replace its file, and reload the configuration listener=a /,
    ),
  ]);
  await expect(connect(url ?? "", { reconnect: false, tls })).rejects.toThrow(/expired/);
  await connected(url, { tls: { verifyServer: false } });
  const next = await authority.issue(["127.0.0.1"]);
  files["/renewed-cert.pem"] = next.certificate;
  files["/renewed-key.pem"] = next.key;
  await service.reload(read(text));
  await connected(url, { tls });
});

test("a client whose certificate has expired is refused, and others are not", async () => {
  const { service, lines } = await started(
    `[[listener]]\nurl = "mqtts://127.0.0.1:0"\ntls = { cert = "/cert.pem", key = "/key.pem", client_ca = "/ca.pem" }`,
  );
  const [url] = service.urls;
  const ca = authority.certificate;
  await refused(url, { tls: { ca, ...(await authority.issue(["pump"], { from: -3, until: -1 })) } });
  await expect.poll(() => lines.join("\n")).toMatch(/info: refused reason=.*CERT_HAS_EXPIRED/);
  await connected(url, { tls: { ca, ...(await authority.issue(["pump"])) } });
});

test("if a new listener cannot be opened, the former configuration holds", async () => {
  const { port } = await taken();
  const { service } = await started(plain("a") + plain("b"));
  const [a, b] = service.urls;
  const client = await connected(b);
  const next = `${plain("a", "max_connections = 1")}[[listener]]\nurl = "mqtt://127.0.0.1:${port}"\n[[rule]]\ndeny = "write"\ntopics = "#"\n[broker]\nmax_sessions = 1`;
  await expect(service.reload(read(next))).rejects.toMatchObject({ code: "LISTEN_FAILED" });
  expect(service.urls).toEqual([a, b]);
  await client.publish("a", "", { qos: 1 });
  await connected(a);
  await connected(a);
});

test("a listener can change its scheme at the same port", async () => {
  const port = await freePort();
  const at = (scheme: string, more = "") => `[[listener]]\nurl = "${scheme}://127.0.0.1:${port}"\n${more}\n`;
  const { service } = await started(at("mqtt"));
  await connected(service.urls[0]);
  await service.reload(read(at("mqtts", 'tls = { cert = "/cert.pem", key = "/key.pem" }')));
  await connected(`mqtts://127.0.0.1:${port}`, { tls: { ca: authority.certificate } });
});

test("a listener that made room for one that cannot be opened is opened again", async () => {
  const port = await freePort();
  const other = await taken();
  const at = (at: number, scheme = "mqtt") => `[[listener]]\nurl = "${scheme}://127.0.0.1:${at}"\n`;
  const { service } = await started(at(port));
  await expect(service.reload(read(at(port, "ws") + at(other.port)))).rejects.toMatchObject({ code: "LISTEN_FAILED" });
  expect(service.urls).toEqual([`mqtt://127.0.0.1:${port}`]);
  await connected(service.urls[0]);
});

test("Unix sockets are opened and closed by a reload", async () => {
  const path = join(await folder(), "broker.sock");
  const { service } = await started(plain("a"));
  await service.reload(read(`[[listener]]\nurl = "unix:${path}"`));
  await connected(`unix:${path}`);
  await service.reload(read(plain("a")));
  await refused(`unix:${path}`);
});

test("a reload names the keys that need a restart", async () => {
  const { service } = await started(plain("a"));
  expect(await service.reload(read(plain("a")))).toEqual([]);
  const next = `${plain("a")}[broker]\nmax_packet_size = "1MiB"\nmax_sessions = 5\n[broker.outbox]\nmax_count = 5`;
  expect(await service.reload(read(next))).toEqual(["broker.max_packet_size", "broker.outbox"]);
});

test("reloads that are asked for at the same time are done one after the other", async () => {
  const { service } = await started(plain("a"));
  await Promise.all(["b", "c", "d", "e"].map((name) => service.reload(read(plain(name)))));
  expect(service.urls).toHaveLength(1);
  await connected(service.urls[0]);
  expect([...service.broker.clients].map(({ listener }) => listener)).toEqual(["e"]);
});

test("100 reloads under load disconnect no client and lose no message", async () => {
  const { service } = await started(plain("a") + plain("b"));
  const [url] = service.urls;
  const [subscriber, publisher] = [await connected(url), await connected(url)];
  let ends = 0;
  for (const client of [subscriber, publisher]) client.on("disconnected", () => ends++);
  const received: string[] = [];
  await subscriber.subscribe("n/#", { qos: 1, onMessage: (message) => void received.push(message.text()) });
  const sent: string[] = [];
  const publish = async (): Promise<void> => {
    sent.push(String(sent.length));
    await publisher.publish(`n/${sent.length % 10}`, sent.at(-1) ?? "", { qos: 1 });
  };
  for (let i = 0; i < 100; i++) {
    const rules = i % 2 === 0 ? "" : '[[rule]]\nallow = ["read", "write", "subscribe"]\ntopics = "n/#"\n';
    const next = read(`${plain("a")}${plain(`b${i}`)}${rules}[broker]\nmax_sessions = ${100 + i}`);
    const load = Array.from({ length: 20 }, publish);
    await Promise.all([service.reload(next), ...load]);
  }
  await expect.poll(() => received.length).toBe(sent.length);
  expect(received).toEqual(sent);
  expect(ends).toBe(0);
});

test("with a directory, retained messages and sessions survive a restart", async () => {
  const text = `${plain("a")}[persistence]\ndir = "${await folder()}"\n[sys]\ninterval = 0`;
  const first = await started(text);
  const url = () => first.service.urls[0];
  const session = { clientId: "c", cleanStart: false, properties: { sessionExpiryInterval: 3600 } };
  const client = await connected(url(), session);
  await client.subscribe("a/#", { qos: 1, onMessage: () => undefined });
  await client.disconnect();
  const publisher = await connected(url());
  await publisher.publish("a/b", "queued", { qos: 1, retain: true });
  await expect(BrokerService.start(read(text), { log: () => undefined })).rejects.toMatchObject({
    code: "STORE_LOCKED",
  });
  await first.service.stop();
  const { service, lines } = await started(text);
  expect(service.broker.statistics).toMatchObject({ sessions: 1, retainedMessages: 1, subscriptions: 1 });
  expect(service.broker.clients.get("c")?.queued.count).toBe(1);
  expect(lines).toEqual([]);
  expect(await service.reload(read(plain("a")))).toEqual(["persistence", "sys"]);
});

test("a bridge, statistics and metrics run with the service, and follow its configuration", async () => {
  const far = await started(plain("far"));
  const bridge = (prefix: string) =>
    `[[bridge]]\nname = "b"\nservers = ["${far.service.urls[0]}"]\n[[bridge.topic]]\nremote_prefix = "${prefix}"\n`;
  const rules = `[[rule]]\nallow = ["read", "write"]\ntopics = "mine/#"\n[[rule]]\nallow = "read"\ntopics = "$SYS/#"\n`;
  const text = (prefix: string) => `${plain("near")}${rules}${bridge(prefix)}[metrics]\nlisten = "127.0.0.1:0"\n`;
  const { service, lines } = await started(text("first/"));
  const client = await connected(service.urls[0]);
  const states: string[] = [];
  await client.subscribe("$SYS/broker/#", {
    onMessage: (message) => void states.push(`${message.topic} ${message.text()}`),
  });
  const arrived: string[] = [];
  const listener = await connected(far.service.urls[0]);
  await listener.subscribe("#", { qos: 1, onMessage: ({ topic }) => void arrived.push(topic) });
  await expect.poll(() => lines.some((line) => line.includes("bridge connected"))).toBe(true);
  await client.publish("mine/1", "x", { qos: 1 });
  await expect.poll(() => arrived).toEqual(["first/mine/1"]);
  await service.reload(read(text("second/")));
  await client.publish("mine/2", "x", { qos: 1 });
  await expect.poll(() => arrived).toEqual(["first/mine/1", "second/mine/2"]);
  await service.reload(read(`${plain("near")}${rules}[metrics]\nlisten = "127.0.0.1:0"\n`));
  await client.publish("mine/3", "x", { qos: 1 });
  await expect.poll(() => states.at(-1)).toBe("$SYS/broker/connection/b/state 0");
  expect(states).toContain("$SYS/broker/version aiko-mqtt");
  expect(arrived).toHaveLength(2);
  const metrics = await (await fetch(service.metricsUrl ?? "")).text();
  expect(metrics).toContain("aiko_broker_received_messages_total");
  const health = await fetch((service.metricsUrl ?? "").replace("/metrics", "/health"));
  expect([health.status, await health.text()]).toEqual([200, "ok\n"]);
  const other = (service.metricsUrl ?? "").replace("/metrics", "/other");
  expect([(await fetch(other)).status, (await fetch(service.metricsUrl ?? "", { method: "POST" })).status]).toEqual([
    404, 405,
  ]);
});

test("a service that cannot listen does not start", async () => {
  const { port } = await taken();
  const text = `${plain("a")}[[listener]]\nurl = "mqtt://127.0.0.1:${port}"`;
  await expect(BrokerService.start(read(text), { log: () => undefined })).rejects.toMatchObject({
    code: "LISTEN_FAILED",
  });
});
