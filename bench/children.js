// The processes of a run: programs that measure, and the servers that they use. Each has a time limit, and none outlives the run.
import { execFile, execFileSync, spawn } from "node:child_process";
import { connect, createServer } from "node:net";
import { join } from "node:path";

const here = import.meta.dirname;
/** The time limits of one measurement and of a server's start, in milliseconds. */
const PROGRAM_LIMIT = 60_000;
const START_LIMIT = 30_000;
// Debian keeps daemons in sbin, which is not on every user's PATH.
const env = { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` };
/**
 * By name, or by port.
 *
 * @type {Map<string | number, import("node:child_process").ChildProcess>}
 */
const servers = new Map();

/**
 * Runs a command to its end and returns the JSON of its last line. Rejects with its output on standard error.
 *
 * @param {string} file
 * @param {string[]} args
 * @returns {Promise<object>}
 */
export function figuresOf(file, args) {
  return new Promise((resolve, reject) => {
    /** @type {import("node:child_process").ExecFileOptionsWithStringEncoding} */
    const options = { env, encoding: "utf8", timeout: PROGRAM_LIMIT, killSignal: "SIGKILL", maxBuffer: 1 << 24 };
    execFile(file, args, options, (error, output, complaint) => {
      if (error?.killed) reject(new Error(`not finished after ${PROGRAM_LIMIT / 1000} s`));
      else if (error) reject(new Error(complaint.match(/^\w*Error.*$/m)?.[0] ?? error.message.split("\n")[0]));
      else resolve(JSON.parse(output.trim().split("\n").at(-1) ?? ""));
    });
  });
}

/**
 * Runs one of programs/ and returns its figures.
 *
 * @template {import("./programs/interface.ts").ProgramName} Name
 * @param {Name} name
 * @param {import("./programs/interface.ts").Given<Name>} settings
 * @param {string[]} nodeOptions
 */
export async function program(name, settings, nodeOptions) {
  const args = [...nodeOptions, join(here, "programs", `${name}.js`), JSON.stringify(settings)];
  return /** @type {import("./programs/interface.ts").Reports[Name]} */ (await figuresOf(process.execPath, args));
}

/**
 * Returns the milliseconds that a command takes from start to end. Its standard output is discarded.
 *
 * @param {string} file
 * @param {string[]} args
 * @returns {Promise<number>}
 */
export function timeOf(file, args) {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(file, args, { env, stdio: "ignore", timeout: PROGRAM_LIMIT, killSignal: "SIGKILL" });
    child.once("error", reject);
    child.once("exit", (code) => {
      if (code === 0) resolve(performance.now() - start);
      else reject(new Error(`${file} ended with ${code}`));
    });
  });
}

/**
 * Starts a server and returns the first line that it prints.
 *
 * @param {string} file
 * @param {string[]} args
 * @param {string} [name] for `pidOf` and `stopServer`
 * @returns {Promise<string>}
 */
export function serve(file, args, name = file) {
  const child = spawn(file, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  servers.set(name, child);
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${file} did not start in ${START_LIMIT} ms`)), START_LIMIT);
    /** @param {Error} error */
    const fail = (error) => {
      clearTimeout(late);
      reject(error);
    };
    child.once("error", fail);
    child.once("exit", () => fail(new Error(`${file} ended`)));
    child.stdout.once("data", (data) => {
      clearTimeout(late);
      resolve(String(data).trim());
    });
  });
}

/**
 * Starts a server that prints nothing, and returns when its port accepts connections.
 *
 * @param {number} port
 * @param {string} file
 * @param {string[]} args
 */
export async function serveAt(port, file, args) {
  const child = spawn(file, args, { env, stdio: "ignore" });
  servers.set(port, child);
  const failed = new Promise((_, reject) => {
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`${file} ended`)));
  });
  failed.catch(() => undefined); // it may end later, when the run stops it
  await Promise.race([failed, takesConnections(port)]);
}

/** @param {string | number} name that of `serve`, or the port of `serveAt` */
export function pidOf(name) {
  const pid = servers.get(name)?.pid;
  if (pid === undefined) throw new Error(`bug: no server ${name}`);
  return pid;
}

/** @param {string | number} name that of `serve`, or the port of `serveAt` */
export function stopServer(name) {
  servers.get(name)?.kill("SIGKILL");
  servers.delete(name);
}

export function stopServers() {
  for (const child of servers.values()) child.kill("SIGKILL");
}

/** Returns whether a command is installed. @param {string} command */
export function has(command) {
  try {
    execFileSync("sh", ["-c", `command -v ${command}`], { env, stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Returns a free port, for servers that do not accept port 0. @returns {Promise<number>} */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}

/** @param {number} port */
async function takesConnections(port) {
  const end = Date.now() + START_LIMIT;
  for (;;) {
    const open = await new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => resolve(false));
    });
    if (open) return;
    if (Date.now() > end) throw new Error(`nothing listens on port ${port} after ${START_LIMIT} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
