/** What listeners hand connections to. */

import type { Duplex } from "node:stream";
import type { Arrival, ClientConnection } from "./client-connection.js";

export interface Entrance {
  /** Takes what connects, or refuses it. The stream is a socket, or a WebSocket's bytes. */
  take(stream: Duplex, arrival: Arrival): Pick<ClientConnection, "isStranger"> | undefined;
  /** A connection was closed before its handshake: there are `maximumConnections` already. */
  full(): void;
  /** A connection was closed before its handshake had come to its end. */
  refused(reason: string): void;
}

/** Runs `take`. If that throws, `stream` is destroyed: nobody else has it, and one connection must not end the process. */
export function guarded<T>(entrance: Entrance, stream: Duplex, take: () => T): T | undefined {
  try {
    return take();
  } catch (error) {
    stream.on("error", () => undefined).destroy();
    entrance.refused(`the broker failed: ${error}`);
    return undefined;
  }
}
