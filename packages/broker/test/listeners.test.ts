import { link, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type TlsOptions } from "@aiko/mqtt";
import { encode } from "@aiko/mqtt/codec";
import { Broker, type BrokerEvent, type BrokerOptions } from "@aiko/mqtt-broker";
import { describe, expect, onTestFinished, test } from "vitest";
import WebSocket from "ws";
import { Authority } from "../../../test/fixtures/certificates.ts";

const authority = await Authority.named("Test authority");
const { certificate, key } = await authority.issue(["127.0.0.1"]);
const secure = { certificate, key };
const ca = authority.certificate;

async function started(options: Parameters<typeof Broker.listen>[0]): Promise<Broker> {
  const broker = await Broker.listen({ port: 0, ...options });
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

describe("a broker takes connections", () => {
  test("over TLS", async () => {
    const broker = await started({ tls: secure });
    expect(broker.url).toMatch(/^mqtts:/);
    expect(await echo(broker.url, { tls: { ca } })).toBe("hello");
  });

  test("over a WebSocket, beside the port for TCP", async () => {
    const broker = await started({ webSocketPort: 0 });
    expect(await echo(`${broker.webSocketUrl}/mqtt`)).toBe("hello");
    expect(await echo(broker.url)).toBe("hello");
  });

  test("over a WebSocket with TLS", async () => {
    const broker = await started({ webSocketPort: 0, tls: secure });
    expect(await echo(`${broker.webSocketUrl}`, { tls: { ca } })).toBe("hello");
  });

  test("at a Unix socket", async () => {
    const path = await pathForSocket();
    const broker = await started({ path });
    expect(broker.url).toBe(`unix:${path}`);
    expect(await echo(broker.url)).toBe("hello");
  });
});

describe("what is at a Unix socket's path already", () => {
  test("a socket that nobody listens at is taken away", async () => {
    const path = await pathForSocket();
    const killed = createServer().listen(`${path}.1`);
    await new Promise((resolve) => killed.once("listening", resolve));
    await link(`${path}.1`, path); // stays when the server is closed, as if that had been killed
    await new Promise((resolve) => killed.close(resolve));
    const broker = await started({ path });
    expect(await echo(broker.url)).toBe("hello");
  });

  test("a socket that a broker listens at is not", async () => {
    const path = await pathForSocket();
    const broker = await started({ path });
    await expect(Broker.listen({ path })).rejects.toMatchObject({
      code: "LISTEN_FAILED",
      message: `cannot listen on ${path}: the path is in use`,
    });
    expect(await echo(broker.url)).toBe("hello");
  });

  test("a file is not, and is told", async () => {
    const path = await pathForSocket();
    await writeFile(path, "precious");
    await expect(Broker.listen({ path })).rejects.toMatchObject({
      code: "LISTEN_FAILED",
      message: `cannot listen on ${path}: a file is in the way`,
    });
    expect(await readFile(path, "utf8")).toBe("precious");
  });
});

test("a client without the certificate that the broker wants is not let in, one with it is", async () => {
  const broker = await started({ tls: { ...secure, clientCa: ca } });
  await expect(connect(broker.url, { tls: { ca } })).rejects.toMatchObject({ code: "TLS_FAILED" });
  const own = await authority.issue(["kitchen"]);
  expect(await echo(broker.url, { tls: { ca, ...own } })).toBe("hello");
});

test.each([
  ["text", ["mqtt"], "hello"],
  ["a subprotocol that is not MQTT's", ["chat"], Uint8Array.of(0x10)],
  ["no subprotocol", [], Uint8Array.of(0x10)],
])("a WebSocket with %s is closed [MQTT-6.0.0-1, 6.0.0-4]", async (_, protocols, first) => {
  const broker = await started({ webSocketPort: 0 });
  const socket = new WebSocket(`${broker.webSocketUrl}`, protocols);
  socket.on("open", () => socket.send(first));
  socket.on("error", () => undefined);
  await new Promise((resolve) => socket.on("close", resolve));
  expect(broker.statistics.sessions).toBe(0);
});

test("a request that is no upgrade is told so", async () => {
  const broker = await started({ webSocketPort: 0 });
  const response = await fetch(`${broker.webSocketUrl}`.replace("ws:", "http:"));
  expect(response.status).toBe(426);
});

test("a WebSocket port that is taken is told, and nothing stays open", async () => {
  const first = await started({ webSocketPort: 0 });
  const taken = Number(new URL(`${first.webSocketUrl}`).port);
  await expect(Broker.listen({ port: 0, webSocketPort: taken })).rejects.toMatchObject({ code: "LISTEN_FAILED" });
});

const UPGRADE =
  "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";

/** Sends bytes, and resolves when the broker has closed the connection. */
function closedAfter(port: number, ...chunks: readonly (string | Uint8Array)[]): Promise<void> {
  const socket = createConnection(port, "127.0.0.1");
  for (const chunk of chunks) socket.write(chunk);
  socket.on("error", () => undefined).resume();
  return new Promise((resolve) => socket.on("close", () => resolve()));
}

test.each(["mqtt", "chat", undefined])(
  "frames that are wrong end a WebSocket, and nothing else: subprotocol %s",
  async (protocol) => {
    const broker = await started({ webSocketPort: 0 });
    const key = `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`;
    const asked = `${UPGRADE}${key}${protocol === undefined ? "" : `Sec-WebSocket-Protocol: ${protocol}\r\n`}\r\n`;
    for (const frame of [
      [0x82, 0x01, 0x10], // not masked
      [0xf2, 0x81, 0, 0, 0, 0, 0x10], // reserved bits
      [0x82, 0xff, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0], // 2 GB are announced
      [0x81, 0x82, 0, 0, 0, 0, 0xff, 0xff], // text that is no UTF-8
    ])
      await closedAfter(portOf(broker.webSocketUrl), asked, Uint8Array.from(frame));
    expect(await echo(`${broker.webSocketUrl}`)).toBe("hello");
  },
);

test.each(["closes", "is cut"])(
  "a WebSocket client that %s without DISCONNECT is gone, and its will is published",
  async (how) => {
    const broker = await started({ webSocketPort: 0 });
    await using watcher = await connect(broker.url);
    const wills = await watcher.subscribe("will");
    const socket = new WebSocket(`${broker.webSocketUrl}`, ["mqtt"]);
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
    expect(broker.statistics.connections).toBe(1);
  },
);

test("who has not been let in cannot have a long WebSocket message kept for it, a client can", async () => {
  const broker = await started({ webSocketPort: 0 });
  const stranger = new WebSocket(`${broker.webSocketUrl}`, ["mqtt"]).on("error", () => undefined);
  await new Promise((resolve) => stranger.on("open", resolve));
  stranger.send(new Uint8Array(600_000), { fin: false });
  await new Promise((resolve) => stranger.on("close", resolve));
  await using client = await connect(`${broker.webSocketUrl}`, {});
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
  ["an upgrade", { webSocketPort: 0 }, UPGRADE],
  ["a TLS handshake before an upgrade", { webSocketPort: 0, tls: secure }, Uint8Array.of(0x16, 3, 1, 0)],
];
const halfPort = (broker: Broker): number => (broker.webSocketUrl ? portOf(broker.webSocketUrl) : broker.port);

describe.each(halves)("%s that does not come to its end", (_, options, bytes) => {
  test("is cut after connectTimeout", async () => {
    const broker = await started({ ...options, connectTimeout: 20 });
    await Promise.all([closedAfter(halfPort(broker)), closedAfter(halfPort(broker), bytes)]);
    expect(broker.statistics.connections).toBe(0);
  });

  test("counts among maximumConnections", async () => {
    const events: BrokerEvent[] = [];
    const broker = await started({ ...options, maximumConnections: 1, onEvent: (event) => events.push(event) });
    const first = createConnection(halfPort(broker), "127.0.0.1");
    await new Promise((resolve) => first.on("connect", resolve));
    first.write(bytes);
    await closedAfter(halfPort(broker));
    expect(events).toEqual([{ type: "refused", reason: "more than maximumConnections 1" }]);
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
  });
});

test.each([
  ["certificate and key", { certificate: secure.certificate }, "OPTION_INVALID", "tls.key: must be PEM"],
  ["a name that is none", { ...secure, passphrasse: "secret" }, "OPTION_UNKNOWN", "tls.passphrasse"],
  ["PEM", { ...secure, key: "secret" }, "OPTION_INVALID", "tls: key, passphrase"],
  ["an object", "secret", "OPTION_INVALID", "tls: must be"],
])("the option tls is told what is wrong with it, and shows nothing of it: %s", async (_, tls, code, rule) => {
  const listening = Broker.listen({ port: 0, tls: tls as BrokerOptions["tls"] });
  await expect(listening).rejects.toMatchObject({ code, message: expect.stringContaining(rule) });
  await expect(listening).rejects.toMatchObject({ message: expect.not.stringContaining("secret") });
});
