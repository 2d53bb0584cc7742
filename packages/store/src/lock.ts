/**
 * The owner of a session, across processes. A lock is a socket on which its owner listens. When the owner dies in any
 * way, the kernel closes the socket. So no process has to guess from process identifiers, which are reused, and which
 * differ between containers.
 *
 * On Windows the socket is a named pipe, which disappears with its owner. On other systems it has a file in the
 * directory, which remains when the owner has died. Two processes that find a dead lock must not both take it over. So
 * locks are numbered, and the highest number counts. A number is taken with link(), which succeeds in only one process,
 * and only lower numbers are ever removed.
 */

import { createHash, randomBytes } from "node:crypto";
import { link, open, readdir, realpath, rm } from "node:fs/promises";
import { createConnection, createServer, type Server } from "node:net";
import { join, relative } from "node:path";
import { codeOf } from "./file-system.js";

type Release = () => Promise<void>;

/**
 * Takes a lock that ends with this process, however that ends. Resolves to the function that releases it, or to undefined if a process that is
 * alive has it.
 *
 * @param directory an existing directory that only this user can write to
 * @param name of the lock, 1 to 16 letters, digits and hyphens
 */
export async function lock(directory: string, name: string): Promise<(() => Promise<void>) | undefined> {
  return process.platform === "win32" ? lockPipe(await realpath(directory), name) : lockSocket(directory, name);
}

async function lockPipe(directory: string, name: string): Promise<Release | undefined> {
  const id = createHash("sha256").update(`${directory.toLowerCase()}\0${name}`).digest("hex");
  try {
    return closing(await listen(`\\\\.\\pipe\\aiko-mqtt-${id}`));
  } catch (error) {
    if (codeOf(error) === "EADDRINUSE") return undefined;
    throw error;
  }
}

async function lockSocket(directory: string, name: string): Promise<Release | undefined> {
  const places = await SocketPlaces.of(directory);
  const own = `${name}.${randomBytes(4).toString("hex")}`;
  let server: Server | undefined;
  try {
    server = await listen(places.address(own));
    if (await takeNumber(directory, name, own, places)) {
      const release = closing(server);
      server = undefined;
      return release;
    }
    return undefined;
  } finally {
    if (server) await closing(server)();
    await rm(join(directory, own), { force: true });
    await places.close();
  }
}

/**
 * Gives the socket `own`, which is already listening, the next number, unless the owner of the highest one is alive.
 */
async function takeNumber(directory: string, name: string, own: string, places: SocketPlaces): Promise<boolean> {
  const numbered = (n: number): string => `${name}.lock-${n}`;
  for (;;) {
    const highest = Math.max(0, ...(await numbersOf(directory, name)));
    if (highest > 0) {
      const found = await lookAt(places.address(numbered(highest)));
      if (found === "alive") return false;
      if (found === "gone") continue; // another process took a higher number meanwhile
    }
    const mine = highest + 1;
    if (mine > HIGHEST_NUMBER) throw new Error(`no lock number is left after ${numbered(highest)}; remove that file`);
    try {
      await link(join(directory, own), join(directory, numbered(mine)));
    } catch (error) {
      if (codeOf(error) === "EEXIST") continue;
      throw error;
    }
    const all = await numbersOf(directory, name);
    if (Math.max(...all) > mine) {
      await rm(join(directory, numbered(mine)), { force: true });
      continue; // the number that looked like the highest was about to be removed
    }
    for (const n of all) if (n < mine) await rm(join(directory, numbered(n)), { force: true });
    return true;
  }
}

async function numbersOf(directory: string, name: string): Promise<number[]> {
  const start = `${name}.lock-`;
  const numbers = (await readdir(directory))
    .filter((each) => each.startsWith(start))
    .map((each) => +each.slice(start.length));
  return numbers.filter((n) => Number.isSafeInteger(n) && n > 0 && n <= HIGHEST_NUMBER); // other names may be there
}

/** With one start per millisecond, it takes more than a month to get here. */
const HIGHEST_NUMBER = 2 ** 32;

function lookAt(address: string): Promise<"alive" | "dead" | "gone"> {
  return new Promise((resolve) => {
    const socket = createConnection(address, () => {
      socket.destroy();
      resolve("alive");
    });
    socket.on("error", (error) => {
      const code = codeOf(error);
      // Other errors, such as a full backlog or another user's socket, do not prove that the owner has died.
      resolve(code === "ECONNREFUSED" ? "dead" : code === "ENOENT" ? "gone" : "alive");
    });
  });
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", reject);
    server.listen({ path, exclusive: true }, () => {
      server.unref();
      resolve(server);
    });
  });
}

function closing(server: Server): Release {
  return () => new Promise((resolve) => server.close(() => resolve()));
}

/** Short addresses of the sockets in a directory: paths of sockets may have only about 100 bytes. */
class SocketPlaces {
  private constructor(
    private readonly way: string,
    readonly close: () => Promise<void>,
  ) {}

  static async of(directory: string): Promise<SocketPlaces> {
    const ways = [directory, relative(process.cwd(), directory) || "."];
    const short = ways.find((way) => Buffer.byteLength(way) <= LONGEST_WAY);
    if (short !== undefined) return new SocketPlaces(short, async () => {});
    if (process.platform === "linux") {
      const handle = await open(directory, "r");
      return new SocketPlaces(`/proc/self/fd/${handle.fd}`, () => handle.close());
    }
    throw new Error(`the directory's path is too long for a lock socket; it must have at most ${LONGEST_WAY} bytes`);
  }

  address(name: string): string {
    return join(this.way, name);
  }
}

/**
 * A socket's path may have 104 bytes on macOS and the BSDs, 108 on Linux; a name has 16 digits, ".lock-" and a number.
 */
const LONGEST_WAY = 70;
