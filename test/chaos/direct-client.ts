// The side of an exchange that is left in peace: it is connected without the proxy. On a busy machine its connection may be lost all the
// same. What comes meanwhile counts, so its session outlives the connection.
import { type Client, connect } from "@aiko/mqtt";
import type { ChaosServer } from "./servers.ts";

let count = 0;

export function connectDirectly(server: ChaosServer, protocolVersion: 4 | 5): Promise<Client> {
  const clientId = `chaos-direct-${++count}`;
  return connect(`mqtt://127.0.0.1:${server.port}`, { protocolVersion, cleanStart: false, clientId });
}
