import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type TlsOptions } from "@aiko/mqtt";
import { Broker } from "@aiko/mqtt-broker";
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
