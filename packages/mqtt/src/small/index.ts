/**
 * The entry `@aiko/mqtt/small`: a client of 14 KB, for pages and devices where every kilobyte counts.
 *
 * @module @aiko/mqtt/small
 */

import type { CredentialsProvider } from "../client/connect-options.js";
import type { ServersGiven } from "../client/connecting/server-url.js";
import { type SmallClient, SmallEngine } from "./small-client.js";
import type { SmallOptions } from "./small-options.js";
import { platform } from "./small-platform.js";

export type { PublishOptions, PublishResult } from "../client/publishing.js";
export {
  AbortedError,
  ClosedError,
  MqttError,
  OutboxError,
  ProtocolError,
  RefusedError,
  TimeoutError,
  TransportError,
  UsageError,
} from "../errors.js";
export type { SmallVersion } from "./packet-writer.js";
export type {
  SmallClient,
  SmallEvents,
  SmallHandlerOptions,
  SmallIteratorOptions,
  SmallSubscribeOptions,
} from "./small-client.js";
export type { SmallOptions } from "./small-options.js";
export type { SmallHandledSubscription, SmallMessage as Message, SmallSubscription } from "./small-subscription.js";

/**
 * Connects to a server. Resolves at the first CONNACK that accepts. From then on the client stays connected until
 * `disconnect`: it re-establishes lost connections. Its options are a subset of the full client's.
 *
 * @param urls one server, or a list of servers for failover
 * @throws RefusedError, TransportError, TimeoutError or ProtocolError of the last server if no server accepts the
 * client; UsageError if an option is unknown or not valid; AbortedError if `signal` fires
 * @example
 * const client = await connect("wss://broker.example/mqtt", { clientId: "page" });
 * await client.publish("kitchen/light", "on", { qos: 1 });
 */
export function connect<Given extends string | readonly string[], Provider extends CredentialsProvider | undefined>(
  urls: ServersGiven<Given>,
  options?: SmallOptions<Provider>,
): Promise<SmallClient>;
export async function connect(urls: string | readonly string[], options: SmallOptions = {}): Promise<SmallClient> {
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
 * Creates a client without connecting it, so that you can register listeners and subscribe first. Call
 * `client.connect()` to connect.
 *
 * @throws UsageError if an option or a URL is unknown or not valid
 */
export function createClient<
  Given extends string | readonly string[],
  Provider extends CredentialsProvider | undefined,
>(urls: ServersGiven<Given>, options?: SmallOptions<Provider>): SmallClient;
export function createClient(urls: string | readonly string[], options: SmallOptions = {}): SmallClient {
  return new SmallEngine(urls, options, options?.platform ?? platform);
}
