/**
 * The far side of the gateway: what its machine needs of MQTT. Each SN client has a connection there, which may be an MQTT
 * connection of its own or a share of one. Nothing here rejects: what fails is an outcome.
 */

/** A will, as the client has given it. */
export interface SnWill {
  readonly topic: string;
  readonly message: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
}

/** A message in either direction. */
export interface SnMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
}

/** A topic filter, and the QoS that the client has asked for. */
export type SnFilter = readonly [filter: string, qos: 0 | 1 | 2];

/**
 * What became of a request. "accepted": it is done, or will not be lost. "congestion": it may succeed later. "refused": it
 * will not succeed.
 */
export type SnOutcome = "accepted" | "congestion" | "refused";

/** What became of a SUBSCRIBE. */
export type SnSubscribed = { readonly outcome: "accepted"; readonly qos: 0 | 1 | 2 } | { readonly outcome: Failed };

/** What became of a CONNECT. */
export type SnConnected =
  | { readonly outcome: "accepted"; readonly connection: SnConnection }
  | { readonly outcome: Failed };

type Failed = Exclude<SnOutcome, "accepted">;

/**
 * What became of a message for a client. "delivered": the client has acknowledged it, or it was sent at QoS 0. "dropped":
 * it never will be. "forgotten": the session has ended, so the message is still unacknowledged.
 */
export type SnDelivery = "delivered" | "dropped" | "forgotten";

/** Who connects. */
export interface SnIdentity {
  readonly clientId: string;
  /** Whether subscriptions and messages of an earlier session end. */
  readonly cleanSession: boolean;
  readonly will: SnWill | undefined;
}

/** What a connection reports. */
export interface SnConnectionListener {
  /** A message for the client. Resolves when it may be acknowledged to the server. Never rejects. */
  deliver(message: SnMessage): Promise<SnDelivery>;
  /** The server has ended the connection for good: another client has taken over the identifier, for example. */
  ended(): void;
}

/** The connection of one client. It outlives network connections, which are re-established behind it. */
export interface SnConnection {
  /**
   * Whether the server sends messages that were not acknowledged again when the client has connected again. If not, the
   * gateway keeps them.
   */
  readonly redelivers: boolean;
  publish(message: SnMessage): Promise<SnOutcome>;
  subscribe(filter: string, qos: 0 | 1 | 2): Promise<SnSubscribed>;
  unsubscribe(filter: string): Promise<SnOutcome>;
  /** Ends all subscriptions. */
  unsubscribeAll(): void;
  /** Replaces the will. Undefined: there is none any more. */
  changeWill(will: SnWill | undefined): Promise<SnOutcome>;
  /** Ends the connection normally, without the will. A session that is not clean stays at the server. */
  disconnect(): void;
  /** Ends the connection without DISCONNECT: the will is published. */
  cut(): void;
}

/** The far side. None of its promises rejects. */
export interface SnUplink {
  /** Whether the server can be reached now. */
  readonly isConnected: boolean;
  /** Connects a client. If it has a connection, that one is ended first, without its will. */
  connect(identity: SnIdentity, listener: SnConnectionListener): Promise<SnConnected>;
  /** Publishes a message of nobody's session: QoS −1. */
  publish(message: SnMessage): Promise<SnOutcome>;
  /** The session of a client that is not connected is forgotten: what was kept for it ends. */
  forget(clientId: string): void;
  /** Returns what a client has subscribed to. */
  filtersOf(clientId: string): readonly SnFilter[];
  /** A session of an earlier process continues. Its client connects later, if it is not away. */
  restore(clientId: string, filters: readonly SnFilter[], listener: SnConnectionListener): void;
}
