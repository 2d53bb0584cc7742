/** What a connection needs of the rest of the broker. */

import type { ConnectPacket } from "@aiko/mqtt/codec";
import type { ServerSession } from "@aiko/mqtt/session";
import type { ClientConnection } from "./client-connection.js";

/** Answers CONNECT, and receives errors that occur before a client is accepted. */
export interface Reception {
  /** Accepts the client with `admit`, or refuses it with `refuse`, possibly later. */
  connect(connection: ClientConnection, packet: ConnectPacket): void;
  gone(connection: ClientConnection): void;
  refused(reason: string): void;
}

/** The client of a connection, after it was accepted. */
export interface AdmittedClient {
  readonly session: ServerSession;
  readonly identity: string | undefined;
  connectionEnded(connection: ClientConnection, reason: string): void;
}
