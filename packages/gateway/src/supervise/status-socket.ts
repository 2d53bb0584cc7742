/** A Unix socket that only this user can open: whoever connects receives the gateway's status as one line of JSON. */

import { createConnection, createServer, type Server, type Socket } from "node:net";
import { listenAtPath, removeIfDead } from "../source/unix-path.js";

/** What either end waits at most, in milliseconds. */
const TIMEOUT = 5_000;
/** The most bytes of a status. */
const MOST_BYTES = 2 ** 20;

export class StatusSocket {
  private constructor(
    private readonly server: Server,
    private readonly sockets: ReadonlySet<Socket>,
  ) {}

  /** @throws the system's error if the socket cannot be made, also if another process listens there */
  static async listen(path: string, status: () => object): Promise<StatusSocket> {
    await removeIfDead(path);
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {}).on("close", () => sockets.delete(socket));
      // A client that does not close its end, or does not read, must not occupy a connection for ever.
      socket.setTimeout(TIMEOUT, () => socket.destroy());
      socket.resume().end(`${JSON.stringify(status())}\n`, () => socket.destroy());
    });
    server.maxConnections = 8;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.once("listening", resolve);
      listenAtPath(server, path, 0o600);
    });
    return new StatusSocket(server, sockets);
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      for (const socket of this.sockets) socket.destroy();
    });
  }
}

/** Resolves to what the gateway that listens at the path says. Rejects with the system's error if none does. */
export function readStatus(path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path });
    let text = "";
    socket.setEncoding("utf8");
    socket.setTimeout(TIMEOUT, () => socket.destroy(new Error(`no answer from ${path} in ${TIMEOUT} ms`)));
    socket.on("data", (part) => {
      text += part;
      if (text.length > MOST_BYTES) socket.destroy(new Error(`${path} does not answer like a gateway`));
    });
    socket.on("error", reject);
    socket.on("end", () => {
      try {
        resolve(JSON.parse(text));
      } catch {
        reject(new Error(`${path} does not answer like a gateway`));
      }
    });
  });
}
