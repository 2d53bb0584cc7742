/** Makes a server of Node listen, and gives what is wrong as a value. */

import type { ListenOptions, Server } from "node:net";

export type ListenError = Error & { readonly code?: string };

export function errorOfListening(server: Server, where: ListenOptions): Promise<ListenError | undefined> {
  server.on("error", () => undefined); // later ones end no process
  return new Promise((resolve) => {
    server.once("error", resolve);
    server.listen(where, () => {
      server.off("error", resolve);
      resolve(undefined);
    });
  });
}
