/** What the application is asked when a client connects, and what it may answer. */

import type { ConnectPacket, UserProperties } from "@aiko/mqtt/codec";

/** The certificate of a client, which an authority of `clientCa` has issued. */
export interface ClientCertificate {
  /** The common name of the subject, if it has one. */
  readonly commonName: string | undefined;
  /** The subject's other names in the form of Node.js, such as "DNS:sensor-1.example". */
  readonly subjectAltName: string | undefined;
  /** The SHA-256 fingerprint in hexadecimal, with a colon after each byte. */
  readonly fingerprint256: string;
}

/** A client that asks to connect. */
export interface ConnectRequest {
  /** The client identifier. */
  readonly clientId: string;
  /** The user name, if any. */
  readonly username: string | undefined;
  /** The password, if any. */
  readonly password: Uint8Array | undefined;
  /** The IP address of the client. Undefined at a Unix socket. */
  readonly address: string | undefined;
  /**
   * The origin of the web page that connects, such as "https://app.example". Undefined for programs other than
   * browsers.
   */
  readonly origin: string | undefined;
  /** The name of the listener, or its URL as in `broker.urls`. Undefined for connections that the application made. */
  readonly listener: string | undefined;
  /** The client's certificate. Undefined if the listener has no `clientCa`. */
  readonly certificate: ClientCertificate | undefined;
  /** The client's CONNECT packet. */
  readonly connect: ConnectPacket;
}

/** The reason why a client is refused. */
export interface ConnectRefusal {
  /**
   * A reason code of CONNACK, such as `ReasonCode.NOT_AUTHORIZED`, or `ReasonCode.SERVER_BUSY`, after which clients
   * retry. Before MQTT 5, clients receive the nearest return code.
   */
  readonly reasonCode: number;
  /** Sent to clients of MQTT 5 as the reason string, and reported with the event `refused`. Default: none. */
  readonly reason?: string | undefined;
  /** Sent to clients of MQTT 5. Default: none. */
  readonly userProperties?: UserProperties | undefined;
  /**
   * The server to use instead, such as "other.example:1883", with `ReasonCode.USE_ANOTHER_SERVER` or
   * `ReasonCode.SERVER_MOVED`. Sent to clients of MQTT 5. Default: none.
   */
  readonly serverReference?: string | undefined;
}

/** Accepts a client as a user of the application. */
export interface ConnectAcceptance {
  /**
   * Who the client is, not empty. A session belongs to the identity that began it: a client with another identity and
   * the same client identifier starts a new session.
   */
  readonly identity: string;
  /**
   * The last Authentication Data of an authentication method. Sent with CONNACK, or with the AUTH that ends a
   * re-authentication. Default: none.
   */
  readonly data?: Uint8Array | undefined;
}

/**
 * True accepts the client without an identity. False refuses it with `ReasonCode.BAD_USER_NAME_OR_PASSWORD`, or with
 * `ReasonCode.NOT_AUTHORIZED` if an authentication method decided.
 */
export type ConnectDecision = boolean | ConnectRefusal | ConnectAcceptance;

/** An exchange of enhanced authentication with one client [MQTT5 4.12]. */
export interface AuthenticationExchange {
  /** The CONNECT that began the connection, and where it came from. */
  readonly request: ConnectRequest;
  /** The Authentication Data that began the exchange. */
  readonly data: Uint8Array | undefined;
  /** Whether the client was accepted before, and authenticates again. */
  readonly reauthentication: boolean;
  /**
   * Sends AUTH with this data. Resolves to the data of the client's answer. Await each challenge before the next one.
   *
   * @throws ClosedError NOT_CONNECTED if the connection or the exchange ends first; UsageError PROPERTY_INVALID if the
   * previous challenge is not answered yet, or the data is not valid
   */
  challenge(data?: Uint8Array): Promise<Uint8Array | undefined>;
}

/**
 * Implements an authentication method on the server's side. If it throws, the client is refused with
 * `ReasonCode.SERVER_UNAVAILABLE`.
 */
export type AuthenticationMethod = (exchange: AuthenticationExchange) => ConnectDecision | Promise<ConnectDecision>;
