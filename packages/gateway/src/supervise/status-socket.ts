/** A Unix socket that only this user can open: whoever connects receives the gateway's status as one line of JSON. */

import { rm } from "node:fs/promises";
import { createConnection, createServer, type Server } from "node:net";
import process from "node:process";

/** What a client of the socket waits at most, in milliseconds. */
const TIMEOUT = 5_000;
/** The most bytes of a status. */
const MOST_BYTES = 2 ** 20;

export class StatusSocket {
  private constructor(private readonly server: Server) {}

  /** @throws the system's error if the socket cannot be made, also if another process listens there */
  static async listen(path: string, status: () => object): Promise<StatusSocket> {
    if (await isDead(path)) await rm(path, { force: true });
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.end(`${JSON.stringify(status())}\n`);
    });
    server.maxConnections = 8;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      const mask = process.umask(0o177);
      try {
        server.listen({ path }, resolve); // binds at once
      } finally {
        process.umask(mask);
      }
    });
    return new StatusSocket(server);
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.server.close(() => resolve()));
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

function isDead(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ path }, () => {
      socket.destroy();
      resolve(false);
    });
    socket.on("error", (error) => resolve("code" in error && error.code === "ECONNREFUSED"));
  });
}
