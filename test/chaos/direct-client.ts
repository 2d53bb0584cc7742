// The side of an exchange without faults: it connects without the proxy. On a busy machine it may still lose its
// connection. Messages that arrive meanwhile count, so its session outlives the connection.
import { type Client, connect } from "@aiko/mqtt";
import type { ChaosServer } from "./servers.ts";

let count = 0;

export function connectDirectly(server: ChaosServer, protocolVersion: 4 | 5): Promise<Client> {
  const clientId = `chaos-direct-${++count}`;
  return connect(`mqtt://127.0.0.1:${server.port}`, { protocolVersion, cleanStart: false, clientId });
}
