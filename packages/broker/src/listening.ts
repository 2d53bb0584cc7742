/** Makes a server of Node listen, and gives what is wrong as a value. */

import type { ListenOptions, Server } from "node:net";
import { isMainThread } from "node:worker_threads";

export type ListenError = Error & { readonly code?: string };

export function errorOfListening(server: Server, where: ListenOptions): Promise<ListenError | undefined> {
  server.on("error", () => undefined); // later ones end no process
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
 * Files that `create` makes are the own user's alone. A socket that is made first and restricted then could be connected to in between.
 * The mask is the process's, and for this moment only.
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
