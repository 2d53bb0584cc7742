// The helper programs that a QuickJS finds on the machine of the tests.
import { connect, type Socket } from "node:net";
import type { Process } from "./machine.ts";
import type { Pipe } from "./pipe.ts";

/** Copies bytes between pipes and a socket, in both directions, while the pipes have room. */
function join(socket: Socket, toSocket: Pipe, fromSocket: Pipe): void {
  let isDue = false;
  const look = () => {
    if (toSocket.isReadable && !isDue) setImmediate(forward);
    isDue ||= toSocket.isReadable;
    if (fromSocket.isWritable) socket.resume();
  };
  const forward = () => {
    while (toSocket.isReadable && !toSocket.isClosed) {
      const bytes = toSocket.take(65_536);
      if (socket.writable) socket.write(bytes);
    }
    isDue = toSocket.isClosed;
    if (toSocket.isClosed) socket.end();
  };
  for (const pipe of [toSocket, fromSocket]) {
    const { changed } = pipe;
    pipe.changed = () => {
      changed();
      look();
    };
  }
  socket.on("data", (bytes) => {
    fromSocket.put(bytes);
    if (!fromSocket.isWritable) socket.pause();
  });
  socket.on("connect", look);
}

/** `socat - TCP:HOST:PORT,nodelay` */
export function socat(process: Process): void {
  const [, host, port] = /^TCP:(.*):(\d+),nodelay$/.exec(process.command[2] ?? "") ?? [];
  carry(process, host as string, Number(port));
}

/** `nc HOST PORT` */
export function nc(process: Process): void {
  const [, host, port] = process.command;
  carry(process, host as string, Number(port));
}

function carry(process: Process, host: string, port: number): void {
  const socket = connect({ host, port, allowHalfOpen: true });
  process.killed = () => {
    socket.destroy();
    process.exit(0);
  };
  socket.on("error", (error) => {
    process.stderr.put(new TextEncoder().encode(`${process.command[0]}: E ${error.message}\n`));
    process.exit(1);
  });
  socket.on("close", () => process.exit(0));
  socket.on("end", () => socket.end());
  join(socket, process.stdin, process.stdout);
}

/** A serial line with a server at its other end. */
export function line(port: number, reads: Pipe, writes: Pipe): void {
  join(connect(port, "127.0.0.1"), writes, reads);
}
