/**
 * What a source needs of this machine and does not find: devices, addresses, programs and files. They may come later, so these are warnings. Opens
 * nothing for long, and runs nothing.
 */

import { createSocket } from "node:dgram";
import { access, constants, stat } from "node:fs/promises";
import { createServer, isIPv6 } from "node:net";
import { delimiter, dirname, join, resolve } from "node:path";
import process from "node:process";
import type { Address, ExecSettings, PemSettings, SourceSettings } from "../configuration/configuration.js";
import { findDevice } from "./device-path.js";

const { R_OK, W_OK, X_OK } = constants;

/** Resolves to the problems, in words that follow the source's id. */
export async function missingFor(settings: SourceSettings): Promise<string[]> {
  const found = await Promise.all(
    checksOf(settings).map(([key, check]) =>
      check.then(
        () => undefined,
        (error: Error) => `${key}: ${error.message}`,
      ),
    ),
  );
  return found.filter((each) => each !== undefined);
}

type KeyCheck = readonly [key: string, check: Promise<unknown>];

function checksOf(settings: SourceSettings): KeyCheck[] {
  switch (settings.kind) {
    case "serial":
      return [["device", device(settings.device)]];
    case "tcp-server":
      return [["listen", listens(settings.listen)], ...pem(settings.tls)];
    case "http":
      return [["listen", listens(settings.listen)]];
    case "mqtt-sn":
      if (settings.line !== undefined) return checksOf(settings.line);
      return [["listen", binds(settings.listen)]];
    case "udp":
      return [["listen", binds(settings.listen)]];
    case "unix":
      return [["path", settings.listen ? access(dirname(settings.path), W_OK | X_OK) : access(settings.path, W_OK)]];
    case "exec":
      return [...(settings.cwd === undefined ? [] : [["cwd", directory(settings.cwd)] as const]), runnable(settings)];
    case "tcp":
      return pem(settings.tls);
    case "mqtt":
      return pem(settings);
    case "stdin":
      return [];
  }
}

async function device(pattern: string): Promise<void> {
  await access(await findDevice(pattern), R_OK | W_OK);
}

/** Whether this machine has the address. A port in use is not reported: the gateway that is running has it. */
function listens({ host, port }: Address): Promise<void> {
  return new Promise((settle, reject) => {
    const server = createServer();
    server.on("error", (error) => (isInUse(error) ? settle() : reject(error)));
    server.listen({ host: host === "" ? undefined : host, port, exclusive: true }, () => server.close(() => settle()));
  });
}

function binds({ host, port }: Address): Promise<void> {
  return new Promise((settle, reject) => {
    const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
    socket.on("error", (error) => {
      socket.close();
      if (isInUse(error)) settle();
      else reject(error);
    });
    socket.bind({ port, address: host === "" ? undefined : host, exclusive: true }, () => socket.close(settle));
  });
}

function isInUse(error: Error): boolean {
  return (error as NodeJS.ErrnoException).code === "EADDRINUSE";
}

function pem(settings: PemSettings | undefined): KeyCheck[] {
  return (["ca", "cert", "key"] as const).flatMap((name) => {
    const path = settings?.[name];
    return path === undefined ? [] : [[name, access(path, R_OK)] as const];
  });
}

async function directory(path: string): Promise<void> {
  if (!(await stat(path)).isDirectory()) throw new Error(`${path} is not a directory`);
}

/** Where the program is, as the system looks for it. */
function runnable({ run: [program = ""], cwd = ".", env }: ExecSettings): KeyCheck {
  const path = env["PATH"] ?? process.env["PATH"] ?? "";
  const places = program.includes("/")
    ? [resolve(cwd, program)]
    : path.split(delimiter).map((each) => resolve(cwd, join(each, program)));
  const found = Promise.any(places.map((each) => access(each, X_OK)));
  const missing = `there is no program ${program}${program.includes("/") ? "" : " in PATH"} that may be run`;
  return [
    "run",
    found.catch(() => {
      throw new Error(missing);
    }),
  ];
}
