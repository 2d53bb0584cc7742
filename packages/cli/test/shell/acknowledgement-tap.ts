// A TCP proxy in front of a broker that records which QoS 1 messages the client has acknowledged.
import { connect, createServer, type Server, type Socket } from "node:net";
import { PacketStream } from "@aiko/mqtt/codec";

export class AcknowledgementTap implements AsyncDisposable {
  /** The payloads of acknowledged messages, as text. */
  readonly acknowledged = new Set<string>();
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly server: Server) {}

  /** @param port the broker's, on this machine */
  static async start(port: number): Promise<AcknowledgementTap> {
    const server = createServer();
    const tap = new AcknowledgementTap(server);
    server.on("connection", (client) => tap.accept(client, port));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return tap;
  }

  get port(): number {
    const address = this.server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** Resolves when no connection is open: all that a client has sent was recorded, and passed on. */
  async quiet(): Promise<void> {
    while (this.sockets.size > 0) await new Promise((resolve) => setImmediate(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private accept(client: Socket, port: number): void {
    const broker = connect(port, "127.0.0.1");
    const payloads = new Map<number, string>();
    const fromClient = new PacketStream("any");
    const fromBroker = new PacketStream(5);
    client.on("data", (bytes) => {
      fromClient.append(bytes);
      for (let packet = fromClient.next(); packet !== undefined; packet = fromClient.next()) {
        if (packet.type !== "puback") continue;
        const payload = payloads.get(packet.packetIdentifier);
        if (payload !== undefined) this.acknowledged.add(payload);
      }
      broker.write(bytes);
    });
    broker.on("data", (bytes) => {
      fromBroker.append(bytes);
      for (let packet = fromBroker.next(); packet !== undefined; packet = fromBroker.next()) {
        if (packet.type === "publish") payloads.set(packet.packetIdentifier, Buffer.from(packet.payload).toString());
      }
      client.write(bytes);
    });
    for (const [socket, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      this.sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("end", () => other.end());
      socket.on("close", () => {
        this.sockets.delete(socket);
        other.end();
      });
    }
  }
}
