/** Real listeners on loopback, on ports that the system assigns; closed at the end of each test. */

import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { ServerAddress } from "@aiko/mqtt";
import { onTestFinished } from "vitest";

/** Never fires. */
export const patient = new AbortController().signal;

/** Enough turns of the event loop for data in transit on loopback to arrive. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 60; turn++) await setImmediate();
}

export async function listening<T extends Server>(server: T, where?: string): Promise<{ port: number }> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined); // tests break connections
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    if (where === undefined) server.listen(0, "127.0.0.1", resolve);
    else server.listen(where, resolve);
  });
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  return { port: typeof address === "object" && address !== null ? address.port : 0 };
}

/** A server that passes each of its connections to `accept`. */
export async function listen(accept: (socket: Socket) => void): Promise<{ port: number }> {
  return listening(createServer(accept));
}

/** A path for a Unix socket, in a folder that is removed after the test. */
export async function socketPath(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "aiko-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return join(folder, "s");
}

export function address(scheme: ServerAddress["scheme"], port: number, host = "127.0.0.1"): ServerAddress {
  const path = scheme === "ws" || scheme === "wss" ? "/mqtt" : "";
  return { scheme, host, port, path };
}
