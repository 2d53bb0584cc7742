/**
 * Makes connections of the requests to upgrade that come to an HTTP server [MQTT-6.0.0-1 … 6.0.0-4]. Frames are binary, and are no packets.
 */

import type { Server as HttpServer, IncomingMessage, RequestListener } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { UsageError } from "@aiko/mqtt";
import type { WebSocket } from "ws";
import type { BrokerSettings } from "./broker-options.js";
import { STRANGERS_MAXIMUM } from "./client-connection.js";
import { type Entrance, guarded } from "./entrance.js";
import { originOf, originRefusal } from "./request-origin.js";
import type { Strangers } from "./strangers.js";

/** `mqttv3.1` is what clients of MQTT 3.1 offer. */
const SUBPROTOCOLS = ["mqtt", "mqttv3.1"];
/** Bytes: a CONNECT in however many frames. */
const LONGEST_STRANGERS_MESSAGE = 2 * STRANGERS_MAXIMUM;
/** What the package ws bounds in addition to the length of a message: counts, of which each costs memory besides its bytes. */
const bounds = {
  /** Fragments that a message may come in: with 16 KiB in each, the longest packet. */
  maxFragments: 16_384,
  /** Chunks of the network that a frame may come in before it is complete: with 1 KiB in each, the longest packet. */
  maxBufferedChunks: 262_144,
  /** Milliseconds that the socket may stay when its WebSocket is over: the client may hold it open. */
  closeTimeout: 50,
};
/** Bytes that may wait to be sent when a ping is answered. */
const MOST_BEFORE_PONG = 65_536;
/** A close code of RFC 6455. */
const PROTOCOL_ERROR = 1002;

/** Answers what is not an upgrade, and ends its connection: kept alive it would take the place of a client. */
export const upgradeOnly: RequestListener = (_, response) => {
  const headers = { upgrade: "websocket", connection: "close", "content-type": "text/plain" };
  response.writeHead(426, headers).end("this port accepts only MQTT over WebSocket\n");
};

/** Loaded only by a broker that takes WebSockets. */
async function packageWs(): Promise<typeof import("ws")> {
  try {
    return await import("ws");
  } catch (cause) {
    const rule =
      "the package ws cannot be loaded; install it, or exclude it from an ES bundle, as with esbuild --external:ws";
    throw new UsageError("TRANSPORT_UNAVAILABLE", `listeners: ${rule}`, { option: "listeners", cause });
  }
}

/** @param opened is given each WebSocket */
export async function takeWebSockets(
  server: HttpServer,
  host: string,
  settings: BrokerSettings,
  strangers: Strangers,
  entrance: Entrance,
  opened: (socket: WebSocket) => void,
): Promise<void> {
  const { createWebSocketStream, WebSocketServer } = await packageWs();
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: settings.maximumPacketSize,
    ...bounds,
    perMessageDeflate: false,
    autoPong: false,
    handleProtocols: (offered) => SUBPROTOCOLS.find((name) => offered.has(name)) ?? false,
  });
  const connected = (socket: WebSocket, request: IncomingMessage): void => {
    socket.on("error", () => undefined); // of a frame that is wrong: it is closed
    if (socket.protocol === "") {
      socket.close(PROTOCOL_ERROR, "the client must offer the subprotocol mqtt");
      request.socket.destroySoon(); // and not when the client has said goodbye too
      return;
    }
    strangers.letGo(request.socket);
    socket.on("ping", (data) => {
      if (socket.bufferedAmount < MOST_BEFORE_PONG) socket.pong(data); // answers that nobody reads must not pile up
    });
    socket.on("message", (_, isBinary) => {
      if (!isBinary) stream.destroy(); // before its text is taken for packets
    });
    const stream = createWebSocketStream(socket);
    stream.on("end", () => stream.destroy()); // or it waits, half open, for what can be sent no more
    opened(socket);
    const arrival = {
      address: request.socket.remoteAddress,
      origin: originOf(request),
      deadline: strangers.deadlineOf(request.socket),
    };
    const client = guarded(entrance, stream, () => entrance.take(stream, arrival));
    boundMessages(socket, request.socket, () => client?.isStranger ?? true);
  };
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const refusal = originRefusal(request, { host, allowedOrigins: settings.allowedOrigins });
    if (refusal !== undefined) {
      forbid(socket, refusal);
      entrance.refused(refusal);
      return;
    }
    guarded(entrance, socket, () => sockets.handleUpgrade(request, socket, head, connected));
  });
}

function forbid(socket: Duplex, why: string): void {
  socket.on("error", () => undefined);
  socket.once("finish", () => socket.destroy());
  socket.end(`HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n${why}\n`);
}

/** A WebSocket keeps a message until its last frame has come, which for a stranger must not be as long as for a client. */
function boundMessages(socket: WebSocket, network: Socket, isStranger: () => boolean): void {
  let unfinished = 0;
  socket.on("message", () => {
    unfinished = 0;
  });
  network.on("data", (bytes: Uint8Array) => {
    unfinished += bytes.length;
    if (unfinished > LONGEST_STRANGERS_MESSAGE && isStranger()) socket.terminate();
  });
}
