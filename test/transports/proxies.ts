/** Proxies for tests: they accept everything, unless a password is missing. */

import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import { listen, listening } from "./network.ts";

interface ProxyOptions {
  /** "user:password"; without it the proxy requires none. */
  readonly credentials?: string;
  /** Called with the destination of each tunnel. */
  readonly opened?: (target: string) => void;
}

/** Opens tunnels with CONNECT. Resolves to its URL. */
export async function httpProxy({ credentials, opened }: ProxyOptions = {}): Promise<string> {
  const server = createServer();
  server.on("connect", (request, socket: Socket, head) => {
    const wanted = credentials && `Basic ${Buffer.from(credentials).toString("base64")}`;
    if (wanted && request.headers["proxy-authorization"] !== wanted) {
      socket.end("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n");
      return;
    }
    const target = String(request.url);
    const colon = target.lastIndexOf(":");
    opened?.(target);
    const onward = connect(Number(target.slice(colon + 1)), target.slice(0, colon).replace(/^\[|\]$/g, ""));
    join(socket, onward);
    onward.once("connect", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      if (head.length > 0) onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    onward.once("error", () => socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n"));
  });
  const { port } = await listening(server);
  return `http://${credentials ? `${credentials}@` : ""}127.0.0.1:${port}`;
}

/** Speaks SOCKS5. Resolves to its URL. */
export async function socksProxy({ credentials, opened }: ProxyOptions = {}): Promise<string> {
  const { port } = await listen((socket) => {
    void serveSocks(socket, credentials, opened).catch(() => socket.destroy());
  });
  return `socks5://${credentials ? `${credentials}@` : ""}127.0.0.1:${port}`;
}

async function serveSocks(socket: Socket, credentials: string | undefined, opened?: (target: string) => void) {
  const [, count = 0] = await read(socket, 2);
  const methods = await read(socket, count);
  if (credentials === undefined) {
    socket.write(Uint8Array.of(5, 0));
  } else if (!methods.includes(2)) {
    socket.end(Uint8Array.of(5, 0xff));
    return;
  } else {
    socket.write(Uint8Array.of(5, 2));
    const [, userLength = 0] = await read(socket, 2);
    const user = await read(socket, userLength);
    const [passwordLength = 0] = await read(socket, 1);
    const given = `${user}:${await read(socket, passwordLength)}`;
    socket.write(Uint8Array.of(1, given === credentials ? 0 : 1));
    if (given !== credentials) return;
  }
  const [, , , kind] = await read(socket, 4);
  const host =
    kind === 1 ? [...(await read(socket, 4))].join(".") : String(await read(socket, (await read(socket, 1))[0] ?? 0));
  const port = (await read(socket, 2)).readUInt16BE();
  opened?.(`${host}:${port}`);
  const onward = connect(port, host);
  join(socket, onward);
  onward.once("connect", () => {
    socket.write(Uint8Array.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0));
    socket.pipe(onward).pipe(socket);
  });
  onward.once("error", () => socket.end(Uint8Array.of(5, 5, 0, 1, 0, 0, 0, 0, 0, 0)));
}

/** The end of one side ends the other. */
function join(one: Socket, other: Socket): void {
  one.on("error", () => other.destroy());
  other.on("error", () => undefined);
  one.on("close", () => other.destroy());
  other.on("close", () => one.destroySoon());
}

function read(socket: Socket, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const settled = (): void => {
      socket.off("readable", look);
      socket.off("close", closed);
    };
    const closed = (): void => reject(new Error("closed"));
    const look = (): void => {
      const bytes: Buffer | null = length === 0 ? Buffer.alloc(0) : socket.read(length);
      if (bytes === null) return;
      settled();
      resolve(bytes);
    };
    socket.on("readable", look);
    socket.once("close", closed);
    look();
  });
}
