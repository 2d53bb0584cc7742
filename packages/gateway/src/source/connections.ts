/** Opens connections to devices, by TCP, with TLS or not, and to Unix sockets. Knows nothing of what is sent. */

import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Clock } from "@aiko/mqtt";
import { readPem } from "@aiko/mqtt-configuration";
import type { TcpSettings, UnixSettings } from "../configuration/configuration.js";
import type { Opened, Opener } from "./stream-source.js";

/** Milliseconds that a device has for accepting a connection. */
const TIMEOUT = 10_000;

export function tcpOpener(settings: TcpSettings, clock: Clock): Opener {
  const { host, port } = settings.connect;
  const where = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  return {
    duplex: "full",
    async open(signal): Promise<Opened> {
      const options = { host, port, noDelay: true, allowHalfOpen: true };
      const tls = settings.tls === undefined ? undefined : await readPem(settings.tls);
      const socket =
        tls === undefined ? connect(options) : connectTls({ ...options, ...tls, servername: nameOf(host) });
      await connected(socket, tls === undefined ? "connect" : "secureConnect", clock, signal);
      if (settings.keepAlive > 0) socket.setKeepAlive(true, settings.keepAlive);
      const url = `${tls === undefined ? "tcp" : "tls"}://${where}`;
      return { stream: socket, url, peer: { peer: socket.remoteAddress ?? host, port: socket.localPort ?? 0 } };
    },
  };
}

export function unixOpener({ path, id }: UnixSettings, clock: Clock): Opener {
  return {
    duplex: "full",
    async open(signal): Promise<Opened> {
      const socket = connect({ path, allowHalfOpen: true });
      await connected(socket, "connect", clock, signal);
      return { stream: socket, url: `unix:${path}`, peer: { peer: id, port: 0 } };
    },
  };
}

/** The name that a certificate must have. An IP address is not a name. */
function nameOf(host: string): string {
  return /^[\d.]+$|:/.test(host) ? "" : host;
}

function connected(socket: Socket, event: "connect" | "secureConnect", clock: Clock, signal: AbortSignal) {
  return new Promise<void>((resolve, reject) => {
    const settle = (error: Error | undefined): void => {
      timer.cancel();
      signal.removeEventListener("abort", aborted);
      socket.off("error", settle).off("close", closed).off(event, succeeded);
      if (error === undefined) {
        resolve();
      } else {
        socket.on("error", () => {}).destroy();
        reject(error);
      }
    };
    const succeeded = (): void => settle(undefined);
    const closed = (): void => settle(new Error("the connection was closed"));
    const aborted = (): void => settle(new Error("the source was stopped"));
    const timer = clock.schedule(TIMEOUT, () => settle(new Error(`no connection in ${TIMEOUT} ms`)));
    signal.addEventListener("abort", aborted);
    socket.on("error", settle).on("close", closed).on(event, succeeded);
    if (signal.aborted) aborted();
  });
}
