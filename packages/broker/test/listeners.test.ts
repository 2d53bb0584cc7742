import { existsSync, statSync, unlinkSync } from "node:fs";
import { link, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createConnection, createServer, Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { connect, type TlsOptions } from "@aiko/mqtt";
import { encode } from "@aiko/mqtt/codec";
import { FakeClock } from "@aiko/mqtt/testing";
import { Broker, type BrokerOptions } from "@aiko/mqtt-broker";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import WebSocket from "ws";
import { recordEvents } from "../../../test/fixtures/broker-events.ts";
import { Authority } from "../../../test/fixtures/certificates.ts";
import { atPath, bothPorts } from "../../../test/fixtures/listeners.ts";

const authority = await Authority.named("Test authority");
const { certificate, key } = await authority.issue(["127.0.0.1"]);
const secure = { certificate, key };
const ca = authority.certificate;
const damaged = ca.replace("-----\n", "-----\nsecret");

async function started(options: Parameters<typeof Broker.listen>[0]): Promise<Broker> {
  const broker = await Broker.listen(options?.listeners ? options : { port: 0, ...options });
  onTestFinished(() => broker.close());
  return broker;
}

async function echo(url: string, options: { tls?: TlsOptions } = {}): Promise<string> {
  await using client = await connect(url, options);
  const subscription = await client.subscribe("a", { qos: 2 });
  await client.publish("a", "hello", { qos: 2 });
  for await (const message of subscription) return message.text();
  return "nothing";
}

async function pathForSocket(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "aiko-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return join(folder, "broker.sock");
}

/** A socket without a listener, as if the listening process had been killed. */
async function leaveBehind(path: string, elsewhere = `${path}.1`): Promise<void> {
  const killed = createServer().listen(elsewhere);
  await new Promise((resolve) => killed.once("listening", resolve));
  await link(elsewhere, path);
  await new Promise((resolve) => killed.close(resolve));
}

describe("a broker accepts connections", () => {
  test("over TLS", async () => {
    const broker = await started({ tls: { ...secure, passphrase: undefined, clientCa: undefined } });
    expect(broker.url).toMatch(/^mqtts:/);
    expect(await echo(broker.url, { tls: { ca } })).toBe("hello");
  });

  test("over a WebSocket, in addition to the TCP port", async () => {
    const broker = await started(bothPorts());
    expect(await echo(`${broker.urls[1]}/mqtt`)).toBe("hello");
    expect(await echo(broker.url)).toBe("hello");
  });

  test("over a WebSocket with TLS", async () => {
    const broker = await started(bothPorts(secure));
    expect(await echo(`${broker.urls[1]}`, { tls: { ca } })).toBe("hello");
  });

  test("on a Unix socket", async () => {
    const path = await pathForSocket();
    const broker = await started(atPath(path));
    expect(broker.url).toBe(`unix:${path}`);
    expect(await echo(broker.url)).toBe("hello");
  });
});

describe("a Unix socket may be used by", () => {
  /** Calls `then` when a server has started to listen on a path, before it can accept a connection. */
  function afterListening(path: string, then: (server: Server) => void): void {
    const { listen } = Server.prototype;
    const spy = vi.spyOn(Server.prototype, "listen").mockImplementation(function (this: Server, ...given: unknown[]) {
      Reflect.apply(listen, this, given);
      if (existsSync(path)) then(this);
      return this;
    });
    onTestFinished(() => spy.mockRestore());
  }

  test.each([0o000, 0o022, 0o077])("the same user only, with umask %o, from the beginning", async (mask) => {
    const path = await pathForSocket();
    const usual = process.umask(mask);
    onTestFinished(() => void process.umask(usual));
    const modes: number[] = [];
    afterListening(path, () => modes.push(statSync(path).mode & 0o077));
    await started(atPath(path));
    expect(modes).toEqual([0]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(process.umask()).toBe(mask);
  });

  test("the users that the mode allows", async () => {
    const path = await pathForSocket();
    const broker = await started(atPath(path, 0o660));
    expect(statSync(path).mode & 0o777).toBe(0o660);
    expect(await echo(broker.url)).toBe("hello");
    await expect(Broker.listen(atPath(path, 0o1777))).rejects.toMatchObject({ code: "OPTION_INVALID" });
  });

  test("no user, if the mode cannot be set", async () => {
    const path = await pathForSocket();
    let listening: Server | undefined;
    afterListening(path, (server) => {
      listening = server;
      unlinkSync(path);
    });
    await expect(Broker.listen(atPath(path))).rejects.toMatchObject({ code: "LISTEN_FAILED" });
    expect(listening?.listening).toBe(false);
  });
});

describe("if the path of a Unix socket exists already,", () => {
  test("a socket without a listener is removed", async () => {
    const path = await pathForSocket();
    await leaveBehind(path);
    const broker = await started(atPath(path));
    expect(await echo(broker.url)).toBe("hello");
    expect(await readdir(dirname(path))).toEqual([basename(path)]);
  });

  test("of brokers that start at the same time, exactly one gets it and keeps it", async () => {
    const path = await pathForSocket();
    for (let round = 0; round < 20; round++) {
      await leaveBehind(path);
      const starts = await Promise.allSettled([1, 2, 3, 4, 5].map(() => Broker.listen(atPath(path))));
      const brokers = starts.flatMap((start) => (start.status === "fulfilled" ? [start.value] : []));
      onTestFinished(async () => void (await Promise.all(brokers.map((broker) => broker.close()))));
      expect(brokers).toHaveLength(1);
      for (const start of starts)
        if (start.status === "rejected")
          expect(start.reason.message).toBe(`cannot listen on ${path}: the path is already in use`);
      await using client = await connect(`unix:${path}`);
      expect(brokers[0]?.statistics.openConnections).toBe(1);
      await client.disconnect();
      await brokers[0]?.close();
    }
    expect(await readdir(dirname(path))).toEqual([]);
  });

  test("a broker that was killed while it started does not block others", async () => {
    const path = await pathForSocket();
    await leaveBehind(path);
    await mkdir(`${path}.lock`);
    await leaveBehind(join(`${path}.lock`, "killed"));
    const broker = await started(atPath(path));
    expect(await echo(broker.url)).toBe("hello");
    expect(await readdir(dirname(path))).toEqual([basename(path)]);
  });

  test("a broker that is starting is waited for, with a limit", async () => {
    const path = await pathForSocket();
    await leaveBehind(path);
    await mkdir(`${path}.lock`);
    const clock = new FakeClock();
    const holder = createServer().listen(join(`${path}.lock`, "busy"));
    await new Promise((resolve) => holder.once("listening", resolve));
    const asked = new Promise<Socket>((resolve) => holder.once("connection", resolve));
    const first = Broker.listen({ ...atPath(path), clock });
    await asked;
    clock.advance(10_000);
    await expect(first).rejects.toMatchObject({
      code: "LISTEN_FAILED",
      message: `cannot listen on ${path}: another process has been starting there for 10 s`,
    });
    const askedAgain = new Promise<Socket>((resolve) => holder.once("connection", resolve));
    const second = started(atPath(path));
    const socket = await askedAgain;
    holder.close();
    socket.destroy();
    expect(await echo((await second).url)).toBe("hello");
  });

  test("a path without room for a lock is listened on, but nothing is removed from it", async () => {
    const folder = await mkdtemp(join(tmpdir(), "aiko-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const path = join(folder, "x".repeat(100 - folder.length));
    const broker = await Broker.listen(atPath(path));
    expect(await echo(broker.url)).toBe("hello");
    await broker.close();
    await leaveBehind(path, join(folder, "y"));
    await expect(Broker.listen(atPath(path))).rejects.toMatchObject({
      message: `cannot listen on ${path}: an unused socket with this name already exists; remove it`,
    });
  });

  test("a file in the place of the lock is not removed", async () => {
    const path = await pathForSocket();
    await mkdir(`${path}.lock`);
    await writeFile(join(`${path}.lock`, "file"), "precious");
    await expect(Broker.listen(atPath(path))).rejects.toMatchObject({
      code: "LISTEN_FAILED",
      message: `cannot listen on ${path}: ${path}.lock/file already exists; remove it`,
    });
    expect(await readdir(dirname(path))).toEqual([`${basename(path)}.lock`]);
  });

  test("a socket that a broker listens on is not removed", async () => {
    const path = await pathForSocket();
    const broker = await started(atPath(path));
    await expect(Broker.listen(atPath(path))).rejects.toMatchObject({
      code: "LISTEN_FAILED",
      message: `cannot listen on ${path}: the path is already in use`,
    });
    expect(await echo(broker.url)).toBe("hello");
  });

  test("a file is not removed, and is reported", async () => {
    const path = await pathForSocket();
    await writeFile(path, "precious");
    await expect(Broker.listen(atPath(path))).rejects.toMatchObject({
      code: "LISTEN_FAILED",
      message: `cannot listen on ${path}: a file with this name already exists; remove it, or choose another path`,
    });
    expect(await readFile(path, "utf8")).toBe("precious");
  });
});

test("a client without the certificate that the broker requires is refused; a client with it is accepted", async () => {
  const broker = await started({ tls: { ...secure, clientCa: ca } });
  await expect(connect(broker.url, { tls: { ca } })).rejects.toMatchObject({ code: "TLS_FAILED" });
  const own = await authority.issue(["kitchen"]);
  expect(await echo(broker.url, { tls: { ca, ...own } })).toBe("hello");
  const others = await Authority.named("Other authority");
  const several = await started({ tls: { ...secure, clientCa: Buffer.from(`Two:\n${others.certificate}\n${ca}`) } });
  expect(await echo(several.url, { tls: { ca, ...own } })).toBe("hello");
});

test.each([
  ["text", ["mqtt"], "hello"],
  ["a subprotocol other than MQTT's", ["chat"], Uint8Array.of(0x10)],
  ["no subprotocol", [], Uint8Array.of(0x10)],
])("a WebSocket with %s is closed [MQTT-6.0.0-1, 6.0.0-4]", async (_, protocols, first) => {
  const broker = await started(bothPorts());
  const socket = new WebSocket(`${broker.urls[1]}`, protocols);
  socket.on("open", () => socket.send(first));
  socket.on("error", () => undefined);
  await new Promise((resolve) => socket.on("close", resolve));
  expect(broker.statistics.sessions).toBe(0);
});

test("a WebSocket refused for its subprotocol is closed at once, whether or not the client sends a close frame", async () => {
  const broker = await started(bothPorts());
  const socket = createConnection({ port: portOf(broker.urls[1]), host: "127.0.0.1", allowHalfOpen: true });
  socket.write(`${UPGRADE}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`);
  const received: Buffer[] = [];
  socket.on("data", (bytes: Buffer) => received.push(bytes)).on("error", () => undefined);
  await new Promise((resolve) => socket.on("end", resolve));
  expect(Buffer.concat(received).toString("latin1")).toMatch(
    /^HTTP\/1\.1 101 [\s\S]*the client must offer the subprotocol mqtt$/,
  );
  const poke = (): unknown => socket.destroyed || socket.write("?", () => setImmediate(poke));
  poke();
  await new Promise((resolve) => socket.on("close", resolve)); // reset, since the process no longer exists
});

test("a request without an upgrade is answered with a reason", async () => {
  const broker = await started(bothPorts());
  const response = await fetch(`${broker.urls[1]}`.replace("ws:", "http:"));
  expect(response.status).toBe(426);
});

test("a WebSocket port that is in use is reported, and nothing stays open", async () => {
  const first = await started(bothPorts());
  const taken = Number(new URL(`${first.urls[1]}`).port);
  await expect(
    Broker.listen({ listeners: [{ url: "mqtt://127.0.0.1:0" }, { url: `ws://127.0.0.1:${taken}` }] }),
  ).rejects.toMatchObject({ code: "LISTEN_FAILED" });
});

const UPGRADE =
  "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";

/** Sends bytes, and resolves when the broker has closed the connection. */
function closedAfter(port: number, ...chunks: readonly (string | Uint8Array)[]): Promise<void> {
  const socket = createConnection(port, "127.0.0.1");
  for (const chunk of chunks) socket.write(chunk);
  socket.on("error", () => undefined).resume();
  return new Promise((resolve) => socket.on("close", () => resolve()));
}

test.each(["mqtt", "chat", undefined])(
  "invalid frames end the WebSocket and nothing else: subprotocol %s",
  async (protocol) => {
    const broker = await started(bothPorts());
    const key = `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`;
    const asked = `${UPGRADE}${key}${protocol === undefined ? "" : `Sec-WebSocket-Protocol: ${protocol}\r\n`}\r\n`;
    for (const frame of [
      [0x82, 0x01, 0x10], // not masked
      [0xf2, 0x81, 0, 0, 0, 0, 0x10], // reserved bits
      [0x82, 0xff, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0], // 2 GB are announced
      [0x81, 0x82, 0, 0, 0, 0, 0xff, 0xff], // text that is not UTF-8
    ])
      await closedAfter(portOf(broker.urls[1]), asked, Uint8Array.from(frame));
    expect(await echo(`${broker.urls[1]}`)).toBe("hello");
  },
);

test.each(["closes", "is cut"])("when a WebSocket client %s without DISCONNECT, its will is published", async (how) => {
  const broker = await started(bothPorts());
  await using watcher = await connect(broker.url);
  const wills = await watcher.subscribe("will");
  const socket = new WebSocket(`${broker.urls[1]}`, ["mqtt"]);
  const will = { topic: "will", payload: new Uint8Array(), qos: 0 as const, retain: false };
  socket.on("open", () =>
    socket.send(
      encode({ type: "connect", protocolVersion: 4, clientId: "c", cleanStart: true, keepAlive: 0, will }, 4),
    ),
  );
  await new Promise((resolve) => socket.on("message", resolve));
  if (how === "closes") socket.close();
  else socket.terminate();
  for await (const { topic } of wills) {
    expect(topic).toBe("will");
    break;
  }
  expect(broker.statistics.openConnections).toBe(1);
});

test("a long WebSocket message is buffered for an accepted client, but not for one that is not accepted yet", async () => {
  const broker = await started(bothPorts());
  const stranger = new WebSocket(`${broker.urls[1]}`, ["mqtt"]).on("error", () => undefined);
  await new Promise((resolve) => stranger.on("open", resolve));
  stranger.send(new Uint8Array(600_000), { fin: false });
  await new Promise((resolve) => stranger.on("close", resolve));
  await using client = await connect(`${broker.urls[1]}`, {});
  const subscription = await client.subscribe("a");
  await client.publish("a", new Uint8Array(3_000_000));
  for await (const { payload } of subscription) {
    expect(payload).toHaveLength(3_000_000);
    break;
  }
});

const portOf = (url: string | undefined): number => Number(new URL(`${url}`).port);

const halves: readonly [name: string, options: BrokerOptions, bytes: string | Uint8Array][] = [
  ["a TLS handshake", { tls: secure }, Uint8Array.of(0x16, 3, 1, 0)],
  ["an upgrade", bothPorts(), UPGRADE],
  ["a TLS handshake before an upgrade", bothPorts(secure), Uint8Array.of(0x16, 3, 1, 0)],
];
const halfPort = (broker: Broker): number => portOf(broker.urls.at(-1));

describe.each(halves)("%s that does not finish", (_, options, bytes) => {
  test("is closed after connectTimeout", async () => {
    const broker = await started({ ...options, connectTimeout: 20 });
    await Promise.all([closedAfter(halfPort(broker)), closedAfter(halfPort(broker), bytes)]);
    expect(broker.statistics.openConnections).toBe(0);
  });

  test("counts towards maximumConnections", async () => {
    const broker = await started({ ...options, maximumConnections: 1 });
    const events = recordEvents(broker);
    const first = createConnection(halfPort(broker), "127.0.0.1");
    await new Promise((resolve) => first.on("connect", resolve));
    first.write(bytes);
    await closedAfter(halfPort(broker));
    expect(events).toEqual([{ type: "refused", reason: "the limit maximumConnections 1 is reached" }]);
    first.destroy();
  });

  test("does not keep a broker from closing", async () => {
    const broker = await started(options);
    const socket = createConnection(halfPort(broker), "127.0.0.1").on("error", () => undefined);
    const closed = new Promise((resolve) => socket.on("close", resolve));
    await new Promise((resolve) => socket.on("connect", resolve));
    socket.write(bytes);
    socket.resume();
    await Promise.all([broker.close(), closed]);
    expect(broker.statistics.openConnections).toBe(0);
  });
});

test.each([
  ["certificate and key", { certificate: secure.certificate }, "OPTION_INVALID", "tls.key: must be PEM"],
  ["an unknown name", { ...secure, passphrasse: "secret" }, "OPTION_UNKNOWN", "tls.passphrasse"],
  ["PEM", { ...secure, key: "secret" }, "OPTION_INVALID", "tls: key, passphrase"],
  ["an object", "secret", "OPTION_INVALID", "tls: must be"],
  [
    "clientCa, PEM",
    { ...secure, clientCa: "secret" },
    "OPTION_INVALID",
    "tls.clientCa: does not contain a PEM certificate",
  ],
  [
    "clientCa, a path",
    { ...secure, clientCa: "/secret/ca.pem" },
    "OPTION_INVALID",
    "tls.clientCa: does not contain a PEM",
  ],
  [
    "clientCa, a key",
    { ...secure, clientCa: Buffer.from(key) },
    "OPTION_INVALID",
    "tls.clientCa: does not contain a PEM",
  ],
  [
    "clientCa, each of them",
    { ...secure, clientCa: [ca, "secret"] },
    "OPTION_INVALID",
    "tls.clientCa: does not contain a PEM",
  ],
  [
    "clientCa, in lines",
    { ...secure, clientCa: ca + ca },
    "OPTION_INVALID",
    "tls.clientCa: contains a damaged certificate",
  ],
  [
    "clientCa, whole",
    { ...secure, clientCa: `${ca}\n${damaged}` },
    "OPTION_INVALID",
    "tls.clientCa: contains a damaged certificate",
  ],
])("errors about the option tls say what is wrong and show nothing of its value: %s", async (_, tls, code, rule) => {
  const listening = Broker.listen({ port: 0, tls: tls as BrokerOptions["tls"] });
  await expect(listening).rejects.toMatchObject({ code, message: expect.stringContaining(rule) });
  await expect(listening).rejects.toMatchObject({ message: expect.not.stringContaining("secret") });
});
