/** The way to all gateways of a network: a multicast group, or a radio's broadcast. Knows no MQTT-SN. */

/** Takes what comes to the group. */
export interface DatagramGroupListener {
  /** A datagram has come. `from` is where a gateway can be reached: "udp://192.0.2.1:10000". */
  onDatagram(bytes: Uint8Array, from: string): void;
}

/** A way to all nodes of a network. */
export interface DatagramGroup {
  /**
   * Opens the way.
   *
   * @throws TransportError CONNECTION_FAILED, as the rejection of the promise
   */
  open(listener: DatagramGroupListener): Promise<void>;
  /** Sends to all. Never throws. */
  send(bytes: Uint8Array): void;
  /** Closes the way. The listener is not called any more. */
  close(): Promise<void>;
}
