/**
 * The UDP sockets of an MQTT-SN gateway: one for all clients, and one that hears the multicast group. Knows no message. What
 * protects datagrams, such as DTLS, can stand in its place.
 */

import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import type { SnSourceSettings } from "../configuration/configuration.js";
import type { SnPeer } from "../sn/gateway/route.js";
import { type BoundTo, kernelDrops, RECEIVE_BUFFER } from "./kernel-drops.js";
import type { SnCarrier, SnCarrierListener } from "./sn-carrier.js";

export interface SnDatagramParts {
  readonly settings: Pick<SnSourceSettings, "listen" | "group" | "hops">;
  readonly listener: Omit<SnCarrierListener, "broken">;
}

/** Bytes that may wait in the socket. Beyond, datagrams are lost, as they can be anywhere. */
const MOST_UNSENT = 2 ** 18;

export class SnDatagrams implements SnCarrier {
  private socket: Socket | undefined;
  private groupSocket: Socket | undefined;
  private bound: BoundTo | undefined;
  private isClosed = false;

  /** Opens the sockets. */
  constructor(private readonly parts: SnDatagramParts) {
    const { listen, group } = parts.settings;
    const isV6 = isIPv6(listen.host) || (listen.host === "" && (group === undefined || isIPv6(group.host)));
    this.socket = this.open(isV6, listen.port, listen.host || undefined, () => this.joinGroup(isV6));
  }

  get kernelDrops(): number | undefined {
    return this.bound && kernelDrops(this.bound);
  }

  send({ address, host }: SnPeer, bytes: Uint8Array): void {
    const port = Number(address.slice(address.lastIndexOf(":") + 1));
    this.write(bytes, port, host);
  }

  broadcast(bytes: Uint8Array): void {
    const { group } = this.parts.settings;
    if (group !== undefined) this.write(bytes, group.port, group.host);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    const open = [this.socket, this.groupSocket];
    this.socket = undefined;
    this.groupSocket = undefined;
    await Promise.all(
      open.map((socket) => new Promise<void>((resolve) => (socket ? socket.close(() => resolve()) : resolve()))),
    );
  }

  private write(bytes: Uint8Array, port: number, host: string): void {
    const { socket } = this;
    if (socket === undefined || this.bound === undefined || socket.getSendQueueSize() > MOST_UNSENT) return;
    if (port > 0) socket.send(bytes, port, host, () => {}); // what is lost is sent again by the protocol
  }

  private joinGroup(isV6: boolean): void {
    const { listen, group, hops } = this.parts.settings;
    const { socket } = this;
    if (socket === undefined) return;
    const { address, port } = socket.address();
    const isOpen = (): void => {
      this.bound = { address, port };
      this.parts.listener.opened(`udp://${isIPv6(address) ? `[${address}]` : address}:${port}`);
    };
    if (group === undefined) {
      isOpen();
      return;
    }
    // Of the interface that the gateway listens on; if that is all, of the system's choice.
    const through = isV6 || listen.host === "" ? undefined : listen.host;
    socket.setMulticastTTL(hops);
    if (through !== undefined) socket.setMulticastInterface(through);
    this.groupSocket = this.open(isV6, group.port, process.platform === "win32" ? undefined : group.host, () => {
      this.groupSocket?.addMembership(group.host, through);
      isOpen();
    });
  }

  private open(isV6: boolean, port: number, address: string | undefined, bound: () => void): Socket {
    const isOfGroup = this.socket !== undefined;
    const socket = createSocket({
      type: isV6 ? "udp6" : "udp4",
      reuseAddr: isOfGroup,
      recvBufferSize: RECEIVE_BUFFER,
    });
    socket.on("error", (error) => this.fail(error.message));
    socket.on("message", (bytes, from) => this.parts.listener.received(bytes, peerOf(from)));
    socket.bind({ port, address, exclusive: !isOfGroup }, () => {
      if (this.isClosed) return;
      try {
        bound();
      } catch (error) {
        this.fail((error as Error).message);
      }
    });
    return socket;
  }

  private fail(why: string): void {
    if (this.isClosed) return;
    void this.close();
    this.parts.listener.failed(why);
  }
}

function peerOf({ address: host, port }: RemoteInfo): SnPeer {
  const isShared = host === "::1" || /^(::ffff:)?127\./.test(host);
  return { address: `${host}:${port}`, host, isShared };
}
