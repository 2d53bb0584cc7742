/** The clients of a broker, as the application sees them. */

import type { BrokerClient } from "./broker-client.js";

/** The clients that have a session, with or without a connection. Iterating shows the current ones. */
export interface BrokerClients extends Iterable<BrokerClient> {
  /** The number of sessions. */
  readonly size: number;
  /** Returns the client with this client identifier. Undefined if it has no session. */
  get(clientId: string): BrokerClient | undefined;
}

export class ClientList implements BrokerClients {
  /** Private, so that printing the list does not print the broker. */
  readonly #clients: ReadonlyMap<string, { readonly handle: BrokerClient }>;

  constructor(clients: ReadonlyMap<string, { readonly handle: BrokerClient }>) {
    this.#clients = clients;
  }

  get size(): number {
    return this.#clients.size;
  }

  get(clientId: string): BrokerClient | undefined {
    return this.#clients.get(clientId)?.handle;
  }

  *[Symbol.iterator](): Iterator<BrokerClient> {
    for (const { handle } of this.#clients.values()) yield handle;
  }
}
