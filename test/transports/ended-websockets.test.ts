// A WebSocket whose other side has ended it but keeps its socket open: it closes at once, and not after the 30 s that
// the package ws waits.
import { createHash } from "node:crypto";
import { createServer as createHttpServer } from "node:http";
import { connect as connectSocket, type Socket } from "node:net";
import { connect, platform } from "@aiko/mqtt";
import { encode } from "@aiko/mqtt/codec";
import { Broker } from "@aiko/mqtt-broker";
import { describe, expect, onTestFinished, test } from "vitest";
import { address, listening, patient } from "./network.ts";

/** Milliseconds. It takes 50; the package ws by itself takes 30,000. */
const GENEROUS = 10_000;

const CLOSE = Uint8Array.of(0x88, 2, 0x03, 0xf0); // 1008
const WRONG = Uint8Array.of(0xf2, 1, 0x10); // reserved bits

/** A server that upgrades, passes its socket to `then`, and never closes by itself. */
async function server(then: (socket: Socket) => void): Promise<{ port: number }> {
  const http = createHttpServer();
  http.on("upgrade", (request, socket: Socket) => {
    const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accepted = createHash("sha1").update(key).digest("base64");
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Accept: ${accepted}\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n`,
    );
    then(socket);
  });
  return listening(http);
}

describe("a client's WebSocket closes at once when the server ends it without closing the socket", () => {
  test.each([
    ["with a close frame", CLOSE, "closed with code 1008"],
    ["with an invalid frame", WRONG, "Invalid WebSocket frame"],
  ])("%s", async (_, frame, words) => {
    for (const reads of [true, false]) {
      const { port } = await server((socket) => {
        if (reads) socket.resume();
        socket.write(frame);
      });
      const transport = await platform.dial(address("ws", port), patient, {});
      const started = performance.now();
      const error = await new Promise<Error | undefined>((resolve) => {
        transport.start({ onBytes: () => undefined, onDrain: () => undefined, onClose: resolve });
        if (!reads) transport.write(new Uint8Array(8_000_000)); // more than the network accepts
      });
      expect(error?.message).toContain(words);
      expect(performance.now() - started).toBeLessThan(GENEROUS);
    }
  });

  test("and the client does not report that it is connected", async () => {
    const { port } = await server((socket) => {
      socket.once("data", () => {
        socket.write(Uint8Array.of(0x82, 5, 0x20, 3, 0, 0, 0));
        setImmediate(() => socket.write(CLOSE));
      });
      socket.resume();
    });
    await using client = await connect(`ws://127.0.0.1:${port}`, { reconnect: false });
    const started = performance.now();
    const error = await new Promise((resolve) => client.on("disconnected", ({ error: why }) => resolve(why)));
    expect([client.connected, performance.now() - started < GENEROUS]).toEqual([false, true]);
    expect(error).toMatchObject({ message: expect.stringContaining("1008") });
  });
});

test("a message in more fragments than the limit ends a client's WebSocket", async () => {
  const { port } = await server((socket) => {
    const fragments = new Uint8Array(3 * 20_000); // continuations of one byte each
    for (let i = 0; i < fragments.length; i += 3) fragments[i + 1] = 1;
    fragments[0] = 2; // the first one is binary
    socket.resume();
    socket.write(fragments);
  });
  const transport = await platform.dial(address("ws", port), patient, {});
  const received: Uint8Array[] = [];
  const error = await new Promise<Error | undefined>((resolve) => {
    transport.start({ onBytes: (bytes) => received.push(bytes), onDrain: () => undefined, onClose: resolve });
  });
  expect(error?.message).toContain("Too many message fragments");
  expect(received).toEqual([]);
});

describe("a broker's WebSocket closes at once when the client ends it without closing the socket", () => {
  const masked = (...bytes: number[]): Uint8Array =>
    Uint8Array.of(bytes[0] ?? 0, 0x80 | (bytes[1] ?? 0), 0, 0, 0, 0, ...bytes.slice(2));
  const connectPacket = encode(
    { type: "connect", protocolVersion: 4, clientId: "c", cleanStart: true, keepAlive: 0 },
    4,
  );

  const FRAGMENTS = Buffer.concat(Array.from({ length: 20_000 }, (_, i) => masked(i === 0 ? 2 : 0, 1, 0)));

  test.each([
    ["with a close frame", masked(...CLOSE)],
    ["with an invalid frame", masked(...WRONG)],
    ["with a message in more fragments than the limit", FRAGMENTS],
  ])("%s", async (_, frame) => {
    const broker = await Broker.listen({ listeners: [{ url: "ws://127.0.0.1:0" }] });
    onTestFinished(() => broker.close());
    const connected = new Promise((resolve) => broker.on("connected", resolve));
    const disconnected = new Promise((resolve) => broker.on("disconnected", resolve));
    const { port, host } = new URL(broker.url);
    const socket = connectSocket({ port: Number(port), host: "127.0.0.1", allowHalfOpen: true }).on(
      "error",
      () => undefined,
    );
    onTestFinished(() => void socket.destroy());
    socket.write(
      `GET / HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n",
    );
    socket.write(masked(0x82, connectPacket.length, ...connectPacket));
    socket.resume();
    await connected;
    const started = performance.now();
    socket.write(frame);
    await disconnected;
    expect(performance.now() - started).toBeLessThan(GENEROUS);
    expect(broker.statistics.openConnections).toBe(0);
  });
});
