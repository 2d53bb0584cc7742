/** What has passed through the broker since its start: numbers that only grow. */
export class Traffic {
  bytesReceived = 0;
  bytesSent = 0;
  packetsReceived = 0;
  messagesReceived = 0;
  payloadBytesReceived = 0;
  messagesDelivered = 0;
  payloadBytesDelivered = 0;
  messagesDropped = 0;
  connections = 0;
  expiredSessions = 0;

  /** A client has published a message. */
  received(payload: Uint8Array): void {
    this.messagesReceived++;
    this.payloadBytesReceived += payload.length;
  }

  /** A subscriber has a message: at QoS 0 it was handed to the network, otherwise it was acknowledged. */
  delivered(payload: Uint8Array): void {
    this.messagesDelivered++;
    this.payloadBytesDelivered += payload.length;
  }
}
