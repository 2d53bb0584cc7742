/** What listeners pass connections to. */

import type { Duplex } from "node:stream";
import type { Arrival } from "../connecting/arrival.js";
import type { ClientConnection } from "../connecting/client-connection.js";
import type { Visit } from "../connecting/visit.js";

export interface Entrance {
  /** Accepts a connection, or refuses it. The stream is a socket, or the bytes of a WebSocket. */
  take(stream: Duplex, arrival: Arrival): Pick<ClientConnection, "isStranger"> | undefined;
  /** Counts a connection of this address, before its handshake. Refuses and reports it by returning undefined. */
  enter(address: string | undefined): Visit | undefined;
  /** A connection was closed before its handshake, because there are `maximumConnections` already: of this number. */
  full(maximumConnections: number): void;
  /** A connection was closed before its handshake was complete. */
  refused(reason: string): void;
}

/** Runs `take`. If it throws, destroys `stream`: no other code has it, and one connection must not end the process. */
export function guarded<T>(entrance: Entrance, stream: Duplex, take: () => T): T | undefined {
  try {
    return take();
  } catch (error) {
    stream.on("error", () => undefined).destroy();
    entrance.refused(`the broker failed: ${error}`);
    return undefined;
  }
}
