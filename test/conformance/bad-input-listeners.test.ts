// Every malformed packet of a connected client over each kind of listener: the client learns the reason on MQTT 5, the
// connection is closed, and the broker serves others.
import { mkdtemp, rm } from "node:fs/promises";
import { connect as connectStream } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { connect } from "@aiko/mqtt";
import { type DisconnectPacket, encode, PacketStream, type ProtocolVersion } from "@aiko/mqtt/codec";
import { Broker, type BrokerOptions } from "@aiko/mqtt-broker";
import { expect, onTestFinished, test } from "vitest";
import WebSocket, { createWebSocketStream } from "ws";
import { malformedVectors } from "../../packages/mqtt/test/codec/vectors.ts";
import { recordEvents } from "../fixtures/broker-events.ts";
import { Authority } from "../fixtures/certificates.ts";
import { bothPorts } from "../fixtures/listeners.ts";

const authority = await Authority.named("Test authority");
const secure = await authority.issue(["127.0.0.1"]);
const ca = authority.certificate;
const fromClient = malformedVectors.filter(({ direction }) => direction !== "s2c");
/** How many connections are open at one time. */
const TOGETHER = 20;
let clients = 0;

type Kind = "mqtt" | "mqtts" | "ws" | "wss" | "unix";
const overTls: ReadonlySet<Kind> = new Set(["mqtts", "wss"]);

async function optionsOf(kind: Kind): Promise<BrokerOptions> {
  if (kind === "unix") {
    const folder = await mkdtemp(join(tmpdir(), "aiko-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    return { listeners: [{ url: `unix:${join(folder, "b")}` }] };
  }
  const { listeners } = bothPorts(overTls.has(kind) ? secure : undefined);
  return { listeners: listeners?.filter(({ url }) => url.startsWith(`${kind}:`)) };
}

function open(kind: Kind, url: string) {
  if (kind === "unix") return connectStream(url.slice("unix:".length));
  const port = Number(new URL(url).port);
  if (kind === "mqtt") return connectStream(port, "127.0.0.1");
  if (kind === "mqtts") return connectTls({ port, host: "127.0.0.1", ca });
  return createWebSocketStream(new WebSocket(url, ["mqtt"], { ca }));
}

/** Sends CONNECT and `bytes`. Resolves to what the broker sent until it closed the connection. */
async function answer(kind: Kind, url: string, version: ProtocolVersion, bytes: Uint8Array): Promise<Uint8Array> {
  const stream = open(kind, url);
  const received: Uint8Array[] = [];
  stream.on("data", (chunk: Uint8Array) => received.push(chunk));
  stream.on("error", () => undefined); // a reset: the broker does not read what is left
  stream.on("end", () => stream.destroy());
  const clientId = `c${++clients}`;
  stream.write(
    encode({ type: "connect", protocolVersion: version, clientId, cleanStart: true, keepAlive: 0 }, version),
  );
  stream.write(bytes);
  await new Promise((resolve) => stream.on("close", resolve));
  return Buffer.concat(received);
}

test.each<Kind>(["mqtt", "mqtts", "ws", "wss", "unix"])("over %s", async (kind) => {
  const broker = await Broker.listen(await optionsOf(kind));
  onTestFinished(() => broker.close());
  const events = recordEvents(broker);
  await using other = await connect(broker.url, { ...(overTls.has(kind) && { tls: { ca } }) });
  for (let from = 0; from < fromClient.length; from += TOGETHER) {
    await Promise.all(
      fromClient.slice(from, from + TOGETHER).map(async ({ id, version, bytes }) => {
        const packets = new PacketStream(version).push(await answer(kind, broker.url, version, bytes));
        expect(packets[0], id).toMatchObject({ type: "connack", reasonCode: 0 });
        expect(packets, id).toHaveLength(version === 5 ? 2 : 1);
        const { type, reasonCode } = (packets[1] ?? { type: "disconnect", reasonCode: 0x80 }) as DisconnectPacket;
        expect(type, id).toBe("disconnect");
        expect(reasonCode, id).toBeGreaterThanOrEqual(0x80);
      }),
    );
  }
  await other.publish("a", "x", { qos: 1 });
  await expect.poll(() => broker.statistics).toMatchObject({ openConnections: 1, sessions: 1 });
  expect(events.filter(({ type }) => type === "disconnected")).toHaveLength(fromClient.length);
});
