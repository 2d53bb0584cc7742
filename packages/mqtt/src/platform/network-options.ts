/** What a user may say about the way to the server, below MQTT: TLS, WebSocket, proxies. Only types; each platform does what it can. */

/** PEM text, or its bytes. */
export type Pem = string | Uint8Array;

export interface CommonTlsOptions {
  /** Certificates of the authorities that are trusted, instead of the runtime's own. */
  readonly ca?: Pem | readonly Pem[] | undefined;
  /** What `key` is encrypted with. */
  readonly passphrase?: string | undefined;
  /** The name that the server is asked for (SNI) and that its certificate must have. Default: the URL's host. */
  readonly serverName?: string | undefined;
  /** Application protocols to offer, in order, as in `["mqtt"]`. Default: none. */
  readonly alpn?: readonly string[] | undefined;
  /** Default "TLSv1.2". */
  readonly minimumVersion?: "TLSv1.2" | "TLSv1.3" | undefined;
  /**
   * Default true. False accepts any certificate and exposes the connection to man-in-the-middle attacks. For a
   * server with a certificate of its own making, give that certificate as `ca` instead.
   */
  readonly verifyServer?: boolean | undefined;
}

export interface TlsWithoutIdentity {
  readonly certificate?: undefined;
  readonly key?: undefined;
  readonly psk?: undefined;
}

export interface TlsCertificate {
  /** The client's certificate, followed by those that lead to its authority. */
  readonly certificate: Pem;
  /** The private key of `certificate`. */
  readonly key: Pem;
  readonly psk?: undefined;
}

export interface TlsSharedKey {
  /** A key that client and server share, instead of certificates; `key` has 1 … 64 bytes. The server must prove that it knows it. */
  readonly psk: { readonly identity: string; readonly key: Uint8Array };
  readonly certificate?: undefined;
  readonly key?: undefined;
}

/** The client shows a certificate with its key, or proves that it knows a shared key, or neither. */
export type TlsOptions = CommonTlsOptions & (TlsWithoutIdentity | TlsCertificate | TlsSharedKey);

/** Asked at each attempt, so that renewed certificates and keys are read again. @param server its URL without credentials */
export type TlsProvider = (server: string) => TlsOptions | Promise<TlsOptions>;

/** The part of the standard WebSocket that is used, and of the package `ws` what more it can. */
export interface WebSocketLike {
  binaryType: string;
  readonly bufferedAmount: number;
  readonly protocol: string;
  /** 0 while it opens, 1 open, 2 while it closes, 3 closed. */
  readonly readyState?: number;
  send(bytes: Uint8Array): void;
  close(code?: number): void;
  addEventListener(type: string, listener: (event: WebSocketEvent) => void): void;
  /** Of `ws`: closes without waiting for the other side. */
  terminate?(): void;
  /** Of `ws`: stops and goes on reading. */
  pause?(): void;
  resume?(): void;
}

/** What the events say that are listened to: `message` has `data`, `close` its code and reason, `error` of `ws` its error. */
export interface WebSocketEvent {
  readonly data?: unknown;
  readonly code?: number;
  readonly reason?: string;
  readonly error?: unknown;
  readonly message?: string;
}

/** What such a class must have, by types that the DOM's `WebSocket`, that of `ws` and any `WebSocketLike` fit. */
export interface StandardWebSocket {
  binaryType: string;
  readonly bufferedAmount: number;
  readonly protocol: string;
  send(bytes: never): void;
  close(code?: number): void;
  addEventListener(type: never, listener: never): void;
}

/** A class that does what the standard WebSocket does: the runtime's, that of the package `ws`, or another. */
export type WebSocketClass = new (url: string, protocols: string[], options?: never) => StandardWebSocket;

export interface WebSocketOptions {
  /** Headers of the upgrade request; those that are undefined are left out. Browsers allow none. */
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined;
  /** Default "mqtt" [MQTT-6.0.0-3]; some servers of MQTT 3.1 want "mqttv3.1". */
  readonly subprotocol?: string | undefined;
  /** The class to use. Default: on Node that of the package `ws` if it is installed; else the runtime's own `WebSocket`. */
  readonly implementation?: WebSocketClass | undefined;
}

export interface NetworkOptions {
  /** For `mqtts:` and `wss:`. */
  readonly tls?: TlsOptions | undefined;
  /** For `ws:` and `wss:`. */
  readonly webSocket?: WebSocketOptions | undefined;
  /**
   * The proxy to go through: `http://user:password@host:port` (CONNECT) or `socks5://…`; false: none. Default, on Node: what
   * the environment says, HTTPS_PROXY for `mqtts:` and `wss:`, else ALL_PROXY, but for hosts of NO_PROXY and this machine's own.
   */
  readonly proxy?: string | false | undefined;
  /** The address of this machine to connect from. Default: the system's choice. */
  readonly localAddress?: string | undefined;
}
