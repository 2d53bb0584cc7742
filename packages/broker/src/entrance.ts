/** What listeners hand connections to. */

import type { Duplex } from "node:stream";
import type { Arrival, ClientConnection } from "./client-connection.js";

export interface Entrance {
  /** Takes what connects, or refuses it. The stream is a socket, or a WebSocket's bytes. */
  accept(stream: Duplex, arrival: Arrival): Pick<ClientConnection, "isStranger"> | undefined;
  /** A connection was closed before its handshake: there are `maximumConnections` already. */
  full(): void;
  /** A connection was closed before its handshake had come to its end. */
  refused(reason: string): void;
}

/** Accepts `stream`. If that throws, the stream is destroyed: nobody else has it. */
export function admit(entrance: Entrance, stream: Duplex, arrival: Arrival): ReturnType<Entrance["accept"]> {
  try {
    return entrance.accept(stream, arrival);
  } catch (error) {
    stream.on("error", () => undefined).destroy();
    entrance.refused(`the broker failed: ${error}`);
    return undefined;
  }
}
