/** What carries the messages of MQTT-SN between clients and gateway: UDP, a stream, or what protects datagrams, such as DTLS. Knows no message. */

import type { SnPeer } from "../sn/gateway/route.js";

export interface SnCarrier {
  /** Messages that the kernel has dropped. Undefined: it is not known. */
  readonly kernelDrops: number | undefined;
  /** Sends a message to one client. It may be lost, as any datagram. Never throws. */
  send(peer: SnPeer, bytes: Uint8Array): void;
  /** Sends a message to all clients that can be reached without an address. */
  broadcast(bytes: Uint8Array): void;
  close(): Promise<void>;
}

/** Takes what a carrier brings. */
export interface SnCarrierListener {
  received(bytes: Uint8Array, from: SnPeer): void;
  /** Bytes of a stream are not a message. */
  broken(reason: "too-long" | "incomplete" | "malformed", detail: string): void;
  /** It is open. @param url where */
  opened(url: string): void;
  /** It could not be opened, or is closed. */
  failed(why: string): void;
}
