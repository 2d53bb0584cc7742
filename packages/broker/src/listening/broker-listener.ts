/** A listener that the application opened, as applications use it. */

import type { ListenerChange } from "../options/listener-options.js";

/** An open listener of a broker. `broker.openListener` returns it. */
export interface BrokerListener {
  /** The URL, such as `mqtts://127.0.0.1:8883`, with the port that was chosen. */
  readonly url: string;
  /** The port. 0 at a Unix socket. */
  readonly port: number;
  /**
   * Changes options of the listener from now on. Open connections stay. A certificate is used for new connections.
   *
   * @throws UsageError OPTION_UNKNOWN or OPTION_INVALID, and nothing is changed. `tls.clientCa` can be replaced, but not
   * added or removed
   * @example listener.change({ tls: { certificate: await readFile("new.pem"), key } });
   */
  change(options: ListenerChange): void;
  /**
   * Stops listening, and disconnects the clients of the listener with 0x98 (Administrative action). Resolves when their
   * connections are closed.
   */
  close(): Promise<void>;
}
