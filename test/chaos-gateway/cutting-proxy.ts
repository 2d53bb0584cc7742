// A way to the server that can be cut, and that stays cut for a while.
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from "node:net";

export class CuttingProxy {
  cuts = 0;
  private readonly sockets = new Set<Socket>();
  private isDown = false;

  private constructor(private readonly server: Server) {}

  static async open(target: number): Promise<CuttingProxy> {
    const server = createServer();
    const proxy = new CuttingProxy(server);
    server.on("connection", (near) => proxy.accept(near, target));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Cuts all connections, and accepts none for so many milliseconds. */
  cut(milliseconds: number): void {
    this.cuts++;
    this.isDown = true;
    for (const socket of this.sockets) socket.destroy();
    setTimeout(() => {
      this.isDown = false;
    }, milliseconds);
  }

  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private accept(near: Socket, target: number): void {
    near.on("error", () => {});
    if (this.isDown) {
      near.destroy();
      return;
    }
    const far = createConnection(target, "127.0.0.1");
    far.on("error", () => {});
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.sockets.add(socket);
      socket.setNoDelay(true);
      socket.pipe(other);
      socket.on("close", () => {
        this.sockets.delete(socket);
        other.destroy();
      });
    }
  }
}
