/**
 * Listening at a Unix socket's path. A process that is killed cannot take its socket away, so who starts has to; and two that start at
 * once must not take away each other's.
 *
 * Only who has the path's lock does anything there. The lock is a directory with one entry, a socket that its holder listens at: the
 * kernel ends the listening however the holder ends. Nobody can take more from the dead than is meant: an entry has a name of its
 * holder's own, so that no other is ever removed in its place, and rename() puts a directory in the place of an empty one only.
 */

import { randomBytes } from "node:crypto";
import { chmod, lstat, mkdir, readdir, rename, rm, rmdir, unlink } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { type Clock, TransportError } from "@aiko/mqtt";
import { errorOfListening, type ListenError } from "./listening.js";

/**
 * @param mode who may connect: the permissions of the socket, whatever the process's mask
 * @throws TransportError LISTEN_FAILED
 */
export async function listenAtPath(server: Server, path: string, mode: number, clock: Clock): Promise<void> {
  let release: Release | undefined;
  let error: ListenError | undefined;
  try {
    release = await lock(path, clock);
    error = await errorOfListening(server, { path });
    if (error?.code === "EADDRINUSE" && release !== undefined && (await isLeftBehind(path))) {
      await unlink(path).catch(() => undefined); // what is wrong with it, listening tells
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

/** Milliseconds. Who has the lock needs a few. */
const PATIENCE = 10_000;
/** Bytes that a socket's path may have: 108 on Linux, 104 on macOS and the BSDs, with a NUL at its end. */
const LONGEST_PATH = process.platform === "linux" ? 107 : 103;

/** Undefined where no lock can be had or is needed: then nothing must be taken away either. */
async function lock(path: string, clock: Clock): Promise<Release | undefined> {
  if (process.platform === "win32") return undefined; // pipes, which vanish with their process
  const own = randomBytes(3).toString("hex");
  const [room, place] = [`${path}.${own}`, `${path}.lock`];
  if (Buffer.byteLength(join(room, own)) > LONGEST_PATH) return undefined;
  try {
    await mkdir(room);
  } catch {
    return undefined; // listening tells, if that too is impossible
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
    await rmdir(place).catch(() => undefined); // it is the next one's already
    end();
  };
}

/** False if there is something in `place`. */
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

/** Waits until nobody listens at `address`, the entry of a lock, and removes it if its holder could not. */
async function holderGone(address: string, late: AbortSignal): Promise<void> {
  if (!(await isSocket(address))) throw new Error(`${address} already exists; remove it`);
  const holder = connect({ path: address, signal: late });
  const error = await new Promise<ListenError | undefined>((resolve) => {
    holder.once("error", resolve);
    holder.once("close", () => resolve(undefined));
    holder.resume();
  });
  if (error?.code === "ECONNREFUSED")
    await unlink(address).catch(() => undefined); // another may have been faster
  else if (error !== undefined && error.code !== "ENOENT" && error.code !== "ECONNRESET") throw error;
}

/** Whether the socket at `path` is one that nobody listens at. */
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

/** Paths that name no file: pipes of Windows, and abstract sockets of Linux. */
function isFile(path: string): boolean {
  return process.platform !== "win32" && !path.startsWith("\0");
}

async function isSocket(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isSocket() ?? true; // what is no file is a pipe of Windows
}
