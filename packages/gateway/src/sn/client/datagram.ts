/** The way between a client and its gateway: datagrams, which may be lost, repeated or reordered. Knows no MQTT-SN. */

/** Takes what comes from the gateway. */
export interface DatagramListener {
  /** A datagram has come. The bytes may be used again after the call. */
  onDatagram(bytes: Uint8Array): void;
  /** The network reports a problem, such as "port unreachable". The way stays open: later datagrams may arrive. */
  onProblem(error: Error): void;
}

/**
 * A way to one gateway, such as UDP, a serial line with whole frames, or DTLS. Datagrams of others than the gateway must
 * not reach the listener.
 */
export interface Datagram {
  /** What it leads to, for errors: "udp://127.0.0.1:10000". */
  readonly name: string;
  /**
   * Opens the way. Called again after `close`.
   *
   * @throws TransportError CONNECTION_FAILED, as the rejection of the promise
   */
  open(listener: DatagramListener): Promise<void>;
  /** Sends a datagram, which may get lost. Never throws. */
  send(bytes: Uint8Array): void;
  /** Closes the way. The listener is not called any more. */
  close(): Promise<void>;
}
