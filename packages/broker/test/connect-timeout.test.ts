// One connectTimeout covers everything before a client is accepted: no connection occupies a place in the broker longer
// than that.
import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";
import { FakeClock } from "@aiko/mqtt/testing";
import { Broker, type BrokerOptions } from "@aiko/mqtt-broker";
import { describe, expect, onTestFinished, test } from "vitest";
import { recordEvents } from "../../../test/fixtures/broker-events.ts";
import { Authority } from "../../../test/fixtures/certificates.ts";
import { bothPorts } from "../../../test/fixtures/listeners.ts";

const authority = await Authority.named("Test authority");
const secure = await authority.issue(["127.0.0.1"]);
const ca = authority.certificate;

const UPGRADE =
  "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
const REQUEST = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n\r\n";

async function started(options: BrokerOptions = {}) {
  const clock = new FakeClock();
  const broker = await Broker.listen({
    ...(options.listeners ? {} : { port: 0 }),
    connectTimeout: 1_000,
    clock,
    ...options,
  });
  onTestFinished(() => broker.close());
  return { broker, clock, events: recordEvents(broker) };
}

const webSocketPort = (broker: Broker): number => Number(new URL(`${broker.urls[1]}`).port);

async function dialled(port: number, tls?: ConnectionOptions): Promise<Socket> {
  const options = { port, host: "127.0.0.1" };
  const socket = tls === undefined ? createConnection(options) : connectTls({ ...options, ...tls });
  socket.on("error", () => undefined);
  onTestFinished(() => void socket.destroy());
  await once(socket, tls === undefined ? "connect" : "secureConnect");
  return socket;
}

/** Waits until the broker has processed what was sent: it answers a request on a connection that was opened later. */
async function answered(broker: Broker, tls?: ConnectionOptions): Promise<void> {
  const socket = await dialled(webSocketPort(broker), tls);
  socket.end(REQUEST);
  await once(socket.resume(), "close");
}

test("an HTTP request without an upgrade does not keep its connection", async () => {
  const { broker } = await started(bothPorts());
  const socket = await dialled(webSocketPort(broker));
  let text = "";
  socket.on("data", (bytes) => {
    text += bytes;
  });
  socket.write(REQUEST + REQUEST);
  await once(socket, "close"); // Node's server waits 5 s for the next request, and again after each
  expect(text.match(/HTTP\/1.1 426/g)).toHaveLength(1);
  expect(text).toContain("connection: close");
});

describe.each<[string, ConnectionOptions | undefined]>([
  ["plain", undefined],
  ["over TLS", { ca }],
])("a connection for WebSockets, %s,", (_, tls) => {
  const options = bothPorts(tls && secure);

  test.each([
    ["says nothing", []],
    ["sends its headers slowly", ["GET / HTTP/1.1\r\n", "Host: 127.0.0.1\r\n", "x: y\r\n"]],
    ["begins with another protocol's prefix", ["PROXY TCP4 "]],
  ])("that %s is closed after connectTimeout", async (_, pieces) => {
    const { broker, clock, events } = await started(options);
    const socket = await dialled(webSocketPort(broker), tls);
    const closed = once(socket.resume(), "close");
    for (const piece of pieces) {
      socket.write(piece);
      await answered(broker, tls);
      await clock.advance(300);
    }
    await answered(broker, tls);
    await clock.advance(1_000 - 300 * pieces.length);
    await closed;
    if (pieces[0] === "PROXY TCP4 ") return; // not HTTP: closed earlier
    expect(events[0]).toEqual({
      type: "refused",
      reason: "WebSocket: no upgrade request within connectTimeout 1000 ms",
    });
  });

  test("that upgrades late has only the rest of connectTimeout for CONNECT", async () => {
    const { broker, clock, events } = await started(options);
    const socket = await dialled(webSocketPort(broker), tls);
    await answered(broker, tls);
    await clock.advance(900);
    socket.write(UPGRADE);
    await once(socket, "data");
    const closed = once(socket.resume(), "close");
    await clock.advance(99);
    expect(broker.statistics.openConnections).toBe(1);
    await clock.advance(1);
    await clock.advance(50); // for the client to close its side
    await closed;
    expect(events).toEqual([{ type: "refused", reason: "no CONNECT within 1000 ms" }]);
  });
});

test("a late TLS handshake leaves only the rest of connectTimeout for CONNECT", async () => {
  const { broker, clock, events } = await started({ tls: secure });
  const plain = await dialled(broker.port);
  // It is behind the first one in the queue of connections: when its handshake is finished, the broker has accepted the
  // first one too.
  (await dialled(broker.port, { ca })).destroy();
  await clock.advance(900);
  const socket: TLSSocket = connectTls({ socket: plain, ca, host: "127.0.0.1" }).on("error", () => undefined);
  await once(socket, "secureConnect");
  await expect.poll(() => broker.statistics.openConnections).toBe(1);
  const closed = once(socket.resume(), "close");
  events.length = 0;
  await clock.advance(100);
  await clock.advance(50);
  await closed;
  expect(events).toEqual([{ type: "refused", reason: "no CONNECT within 1000 ms" }]);
});

test("a connection to the MQTT port that begins with another protocol's prefix is closed at once", async () => {
  const { broker, events } = await started();
  const socket = await dialled(broker.port);
  const closed = once(socket.resume(), "close");
  socket.write("PROXY TCP4 192.0.2.1 192.0.2.2 1 1883\r\n");
  await once(socket, "end");
  socket.end();
  await closed;
  expect(events).toMatchObject([{ type: "refused" }]);
});
