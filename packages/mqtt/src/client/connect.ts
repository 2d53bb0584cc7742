/** The two ways to a client. */

import { platform } from "#platform";
import { assertNoCallback } from "../options/option-error.js";
import type { Client } from "./client.js";
import { ClientHandle } from "./client-handle.js";
import type { ConnectOptions, CredentialsProvider } from "./connect-options.js";
import type { Servers } from "./connecting/server-list.js";
import type { ServersGiven } from "./connecting/server-url.js";

/**
 * Connects to a server and resolves at the first CONNACK that accepts. From then on the client keeps itself connected,
 * until `disconnect`.
 *
 * @param urls one server, a list to fail over through, or a function that gives either before each round of attempts:
 * `mqtt://host:port`, `unix:/path`, as text or as a `URL`
 * @throws RefusedError, TransportError, TimeoutError or ProtocolError of the last server if none takes the client; UsageError if an option
 * is unknown or wrong; AbortedError if `signal` fires
 * @example
 * await using client = await connect("mqtt://localhost:1883", { clientId: "kitchen" });
 * await client.publish("kitchen/temperature", "21.5", { qos: 1 });
 */
export function connect<Given extends Servers, Provider extends CredentialsProvider | undefined>(
  urls: ServersGiven<Given>,
  options?: ConnectOptions<Provider>,
): Promise<Client>;
export async function connect(urls: Servers, options: ConnectOptions = {}, callback?: unknown): Promise<Client> {
  assertNoCallback(callback);
  const client = createClient(urls, options);
  try {
    await client.connect();
  } catch (error) {
    await client.disconnect();
    throw error;
  }
  return client;
}

/** Makes a client without connecting it: for listeners that must not miss the first event. `client.connect()` connects. */
export function createClient<Given extends Servers, Provider extends CredentialsProvider | undefined>(
  urls: ServersGiven<Given>,
  options?: ConnectOptions<Provider>,
): Client;
export function createClient(urls: Servers, options: ConnectOptions = {}, callback?: unknown): Client {
  assertNoCallback(callback);
  return new ClientHandle(urls, options, options?.platform ?? platform);
}
