/**
 * Listening at the path of a Unix socket. A killed process cannot remove its socket, so the next one must remove it.
 * Two processes that start at the same time must not remove each other's socket.
 *
 * A process changes files there only while it holds the path's lock. The lock is a directory with one entry: a socket
 * on which its holder listens. The kernel closes it when the holder ends in any way. Taking over a dead lock is safe:
 * each entry has its holder's own name, so that no other entry is ever removed instead, and rename() replaces only an
 * empty directory.
 */

import { randomBytes } from "node:crypto";
import { chmod, lstat, mkdir, readdir, rename, rm, rmdir, unlink } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { type Clock, TransportError } from "@aiko/mqtt";
import { errorOfListening, type ListenError } from "./listening.js";

/**
 * @param mode the permissions of the socket, independent of the process's mask
 * @throws TransportError LISTEN_FAILED
 */
export async function listenAtPath(server: Server, path: string, mode: number, clock: Clock): Promise<void> {
  let release: Release | undefined;
  let error: ListenError | undefined;
  try {
    release = await lock(path, clock);
    error = await errorOfListening(server, { path });
    if (error?.code === "EADDRINUSE" && release !== undefined && (await isLeftBehind(path))) {
      await unlink(path).catch(() => undefined); // if this fails, listening reports the error
      error = await errorOfListening(server, { path });
    }
    if (error === undefined && isFile(path)) await chmod(path, mode);
  } catch (problem) {
    error = problem as ListenError;
    server.close();
  } finally {
    await release?.();
  }
  if (error === undefined) return;
  const why = error.code === "EADDRINUSE" ? await whatIsThere(path) : error.message;
  throw new TransportError("LISTEN_FAILED", `cannot listen on ${path}: ${why}`, { cause: error });
}

type Release = () => Promise<void>;

/** In milliseconds. The holder of the lock needs only a few. */
const PATIENCE = 10_000;
/** The most bytes of a socket's path: 108 on Linux, 104 on macOS and the BSDs, including a NUL at its end. */
const LONGEST_PATH = process.platform === "linux" ? 107 : 103;

/** Returns undefined if a lock is impossible or not needed. In that case nothing must be removed, either. */
async function lock(path: string, clock: Clock): Promise<Release | undefined> {
  if (process.platform === "win32") return undefined; // pipes disappear with their process
  const own = randomBytes(3).toString("hex");
  const [room, place] = [`${path}.${own}`, `${path}.lock`];
  if (Buffer.byteLength(join(room, own)) > LONGEST_PATH) return undefined;
  try {
    await mkdir(room);
  } catch {
    return undefined; // if listening is also impossible, it reports the error
  }
  const waiting = new Set<Socket>();
  const server = createServer((socket) => void waiting.add(socket.on("error", () => undefined)));
  const late = new AbortController();
  const timer = clock.schedule(PATIENCE, () => late.abort());
  const end = (): void => {
    for (const socket of waiting) socket.destroy();
    server.close();
  };
  try {
    const error = await errorOfListening(server, { path: join(room, own) });
    if (error !== undefined) throw error;
    while (!(await hasMoved(room, place))) {
      for (const name of await readdir(place).catch(() => [])) await holderGone(join(place, name), late.signal);
    }
  } catch (error) {
    end();
    await rm(room, { recursive: true, force: true });
    throw late.signal.aborted
      ? new Error(`another process has been starting there for ${PATIENCE / 1000} s`, { cause: error })
      : error;
  } finally {
    timer.cancel();
  }
  return async () => {
    await unlink(join(place, own)).catch(() => undefined);
    await rmdir(place).catch(() => undefined); // it belongs to the next holder already
    end();
  };
}

/** Returns false if `place` is not empty. */
async function hasMoved(room: string, place: string): Promise<boolean> {
  try {
    await rename(room, place);
    return true;
  } catch (error) {
    const { code } = error as ListenError;
    if (code === "ENOTEMPTY" || code === "EEXIST") return false;
    throw error;
  }
}

/** Waits until no process listens on `address`, the entry of a lock, and removes it if its holder could not. */
async function holderGone(address: string, late: AbortSignal): Promise<void> {
  if (!(await isSocket(address))) throw new Error(`${address} already exists; remove it`);
  const holder = connect({ path: address, signal: late });
  const error = await new Promise<ListenError | undefined>((resolve) => {
    holder.once("error", resolve);
    holder.once("close", () => resolve(undefined));
    holder.resume();
  });
  if (error?.code === "ECONNREFUSED")
    await unlink(address).catch(() => undefined); // another process may have removed it
  else if (error !== undefined && error.code !== "ENOENT" && error.code !== "ECONNRESET") throw error;
}

/** Returns whether no process listens on the socket at `path`. */
async function isLeftBehind(path: string): Promise<boolean> {
  if (!(await isSocket(path))) return false;
  return new Promise((resolve) => {
    const probe = connect({ path });
    probe.once("connect", () => {
      probe.destroy();
      resolve(false);
    });
    probe.once("error", ({ code }: ListenError) => resolve(code === "ECONNREFUSED"));
  });
}

async function whatIsThere(path: string): Promise<string> {
  if (!(await isSocket(path))) return "a file with this name already exists; remove it, or choose another path";
  return (await isLeftBehind(path))
    ? "an unused socket with this name already exists; remove it"
    : "the path is already in use";
}

/** Returns false for paths without a file: pipes of Windows, and abstract sockets of Linux. */
function isFile(path: string): boolean {
  return process.platform !== "win32" && !path.startsWith("\0");
}

async function isSocket(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isSocket() ?? true; // a path without a file is a pipe of Windows
}
