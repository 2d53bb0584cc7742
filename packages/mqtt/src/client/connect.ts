/** The two functions that create a client. */

import { platform } from "#platform";
import { assertNoCallback } from "../options/option-error.js";
import type { Client } from "./client.js";
import { ClientHandle } from "./client-handle.js";
import type { ConnectOptions, CredentialsProvider } from "./connect-options.js";
import type { Servers } from "./connecting/server-list.js";
import type { ServersGiven } from "./connecting/server-url.js";

/**
 * Connects to a server. Resolves at the first CONNACK that accepts. From then on the client stays connected until
 * `disconnect`: it re-establishes lost connections.
 *
 * @param urls one server, a list of servers for failover, or a function that returns either before each round of
 * attempts: `mqtt://host:port`, `unix:/path`, as text or as a `URL`
 * @throws RefusedError, TransportError, TimeoutError or ProtocolError of the last server if no server accepts the
 * client; UsageError if an option is unknown or not valid; AbortedError if `signal` fires
 * @example
 * await using client = await connect("mqtt://localhost:1883", { clientId: "kitchen" });
 * await client.publish("kitchen/temperature", "21.5", { qos: 1 });
 */
export function connect<Given extends Servers, Provider extends CredentialsProvider | undefined>(
  urls: ServersGiven<Given>,
  options?: ConnectOptions<Provider>,
): Promise<Client>;
export async function connect(urls: Servers, options: ConnectOptions = {}, callback?: unknown): Promise<Client> {
  assertNoCallback(callback ?? options);
  const client = createClient(urls, options);
  try {
    await client.connect();
  } catch (error) {
    await client.disconnect();
    throw error;
  }
  return client;
}

/**
 * Creates a client without connecting it, so that you can register listeners first. Call `client.connect()` to connect.
 *
 * @throws UsageError if an option or a URL is unknown or not valid
 */
export function createClient<Given extends Servers, Provider extends CredentialsProvider | undefined>(
  urls: ServersGiven<Given>,
  options?: ConnectOptions<Provider>,
): Client;
export function createClient(urls: Servers, options: ConnectOptions = {}, callback?: unknown): Client {
  assertNoCallback(callback ?? options);
  return new ClientHandle(urls, options, options?.platform ?? platform);
}
