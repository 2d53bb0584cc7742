/** Makes clients: the options, and the way to the gateway, which is UDP by default. */

import { SnClient } from "./client.js";
import { readSnOptions, type SnOptions } from "./client-options.js";
import { udpDatagram } from "./udp-datagram.js";

/**
 * Connects to an MQTT-SN gateway. Resolves at CONNACK. From then on the client stays connected until `disconnect`.
 *
 * @param url `udp://host:port`; the default port is 10000
 * @throws RefusedError CONNECT_REFUSED; TimeoutError ANSWER_TIMEOUT if the gateway does not answer; TransportError
 * CONNECTION_FAILED; UsageError if the URL or an option is unknown or not valid; AbortedError if `signal` fires
 * @example
 * await using client = await connect("udp://127.0.0.1:10000", { clientId: "attic" });
 * await client.publish("attic/celsius", "21.5", { qos: 1 });
 */
export async function connect(url: string, options: SnOptions = {}): Promise<SnClient> {
  const client = createClient(url, options);
  try {
    await client.connect({ signal: options.signal });
  } catch (error) {
    await client.disconnect();
    throw error;
  }
  return client;
}

/**
 * Creates a client without connecting it. `publish` at QoS −1 needs no connection.
 *
 * @param url `udp://host:port`; the default port is 10000
 * @throws UsageError if the URL or an option is unknown or not valid
 */
export function createClient(url: string, options: SnOptions = {}): SnClient {
  const settings = readSnOptions(options);
  return new SnClient(settings, settings.options.datagram ?? udpDatagram(url));
}
