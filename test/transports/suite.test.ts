// The shared suite of every Transport, over each way to a server that Node has, including proxies between them.
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createServer } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { type NetworkOptions, platform, type Transport } from "@aiko/mqtt";
import { transportSuite } from "@aiko/mqtt/testing";
import { describe, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import type { WebSocketLike } from "../../packages/mqtt/src/platform/network-options.ts";
import { SocketTransport } from "../../packages/mqtt/src/transport/socket.ts";
import { WebSocketTransport } from "../../packages/mqtt/src/transport/websocket.ts";
import { Authority } from "../fixtures/certificates.ts";
import { address, listening, patient, settle, socketPath } from "./network.ts";
import { httpProxy, socksProxy } from "./proxies.ts";

type Pair = readonly [Transport, Transport];

const authority = await Authority.named("Test authority");
const identity = await authority.issue(["127.0.0.1"]);
const secure = { cert: identity.certificate, key: identity.key };
const tls = { ca: authority.certificate };

async function tcp(options: NetworkOptions = {}): Promise<Pair> {
  const server = createServer();
  const { port } = await listening(server);
  const accepted = new Promise<Transport>((resolve) => {
    server.on("connection", (socket) => resolve(new SocketTransport(socket)));
  });
  return Promise.all([platform.dial(address("mqtt", port), patient, options), accepted]);
}

async function unix(): Promise<Pair> {
  const server = createServer();
  const path = await socketPath();
  await listening(server, path);
  const accepted = new Promise<Transport>((resolve) => {
    server.on("connection", (socket) => resolve(new SocketTransport(socket)));
  });
  return Promise.all([platform.dial({ scheme: "unix", host: path, port: 0, path: "" }, patient, {}), accepted]);
}

async function overTls(options: NetworkOptions = {}): Promise<Pair> {
  const server = createTlsServer(secure);
  const { port } = await listening(server);
  const accepted = new Promise<Transport>((resolve) => {
    server.on("secureConnection", (socket) => resolve(new SocketTransport(socket)));
  });
  return Promise.all([platform.dial(address("mqtts", port), patient, { tls, ...options }), accepted]);
}

async function webSocket(scheme: "ws" | "wss", options: NetworkOptions = {}): Promise<Pair> {
  const server = scheme === "ws" ? createHttpServer() : createHttpsServer(secure);
  const { port } = await listening(server);
  const sockets = new WebSocketServer({ server, handleProtocols: () => "mqtt" });
  const accepted = new Promise<Transport>((resolve) => {
    sockets.on("connection", (socket: WebSocket) => {
      socket.binaryType = "arraybuffer";
      resolve(new WebSocketTransport(socket as unknown as WebSocketLike, "the client", platform.clock));
    });
  });
  const given = scheme === "ws" ? options : { tls, ...options };
  return Promise.all([platform.dial(address(scheme, port), patient, given), accepted]);
}

describe.each<[string, () => Promise<Pair>]>([
  ["TCP", tcp],
  ["a Unix socket", unix],
  ["TLS", overTls],
  ["a WebSocket", () => webSocket("ws")],
  ["a WebSocket over TLS", () => webSocket("wss")],
  ["TCP through an HTTP proxy", async () => tcp({ proxy: await httpProxy() })],
  ["TCP through a SOCKS5 proxy", async () => tcp({ proxy: await socksProxy() })],
  ["TLS through an HTTP proxy", async () => overTls({ proxy: await httpProxy() })],
  ["a WebSocket over TLS through a SOCKS5 proxy", async () => webSocket("wss", { proxy: await socksProxy() })],
])("the transport over %s", (_, pair) => {
  test.each(transportSuite({ pair, pause: settle }))("$name", ({ run }) => run());
});
