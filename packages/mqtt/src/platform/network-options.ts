/**
 * The options for the network connection, below MQTT: TLS, WebSocket, proxies. Types only: each platform implements
 * what it supports.
 */

/** PEM text, or its bytes. */
export type Pem = string | Uint8Array;

/** The TLS options that do not depend on how the client identifies itself. */
export interface CommonTlsOptions {
  /** PEM certificates of trusted authorities, instead of those of the runtime. */
  readonly ca?: Pem | readonly Pem[] | undefined;
  /** The passphrase of an encrypted `key`. */
  readonly passphrase?: string | undefined;
  /**
   * The name that the client requests (SNI) and that the server's certificate must have. Default: the host of the URL.
   */
  readonly serverName?: string | undefined;
  /** Application protocols to offer, in order, such as `["mqtt"]`. Default: none. */
  readonly alpn?: readonly string[] | undefined;
  /** The lowest TLS version. Default "TLSv1.2". */
  readonly minimumVersion?: "TLSv1.2" | "TLSv1.3" | undefined;
  /**
   * Whether to verify the server's certificate. Default true. False accepts any certificate and exposes the connection
   * to man-in-the-middle attacks. For a server with a self-signed certificate, pass that certificate as `ca` instead.
   */
  readonly verifyServer?: boolean | undefined;
}

/** TLS without a client certificate and without a shared key. */
export interface TlsWithoutIdentity {
  readonly certificate?: undefined;
  readonly key?: undefined;
  readonly psk?: undefined;
}

/** TLS with a client certificate. */
export interface TlsCertificate {
  /** The client's certificate, followed by the intermediate certificates, as PEM. */
  readonly certificate: Pem;
  /** The private key of `certificate`, as PEM. */
  readonly key: Pem;
  readonly psk?: undefined;
}

/** TLS with a pre-shared key (PSK) instead of certificates. */
export interface TlsSharedKey {
  /** The key that client and server share. `key` has 1 … 64 bytes. The server must prove that it knows the key. */
  readonly psk: { readonly identity: string; readonly key: Uint8Array };
  readonly certificate?: undefined;
  readonly key?: undefined;
}

/** TLS options: with a client certificate and its key, with a pre-shared key, or with neither. */
export type TlsOptions = CommonTlsOptions & (TlsWithoutIdentity | TlsCertificate | TlsSharedKey);

/**
 * Returns TLS options at each attempt, so that renewed certificates and keys are read again.
 *
 * @param server the URL of the server, without credentials
 */
export type TlsProvider = (server: string) => TlsOptions | Promise<TlsOptions>;

/** The part of the standard WebSocket that this library uses, and the extra methods of the package `ws`. */
export interface WebSocketLike {
  /** The library sets "arraybuffer". */
  binaryType: string;
  /** Bytes that `send` accepted and that have not been sent. */
  readonly bufferedAmount: number;
  /** The subprotocol that the server chose. */
  readonly protocol: string;
  /** 0 connecting, 1 open, 2 closing, 3 closed. */
  readonly readyState?: number;
  /** Sends one binary message. */
  send(bytes: Uint8Array): void;
  /** Starts the closing handshake. */
  close(code?: number): void;
  /** Registers a listener for `open`, `message`, `error` or `close`. */
  addEventListener(type: string, listener: (event: WebSocketEvent) => void): void;
  /** Closes without waiting for the other side. Only `ws` has it. */
  terminate?(): void;
  /** Stops reading. Only `ws` has it. */
  pause?(): void;
  /** Continues reading. Only `ws` has it. */
  resume?(): void;
}

/** The fields of the events: `message` has `data`, `close` has `code` and `reason`, `error` of `ws` has `error`. */
export interface WebSocketEvent {
  readonly data?: unknown;
  readonly code?: number;
  readonly reason?: string;
  readonly error?: unknown;
  readonly message?: string;
}

/**
 * The members that a WebSocket class must have, typed so that the DOM's `WebSocket`, that of `ws` and any
 * `WebSocketLike` fit.
 */
export interface StandardWebSocket {
  binaryType: string;
  readonly bufferedAmount: number;
  readonly protocol: string;
  /** Sends one binary message. */
  send(bytes: never): void;
  /** Starts the closing handshake. */
  close(code?: number): void;
  /** Registers a listener. */
  addEventListener(type: never, listener: never): void;
}

/** A class that behaves as the standard WebSocket: that of the runtime, that of the package `ws`, or another. */
export type WebSocketClass = new (url: string, protocols: string[], options?: never) => StandardWebSocket;

/** Options of WebSocket connections. */
export interface WebSocketOptions {
  /** Headers of the upgrade request. Undefined values are omitted. Browsers do not allow any. */
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined;
  /** The subprotocol. Default "mqtt" [MQTT-6.0.0-3]. Some servers of MQTT 3.1 require "mqttv3.1". */
  readonly subprotocol?: string | undefined;
  /**
   * The class to use. Default: on Node, that of the package `ws` if it is installed; otherwise the runtime's own
   * `WebSocket`.
   */
  readonly implementation?: WebSocketClass | undefined;
}

/** Options of the network connection below MQTT. */
export interface NetworkOptions {
  /** TLS options for `mqtts:` and `wss:`. */
  readonly tls?: TlsOptions | undefined;
  /** WebSocket options for `ws:` and `wss:`. */
  readonly webSocket?: WebSocketOptions | undefined;
  /**
   * The proxy to use: `http://user:password@host:port` (CONNECT) or `socks5://…`. False uses none. If `proxy` is not
   * set, Node uses the environment variables: HTTPS_PROXY for `mqtts:` and `wss:`, otherwise ALL_PROXY, except for
   * hosts in NO_PROXY and this machine.
   */
  readonly proxy?: string | false | undefined;
  /** The local address to connect from. Default: chosen by the system. */
  readonly localAddress?: string | undefined;
}
