/** What a broker tells of itself: its events, and its figures. */

import { type QoS, UsageError } from "@aiko/mqtt";
import type { ProtocolVersion } from "@aiko/mqtt/codec";

export interface BrokerEvents {
  /** A client was let in. */
  connected: {
    readonly clientId: string;
    readonly protocolVersion: ProtocolVersion;
    /** The IP address that the client connects from; undefined at a Unix socket, and if the application made the connection. */
    readonly address: string | undefined;
    readonly sessionPresent: boolean;
  };
  /** A connection was closed before its client was let in. */
  refused: { readonly reason: string };
  /** A connection that was let in is over. */
  disconnected: { readonly clientId: string; readonly reason: string };
  subscribed: { readonly clientId: string; readonly topicFilter: string; readonly qos: QoS };
  /** A client ended a subscription that it had. */
  unsubscribed: { readonly clientId: string; readonly topicFilter: string };
  /** A client published a message. */
  published: { readonly clientId: string; readonly topic: string; readonly bytes: number };
  /** A message for this client did not fit: its outbox is at a bound, or the message is longer than the client takes. */
  dropped: { readonly clientId: string; readonly topic: string; readonly reason: string };
  /** A message was passed on, but is not kept: the retained messages are at a bound. */
  notRetained: { readonly clientId: string | undefined; readonly topic: string };
  /** A listener threw this. The first one without a listener is written to the console. */
  error: unknown;
}

const named: Readonly<Record<keyof BrokerEvents, true>> = {
  connected: true,
  refused: true,
  disconnected: true,
  subscribed: true,
  unsubscribed: true,
  published: true,
  dropped: true,
  notRetained: true,
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

/** A snapshot of what there is now. */
export interface BrokerStatistics {
  /** Network connections, those in a handshake included. */
  readonly openConnections: number;
  /** Sessions, with or without a connection. */
  readonly sessions: number;
  readonly subscriptions: number;
  readonly retainedMessages: number;
}
