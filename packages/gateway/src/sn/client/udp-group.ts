/** A multicast group of UDP on Node. */

import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { isIP, isIPv6 } from "node:net";
import { TransportError, UsageError } from "@aiko/mqtt";
import type { DatagramGroup, DatagramGroupListener } from "./datagram-group.js";
import { udpAddressOf } from "./udp-address.js";

/**
 * Returns the way to a multicast group. It is not opened yet.
 *
 * @param url `udp://address:port`, such as udp://239.10.0.1:10000; the default port is 10000
 * @throws UsageError URL_INVALID
 */
export function udpGroup(url: string): DatagramGroup {
  return new UdpGroup(url);
}

class UdpGroup implements DatagramGroup {
  private readonly host: string;
  private readonly port: number;
  private socket: Socket | undefined;

  constructor(private readonly url: string) {
    const { host, port } = udpAddressOf("group", url);
    if (isIP(host) === 0) throw new UsageError("URL_INVALID", `group "${url}": must have an address, not a name`);
    this.host = host;
    this.port = port;
  }

  async open(listener: DatagramGroupListener): Promise<void> {
    const socket = createSocket({ type: isIPv6(this.host) ? "udp6" : "udp4", reuseAddr: true });
    this.socket = socket;
    socket.on("message", (bytes, from) => listener.onDatagram(bytes, urlOf(from)));
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once("error", reject);
        socket.bind(this.port, () => {
          socket.off("error", reject);
          resolve();
        });
      });
      socket.on("error", () => undefined); // a lost datagram
      socket.addMembership(this.host);
    } catch (cause) {
      await this.close();
      throw new TransportError("CONNECTION_FAILED", `${this.url}: ${(cause as Error).message}`, { cause });
    }
  }

  send(bytes: Uint8Array): void {
    this.socket?.send(bytes, this.port, this.host, () => undefined); // an error means a lost datagram
  }

  async close(): Promise<void> {
    const { socket } = this;
    this.socket = undefined;
    if (socket === undefined) return;
    socket.removeAllListeners();
    await new Promise<void>((resolve) => socket.close(() => resolve()));
  }
}

function urlOf({ address, port }: RemoteInfo): string {
  return `udp://${isIPv6(address) ? `[${address}]` : address}:${port}`;
}
