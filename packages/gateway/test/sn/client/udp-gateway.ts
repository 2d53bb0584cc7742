/** The small gateway on a real socket. */

import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { decodeFrame, encodeFrame } from "../../../src/sn/codec/frame.ts";
import { Answers } from "./small-gateway.ts";

export class UdpGateway {
  readonly answers = new Answers();
  /** Whether it answers nothing. */
  isDeaf = false;
  /** The return code with which it refuses connections. */
  refuses = 0;
  private client: RemoteInfo | undefined;

  private constructor(private readonly socket: Socket) {
    socket.on("message", (bytes, from) => {
      this.client = from;
      const { packet } = decodeFrame(bytes);
      if (packet === undefined || this.isDeaf) return;
      const isRefused = packet.type === "connect" && this.refuses > 0;
      const answers = isRefused ? [{ type: "connack", returnCode: this.refuses } as const] : this.answers.to(packet);
      this.send(...answers.map((each) => encodeFrame(each)));
    });
  }

  static async listen(): Promise<UdpGateway> {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    return new UdpGateway(socket);
  }

  get url(): string {
    return `udp://127.0.0.1:${this.socket.address().port}`;
  }

  get clientPort(): number | undefined {
    return this.client?.port;
  }

  /** Publishes a message of another client. */
  publish(topic: string, text: string): void {
    this.send(...this.answers.publish(topic, text).map((packet) => encodeFrame(packet)));
  }

  /** Sends to the client that was heard last. */
  send(...datagrams: Uint8Array[]): void {
    if (this.client === undefined) return;
    for (const datagram of datagrams) this.socket.send(datagram, this.client.port, this.client.address);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.socket.close(() => resolve()));
  }
}
