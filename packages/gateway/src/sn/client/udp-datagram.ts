/** Datagrams over UDP on Node. The socket is connected, so that only the gateway's address reaches the client. */

import { createSocket, type Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { TransportError } from "@aiko/mqtt";
import type { Datagram, DatagramListener } from "./datagram.js";
import { udpAddressOf } from "./udp-address.js";

/** Bytes that may wait in the socket. */
const MOST_UNSENT = 2 ** 20;

/**
 * Returns a way to the gateway at a URL. It is not opened yet.
 *
 * @param url `udp://host:port`; the default port is 10000
 * @throws UsageError URL_INVALID
 */
export function udpDatagram(url: string): Datagram {
  return new UdpDatagram(url);
}

class UdpDatagram implements Datagram {
  readonly name: string;
  private readonly host: string;
  private readonly port: number;
  private socket: Socket | undefined;
  /** Settles when the last datagram has left. */
  private sent: Promise<void> = Promise.resolve();

  constructor(url: string) {
    const { host, port } = udpAddressOf("gateway", url);
    this.name = url;
    this.host = host;
    this.port = port;
  }

  async open(listener: DatagramListener): Promise<void> {
    try {
      const { address, family } = await lookup(this.host, { verbatim: false }); // IPv4 first: UDP cannot try both
      const socket = createSocket(family === 6 ? "udp6" : "udp4");
      this.socket = socket;
      await new Promise<void>((resolve, reject) => {
        socket.once("error", reject);
        socket.connect(this.port, address, () => {
          socket.off("error", reject);
          resolve();
        });
      });
      socket.on("message", (bytes) => listener.onDatagram(bytes));
      socket.on("error", (error) => listener.onProblem(error));
    } catch (cause) {
      await this.close();
      const message = `${this.name}: ${(cause as Error).message}`;
      throw new TransportError("CONNECTION_FAILED", message, { cause });
    }
  }

  send(bytes: Uint8Array): void {
    const { socket } = this;
    if (socket === undefined || socket.getSendQueueSize() > MOST_UNSENT) return;
    this.sent = new Promise((resolve) => socket.send(bytes, () => resolve())); // an error means a lost datagram
  }

  async close(): Promise<void> {
    const { socket } = this;
    this.socket = undefined;
    if (socket === undefined) return;
    await this.sent;
    socket.removeAllListeners();
    socket.on("error", () => undefined);
    await new Promise<void>((resolve) => {
      try {
        socket.close(() => resolve());
      } catch {
        resolve(); // it never opened
      }
    });
  }
}
