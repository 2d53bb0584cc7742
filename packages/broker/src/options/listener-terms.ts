/** What a listener may have of its own, instead of the broker's options. */

import { func, holds, integer } from "@aiko/mqtt/options";
import type { ConnectDecision, ConnectRequest } from "./authentication.js";
import { readOrigins } from "./origins.js";

/** Options of one listener instead of those of the broker. */
export interface ListenerTerms {
  /**
   * The name of the listener in `ConnectRequest.listener` and `BrokerClient.listener`, not empty. Default: its URL, or
   * the path of `broker.attach`.
   */
  readonly name?: string | undefined;
  /** Decides about the clients of this listener. Default: the broker's `authenticate`. */
  readonly authenticate?: ((request: ConnectRequest) => ConnectDecision | Promise<ConnectDecision>) | undefined;
  /**
   * The number of connections of this listener at one time, including those in a handshake, 1 … 2,147,483,648. The
   * broker's `maximumConnections` holds in addition. Default: no limit of its own.
   */
  readonly maximumConnections?: number | undefined;
  /** Origins of web pages that may connect over WebSockets at this listener. Default: the broker's `allowedOrigins`. */
  readonly allowedOrigins?: readonly string[] | undefined;
}

export const termRules = {
  name: holds<string>((value) => typeof value === "string" && value !== "", "must be a string that is not empty"),
  authenticate: func<ListenerTerms["authenticate"]>(),
  maximumConnections: integer(1, 2 ** 31),
  allowedOrigins: readOrigins,
};
