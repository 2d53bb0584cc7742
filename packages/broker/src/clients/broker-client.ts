/** A client of the broker, as the application sees it. */

import type { ProtocolVersion } from "@aiko/mqtt/codec";

/**
 * A client of the broker: its session, and its connection if it has one. There is one such object for each session. It
 * is always up to date, and stays valid after the session has ended.
 */
export interface BrokerClient {
  /** The client identifier. */
  readonly clientId: string;
  /** Who the client is, as `authenticate` answered. Undefined if it answered `true`, or is not set. */
  readonly identity: string | undefined;
  /** The user name of its last CONNECT, if any. It proves nothing unless `authenticate` has checked it. */
  readonly username: string | undefined;
  /** The protocol version of its last connection: 3 (MQTT 3.1), 4 (3.1.1) or 5. */
  readonly protocolVersion: ProtocolVersion;
  /** The IP address of its last connection. Undefined at a Unix socket, and for connections of `broker.accept`. */
  readonly address: string | undefined;
  /** The name or the URL of the listener of its last connection. Undefined for connections of `broker.accept`. */
  readonly listener: string | undefined;
  /** Whether it has a connection. */
  readonly connected: boolean;
  /** When its last connection was accepted, in milliseconds of the broker's clock: since 1970 by default. */
  readonly connectedAt: number;
  /** The topic filters of its subscriptions. */
  readonly subscriptions: readonly string[];
  /** The messages that wait for this client, with those that it has not acknowledged. */
  readonly queued: {
    /** The number of messages. */
    readonly count: number;
    /** The bytes of topics, payloads and properties of those that were not sent yet. */
    readonly bytes: number;
  };
  /**
   * Ends its connection, if it has one. The session is kept as for a lost connection, and the will is published.
   *
   * @param reasonCode a reason code of DISCONNECT, 0x80 … 0xA2; on MQTT 5, the client receives it. Default:
   * `ReasonCode.ADMINISTRATIVE_ACTION`
   * @param reason the reason in the event `disconnected`; on MQTT 5, the client receives it as the reason string
   * @throws UsageError OPTION_INVALID or PACKET_INVALID if DISCONNECT of a server must not carry the reason code or string
   */
  disconnect(reasonCode?: number, reason?: string): void;
  /** Ends its connection and its session: its subscriptions and queued messages are discarded. */
  endSession(): void;
}
