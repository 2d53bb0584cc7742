/** The file of a Unix socket: its permissions from the start, and what a killed process leaves behind. */

import { lstat, rm } from "node:fs/promises";
import { createConnection, type Server } from "node:net";
import process from "node:process";

/** Has the server listen at the path, with permissions that hold from the first moment on. */
export function listenAtPath(server: Server, path: string, mode: number): void {
  const mask = process.umask(0o777 & ~mode);
  try {
    server.listen({ path }); // binds at once
  } finally {
    process.umask(mask);
  }
}

/** Removes a socket that no process listens at. Anything else is not ours to remove. */
export async function removeIfDead(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isSocket() === true && (await isRefused(path))) await rm(path, { force: true });
}

function isRefused(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ path }, () => {
      socket.destroy();
      resolve(false);
    });
    socket.on("error", (error) => resolve("code" in error && error.code === "ECONNREFUSED"));
  });
}
