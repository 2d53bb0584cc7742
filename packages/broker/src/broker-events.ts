/** The events of a broker, and its statistics. */

import { type MqttError, type QoS, UsageError } from "@aiko/mqtt";
import type { ProtocolVersion } from "@aiko/mqtt/codec";

/** The events of a broker, with the value that listeners receive. */
export interface BrokerEvents {
  /** A client was accepted. */
  connected: {
    readonly clientId: string;
    readonly protocolVersion: ProtocolVersion;
    /** The IP address of the client. Undefined at a Unix socket, and for connections that the application made. */
    readonly address: string | undefined;
    /** Who the client is, if `authenticate` or its authentication method answered with an identity. */
    readonly identity: string | undefined;
    readonly sessionPresent: boolean;
  };
  /** A connection was closed before its client was accepted. */
  refused: { readonly reason: string };
  /** A connection of an accepted client has ended. */
  disconnected: { readonly clientId: string; readonly reason: string };
  /** A client subscribed to a topic filter. */
  subscribed: { readonly clientId: string; readonly topicFilter: string; readonly qos: QoS };
  /** A client ended a subscription. */
  unsubscribed: { readonly clientId: string; readonly topicFilter: string };
  /** A message was published: by a client, as its will, or by `broker.publish`, which has no client identifier. */
  published: { readonly clientId: string | undefined; readonly topic: string; readonly bytes: number };
  /** The session of a client has ended: its subscriptions and its messages are discarded. */
  sessionEnded: { readonly clientId: string };
  /**
   * A message or a will of this client was not published: its topic belongs to the broker, or is not a topic name for
   * clients, or a hook refused it, or the store cannot be written. Before MQTT 5, the client is not told.
   */
  publishRefused: {
    readonly clientId: string;
    readonly topic: string;
    readonly reasonCode: number;
    readonly reason: string;
  };
  /** The hook `authorizeSubscribe` refused a topic filter of this client. */
  subscribeRefused: {
    readonly clientId: string;
    readonly topicFilter: string;
    readonly reasonCode: number;
    readonly reason: string;
  };
  /**
   * A message was dropped. For a client: its outbox is full, it does not accept packets of that size, or the store cannot
   * be written. Without client
   * identifier: for a subscription of the application, which is full.
   */
  dropped: { readonly clientId: string | undefined; readonly topic: string; readonly reason: string };
  /**
   * A message was not retained, because a limit of retained messages is reached. A client that learns this from its
   * acknowledgement, at QoS 1 or 2 on MQTT 5, receives `ReasonCode.QUOTA_EXCEEDED`, and the message is not delivered. All
   * other messages are delivered.
   */
  notRetained: { readonly clientId: string | undefined; readonly topic: string; readonly reason: string };
  /**
   * The store does not accept writes. Connections whose packets depend on the failed write were closed. Until
   * `storeRecovered`, messages of QoS 1 and 2, subscriptions and new sessions are refused, and the broker retries.
   */
  storeFailed: { readonly error: MqttError };
  /** The store accepts writes again, and has everything that was pending. */
  storeRecovered: Readonly<Record<string, never>>;
  /**
   * Records of the store could not be read when the broker started, or refer to missing records. They were set aside in
   * the store. All others are used. `reason` describes the first one.
   */
  storeDamaged: { readonly records: number; readonly reason: string };
  /** An error that a listener, a hook or a handler of a subscription threw, or its rejection. The first one without an `error` listener is written to the console. */
  error: unknown;
}

const named: Readonly<Record<keyof BrokerEvents, true>> = {
  connected: true,
  refused: true,
  disconnected: true,
  subscribed: true,
  unsubscribed: true,
  published: true,
  publishRefused: true,
  subscribeRefused: true,
  sessionEnded: true,
  dropped: true,
  notRetained: true,
  storeFailed: true,
  storeRecovered: true,
  storeDamaged: true,
  error: true,
};

/**
 * A runtime check for JavaScript users.
 *
 * @throws UsageError OPTION_UNKNOWN or OPTION_INVALID
 */
export function assertListener(name: string, listener: unknown): void {
  assertEvent(name);
  if (typeof listener !== "function") throw new UsageError("OPTION_INVALID", "listener: must be a function");
}

/** @throws UsageError OPTION_UNKNOWN */
export function assertEvent(name: string): void {
  if (!Object.hasOwn(named, name)) {
    const names = Object.keys(named).join(", ");
    throw new UsageError("OPTION_UNKNOWN", `unknown event "${String(name)}"; the events are ${names}`);
  }
}

/** A snapshot of what the broker has now, and of what has passed through it since its start. */
export interface BrokerStatistics {
  /** Network connections, including those in a handshake. */
  readonly openConnections: number;
  /** Clients that are accepted and connected. */
  readonly connectedClients: number;
  /** Sessions, with or without a connection. */
  readonly sessions: number;
  /** Subscriptions of all sessions. */
  readonly subscriptions: number;
  /** Retained messages. */
  readonly retainedMessages: number;
  /** The approximate memory in bytes that `maximumMemory` limits. */
  readonly memory: number;
  /** Network connections that were accepted since the start, including those whose client was refused. */
  readonly acceptedConnections: number;
  /** Sessions that expired while their client was not connected. */
  readonly expiredSessions: number;
  /** Bytes from the network. Of TLS and WebSockets, the MQTT packets in them. */
  readonly bytesReceived: number;
  /** Bytes that were handed to the network. */
  readonly bytesSent: number;
  /** MQTT packets from clients. */
  readonly packetsReceived: number;
  /** PUBLISH packets from clients, without repetitions at QoS 2. */
  readonly messagesReceived: number;
  /** The bytes of their payloads. */
  readonly payloadBytesReceived: number;
  /** Messages that a subscribed client has: at QoS 0, handed to the network; otherwise, acknowledged. */
  readonly messagesDelivered: number;
  /** The bytes of their payloads. */
  readonly payloadBytesDelivered: number;
  /** Messages for a client that were dropped because a limit was exceeded. */
  readonly messagesDropped: number;
}
