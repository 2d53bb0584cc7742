/**
 * Accepts the upgrade requests of an HTTP server as WebSocket connections [MQTT-6.0.0-1 … 6.0.0-4]. Frames are binary,
 * and are not packets.
 */

import type { IncomingMessage, RequestListener } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { UsageError } from "@aiko/mqtt";
import type { WebSocket } from "ws";
import type { Arrival } from "../connecting/arrival.js";
import { STRANGERS_MAXIMUM } from "../connecting/client-connection.js";
import type { BrokerSettings } from "../options/broker-options.js";
import { certificateOf } from "./client-certificate.js";
import { type Entrance, guarded } from "./entrance.js";
import { originOf, originRefusal } from "./request-origin.js";
import type { Strangers } from "./strangers.js";

/** Clients of MQTT 3.1 offer `mqttv3.1`. */
const SUBPROTOCOLS = ["mqtt", "mqttv3.1"];
/** In bytes: enough for a CONNECT in any number of frames. */
const LONGEST_STRANGERS_MESSAGE = 2 * STRANGERS_MAXIMUM;
/**
 * Limits of the package ws in addition to the length of a message. They limit counts, because each counted part takes
 * additional memory.
 */
const bounds = {
  /** The most fragments of a message. With 16 KiB in each, they hold the longest packet. */
  maxFragments: 16_384,
  /** The most network chunks of an incomplete frame. With 1 KiB in each, they hold the longest packet. */
  maxBufferedChunks: 262_144,
  /** Milliseconds that the socket may stay open after its WebSocket is closed: the client may keep it open. */
  closeTimeout: 50,
};
/** The most bytes that may wait to be sent if a ping is to be answered. */
const MOST_BEFORE_PONG = 65_536;
/** A close code of RFC 6455. */
const PROTOCOL_ERROR = 1002;

/**
 * Answers requests that are not an upgrade, and closes their connection: kept alive, it would take the place of a
 * client.
 */
export const upgradeOnly: RequestListener = (_, response) => {
  const headers = { upgrade: "websocket", connection: "close", "content-type": "text/plain" };
  response.writeHead(426, headers).end("this port accepts only MQTT over WebSocket\n");
};

/** Loaded only by a broker that accepts WebSockets. */
async function packageWs(): Promise<typeof import("ws")> {
  try {
    return await import("ws");
  } catch (cause) {
    const rule =
      "the package ws cannot be loaded; install it, or exclude it from an ES bundle, as with esbuild --external:ws";
    throw new UsageError("TRANSPORT_UNAVAILABLE", `listeners: ${rule}`, { option: "listeners", cause });
  }
}

/** What accepts the WebSockets of an HTTP server. */
export interface WebSocketPlace {
  /** The host that the server listens on. */
  host(): string;
  /** The web pages of other hosts that may connect. */
  allowedOrigins(): readonly string[];
  /** What is known of each connection to it. */
  arrival(): Arrival;
  /** Receives each WebSocket. */
  opened(socket: WebSocket): void;
}

/** Returns a listener for the event "upgrade" of an HTTP server. */
export async function webSocketUpgrade(
  settings: BrokerSettings,
  strangers: Pick<Strangers, "deadlineOf" | "letGo" | "visitOf">,
  entrance: Entrance,
  place: WebSocketPlace,
): Promise<(request: IncomingMessage, socket: Duplex, head: Buffer) => void> {
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
    socket.on("error", () => undefined); // an invalid frame: the socket is closed
    const offered = request.headers["sec-websocket-protocol"];
    if (socket.protocol === "" && !(settings.subprotocolOptional && offered === undefined)) {
      socket.close(PROTOCOL_ERROR, "the client must offer the subprotocol mqtt");
      request.socket.destroySoon(); // does not wait for the client's close frame
      return;
    }
    strangers.letGo(request.socket);
    socket.on("ping", (data) => {
      if (socket.bufferedAmount < MOST_BEFORE_PONG) socket.pong(data); // unread pongs must not accumulate
    });
    socket.on("message", (_, isBinary) => {
      if (!isBinary) stream.destroy(); // otherwise its text would be decoded as packets
    });
    const stream = createWebSocketStream(socket);
    stream.on("end", () => stream.destroy()); // otherwise it stays half open for data that cannot be sent
    place.opened(socket);
    const arrival = {
      ...place.arrival(),
      address: request.socket.remoteAddress,
      origin: originOf(request),
      deadline: strangers.deadlineOf(request.socket),
      visit: strangers.visitOf(request.socket),
      certificate: certificateOf(request.socket),
    };
    const client = guarded(entrance, stream, () => entrance.take(stream, arrival));
    boundMessages(socket, request.socket, () => client?.isStranger ?? true);
  };
  return (request, socket, head) => {
    const refusal = originRefusal(request, { host: place.host(), allowedOrigins: place.allowedOrigins() });
    if (refusal !== undefined) {
      forbid(socket, refusal);
      entrance.refused(refusal);
      return;
    }
    guarded(entrance, socket, () => sockets.handleUpgrade(request, socket, head, connected));
  };
}

function forbid(socket: Duplex, why: string): void {
  socket.on("error", () => undefined);
  socket.once("finish", () => socket.destroy());
  socket.end(`HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n${why}\n`);
}

/** A WebSocket keeps a message until its last frame has arrived. Before CONNECT, that must be less than later. */
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
