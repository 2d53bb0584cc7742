/** Makes the server socket of a source: TCP, a Unix socket, or TCP with TLS. Knows nothing of what is sent, and of who may connect. */

import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { readPem } from "@aiko/mqtt-configuration";
import type { PemSettings } from "../configuration/configuration.js";

/** Milliseconds that a device has for the handshake of TLS. */
const HANDSHAKE_TIMEOUT = 10_000;

/** What a server does with connections. */
export interface ServerEvents {
  /** A connection was made. With TLS, it cannot be used yet. Returns whether it may go on. */
  admit(socket: Socket): boolean;
  /** A connection that was admitted can be used. */
  serve(socket: Socket): void;
  /** A connection has failed. */
  failed(socket: Socket, error: Error): void;
}

export interface StreamServer {
  readonly server: Server;
  /** Reads the files of TLS. Rejects if they are not valid; the ones that were read before are used further. */
  prepare(): Promise<void>;
}

/** @param tls undefined: without TLS */
export function createStreamServer(tls: PemSettings | undefined, events: ServerEvents): StreamServer {
  // A device may say its last and still wait for the answers: echo … | nc host port.
  const options = { noDelay: true, allowHalfOpen: true };
  if (tls === undefined) {
    const server = createServer(options, (socket) => {
      socket.on("error", (error) => events.failed(socket, error));
      if (events.admit(socket)) events.serve(socket);
      else socket.destroy();
    });
    return { server, prepare: async () => {} };
  }
  const verification = { requestCert: tls.ca !== undefined, rejectUnauthorized: tls.ca !== undefined };
  const server = createTlsServer({ ...options, ...verification, handshakeTimeout: HANDSHAKE_TIMEOUT }, (socket) => {
    socket.on("error", (error) => events.failed(socket, error));
    events.serve(socket);
  });
  server.on("connection", (socket: Socket) => {
    socket.on("error", (error) => events.failed(socket, error));
    if (!events.admit(socket)) socket.destroy();
  });
  server.on("tlsClientError", (error, socket) => {
    socket.destroy();
    events.failed(socket, error);
  });
  return { server, prepare: async () => server.setSecureContext(await readPem(tls)) };
}
