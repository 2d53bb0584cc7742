// A device that speaks MQTT-SN over UDP, for tests: sends one message, and reads what comes back.
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { onTestFinished } from "vitest";
import { decodeFrame, encodeFrame } from "../../src/sn/codec/frame.ts";
import type { ConnectPacket, PublishPacket, SnPacket } from "../../src/sn/packets.ts";
import { shown } from "../sn/gateway/shown.ts";

/** The limit of any wait, in milliseconds. */
const PATIENCE = 180_000;

export class SnDevice {
  readonly heard: string[] = [];
  readonly packets: SnPacket[] = [];
  private waiting: (() => void)[] = [];
  private read = 0;

  private constructor(
    private readonly socket: Socket,
    private readonly host: string,
    private readonly port: number,
  ) {
    socket.on("message", (bytes) => {
      const { packet } = decodeFrame(bytes);
      if (packet === undefined) throw new Error(`the gateway has sent ${bytes.toString("hex")}`);
      this.packets.push(packet);
      this.heard.push(shown(packet));
      for (const wake of this.waiting.splice(0)) wake();
    });
  }

  /** @param url where the gateway listens */
  static async at(url: string): Promise<SnDevice> {
    const { hostname, port } = new URL(url.replace("udp:", "http:"));
    const host = hostname.replace(/[[\]]/g, "");
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    onTestFinished(() => void socket.close());
    socket.bind(0, host);
    await once(socket, "listening");
    return new SnDevice(socket, host, Number(port));
  }

  write(bytes: Uint8Array): void {
    this.socket.send(bytes, this.port, this.host);
  }

  /** Sends to another address, such as a multicast group's. */
  writeTo(host: string, port: number, packet: SnPacket): void {
    this.socket.setMulticastInterface("127.0.0.1");
    this.socket.send(encodeFrame(packet), port, host);
  }

  send(packet: SnPacket): void {
    this.write(encodeFrame(packet));
  }

  /** Sends a message, and resolves to the next one that comes. */
  ask(packet: SnPacket): Promise<string> {
    this.send(packet);
    return this.next();
  }

  connect(changes: Partial<ConnectPacket> = {}): Promise<string> {
    const session = { clientId: "sensor", will: false, cleanSession: true } as const;
    return this.ask({ type: "connect", ...session, protocolId: 1, duration: 60, ...changes });
  }

  publish(changes: Partial<PublishPacket> = {}): void {
    const topic = { kind: "short", name: "ab" } as const;
    const data = new Uint8Array(Buffer.from("21"));
    this.send({ type: "publish", topic, messageId: 0, qos: 0, dup: false, retain: false, data, ...changes });
  }

  subscribe(name: string, qos: 0 | 1 | 2 = 1, messageId = 1): Promise<string> {
    return this.ask({ type: "subscribe", topic: { kind: "normal", name }, messageId, qos, dup: false });
  }

  puback(messageId: number, topicId = 0): void {
    this.send({ type: "puback", topicId, messageId, returnCode: 0 });
  }

  /** Resolves to the next message that was not read. */
  async next(): Promise<string> {
    while (this.read >= this.heard.length) {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`nothing came after: ${this.heard.join(", ")}`)), PATIENCE);
        this.waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    return this.heard[this.read++] ?? "";
  }
}
