/** The platform of Node, and of runtimes that run Node's modules (Bun, Deno). */

import type { Socket } from "node:net";
import { wrongOption } from "../options/option-error.js";
import type { AbortSignalLike } from "../platform/abort.js";
import type { NetworkOptions } from "../platform/network-options.js";
import type { Platform } from "../platform/platform.js";
import { type DialStep, nameOf, type ServerAddress, type Transport } from "../platform/transport.js";
import { random } from "./random.js";
import { openSocket, SocketTransport } from "./socket.js";
import { schedule } from "./timers.js";
import type { Way } from "./websocket-node.js";

/** `performance` would cost each program a millisecond at its start, since Node loads it at the first use. */
const origin = Date.now() - elapsed();

const clock = {
  now: () => origin + elapsed(),
  schedule,
  defer: (callback: () => void) => void setImmediate(callback),
  soon: queueMicrotask,
};

export const platform: Platform = { clock, random, dial };

/** Milliseconds of a clock that nobody sets. */
function elapsed(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1_000_000;
}

type OnStep = ((step: DialStep) => void) | undefined;

async function dial(
  address: ServerAddress,
  signal: AbortSignalLike,
  options: NetworkOptions,
  onStep?: (step: DialStep) => void,
): Promise<Transport> {
  const { scheme, host } = address;
  const { tls } = options;
  if (tls !== undefined && scheme !== "mqtts" && scheme !== "wss") {
    const instead = scheme === "unix" ? "remove tls" : `write ${scheme}s:`;
    throw wrongOption("tls", `cannot be used with ${scheme}:, which is not encrypted; ${instead}`);
  }
  const name = nameOf(address);
  const report = harmless(onStep);
  if (scheme === "unix") return new SocketTransport(await openSocket({ path: host }, name, signal, "server", report));
  if (scheme === "mqtt") return new SocketTransport(await openWay(address, options, name, signal, report));
  if (scheme === "mqtts") {
    const { socket, explain } = await openSecureWay(address, options, name, signal, report);
    return new SocketTransport(socket, explain);
  }
  const { dialWebSocket } = await import("./websocket-node.js");
  const open = async (): Promise<Way> =>
    scheme === "ws"
      ? { socket: await openWay(address, options, name, signal, report) }
      : openSecureWay(address, options, name, signal, report);
  return dialWebSocket(address, options, open, name, clock, signal);
}

/** A function that throws in a listener of a socket would end the process. */
function harmless(onStep: OnStep): OnStep {
  if (onStep === undefined) return undefined;
  return (step) => {
    try {
      onStep(step);
    } catch {
      // It only watches, so its errors do not concern the connection.
    }
  };
}

async function openSecureWay(
  address: ServerAddress,
  options: NetworkOptions,
  name: string,
  signal: AbortSignalLike,
  onStep: OnStep,
): Promise<Way> {
  const { secureSocket, securedStep, explainLater } = await import("./tls.js"); // before a socket is opened
  const { host } = address;
  const { tls = {} } = options;
  const socket = await openWay(address, options, name, signal, onStep);
  const secure = await secureSocket(socket, host, tls, name, signal);
  if (onStep !== undefined) onStep(securedStep(secure));
  return { socket: secure, explain: explainLater(name, host, tls) };
}

/**
 * Opens a socket to the server, directly or through a proxy. Modules that most programs do not need are loaded on
 * demand.
 */
async function openWay(
  address: ServerAddress,
  { proxy, localAddress }: NetworkOptions,
  name: string,
  signal: AbortSignalLike,
  onStep: OnStep,
): Promise<Socket> {
  const { env } = process;
  // Checks only whether a proxy is set. The proxy module decides which one applies to this server.
  const named = env["all_proxy"] ?? env["ALL_PROXY"] ?? env["https_proxy"] ?? env["HTTPS_PROXY"];
  if (proxy !== false && (proxy ?? named) !== undefined) {
    const { openTunnel, parseProxy, proxyOfEnvironment } = await import("./proxy.js");
    const chosen = proxy === undefined ? proxyOfEnvironment(address, env) : parseProxy(proxy);
    if (chosen !== undefined) return openTunnel(chosen, address, localAddress, signal, onStep);
  }
  const { host, port } = address;
  const where = { host, port, ...(localAddress !== undefined && { localAddress }) };
  return openSocket(where, name, signal, "server", onStep);
}
