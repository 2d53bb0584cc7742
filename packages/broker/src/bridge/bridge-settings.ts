/** What a bridge is: its server, its topics and its limits. */

import type { ConnectOptions } from "@aiko/mqtt";
import type { BridgeTopic } from "./bridge-topics.js";

/** Options of the bridge's client at the server. The bridge sets the others. */
export type BridgeClientOptions = Pick<
  ConnectOptions,
  | "clientId"
  | "protocolVersion"
  | "keepAlive"
  | "username"
  | "password"
  | "credentials"
  | "tls"
  | "webSocket"
  | "proxy"
  | "localAddress"
  | "connectTimeout"
  | "reconnect"
>;

/** A bridge to one server, or to one of several. */
export interface BridgeSettings {
  /** The name in logs. Also the client identifier in the broker, after "bridge-". */
  readonly name: string;
  /** The URLs of the servers, the preferred one first. */
  readonly servers: readonly [string, ...string[]];
  readonly client: BridgeClientOptions;
  readonly topics: readonly BridgeTopic[];
  /** The number of messages in each direction that are on their way at one time, 1 … 65,535. */
  readonly inflight: number;
  /** Seconds that the broker and the server keep the bridge's messages while it is not connected. */
  readonly sessionExpiry: number;
  /** Whether messages keep their retain flag at the server. */
  readonly outgoingRetain: boolean;
  /** The topic in the broker that has "1" while the bridge is connected, otherwise "0", retained. Undefined: none. */
  readonly statusTopic: string | undefined;
  /** The topic at the server that has the same. The bridge's will sets it to "0". Undefined: none. */
  readonly remoteStatusTopic: string | undefined;
}

/** Receives what happens to a bridge. */
export interface BridgeReport {
  connected(server: string): void;
  disconnected(reason: string): void;
  /** A message was not carried, and is not carried later: the other side refuses it. */
  dropped(direction: "in" | "out", topic: string, reason: string): void;
}
