/** Makes a Node server listen. Returns an error as a value. */

import type { ListenOptions, Server } from "node:net";
import { isMainThread } from "node:worker_threads";

export type ListenError = Error & { readonly code?: string };

export function errorOfListening(server: Server, where: ListenOptions): Promise<ListenError | undefined> {
  server.on("error", () => undefined); // later errors must not end the process
  return new Promise((resolve) => {
    server.once("error", resolve);
    const listening = (): void => {
      server.off("error", resolve);
      resolve(undefined);
    };
    if (where.path === undefined) server.listen(where, listening);
    else privately(() => server.listen(where, listening));
  });
}

/**
 * Runs `create` so that files it makes are accessible to this user only. If a socket were restricted after it was made,
 * others could connect in between. The mask belongs to the process, and is changed only for this call.
 */
function privately(create: () => void): void {
  if (!isMainThread) {
    create(); // a worker cannot set the mask
    return;
  }
  const usual = process.umask(0o077);
  try {
    create();
  } finally {
    process.umask(usual);
  }
}
