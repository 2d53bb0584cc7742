/**
 * The server side of the runtimes: the embedded broker behind gates that can be cut and stopped, and their control over
 * HTTP.
 */

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { Broker } from "@aiko/mqtt-broker";

/** Milliseconds until a missing text is an error. */
const PATIENCE = 120_000;

/** A listener that forwards connections, until it gets another command. */
class Gate {
  /** @type {Set<import("node:net").Socket>} */
  connections = new Set();
  /** The bytes from clients since the gate began to drop them. @type {string | undefined} */
  swallowed = undefined;
  #whenSwallowed = () => {};
  #server;

  /** @param {import("node:net").NetConnectOpts} target @param {string} [path] of a Unix socket to listen on */
  static async open(target, path) {
    const gate = new Gate(target);
    if (path === undefined) gate.#server.listen(0, "127.0.0.1");
    else gate.#server.listen(path);
    await once(gate.#server, "listening");
    return gate;
  }

  /** @param {import("node:net").NetConnectOpts} target */
  constructor(target) {
    this.#server = createServer((socket) => this.#pass(socket, target));
  }

  get port() {
    return portOf(this.#server);
  }

  /** @param {import("node:net").Socket} socket @param {import("node:net").NetConnectOpts} target */
  #pass(socket, target) {
    const onward = connect(target);
    /** @type {[import("node:net").Socket, import("node:net").Socket][]} */
    const ways = [
      [socket, onward],
      [onward, socket],
    ];
    for (const [one, other] of ways) {
      this.connections.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        this.connections.delete(one);
        other.destroy();
      });
    }
    socket.on("data", (bytes) => {
      if (this.swallowed === undefined) {
        if (!onward.write(bytes)) socket.pause();
        return;
      }
      this.swallowed += bytes.toString("latin1");
      this.#whenSwallowed();
    });
    onward.on("drain", () => socket.resume());
    onward.pipe(socket);
  }

  cut() {
    for (const socket of this.connections) socket.destroy();
  }

  swallow() {
    this.swallowed = "";
  }

  /** The rest of the dropped bytes is lost with its connections. */
  stopSwallowing() {
    this.swallowed = undefined;
    this.cut();
  }

  /** Resolves when this text was dropped, also in a WebSocket's masked frames. @param {string} text */
  async heard(text) {
    const timeout = AbortSignal.timeout(PATIENCE);
    while (!unmasked(this.swallowed ?? "").includes(text)) {
      if (timeout.aborted) throw new Error(`"${text}" did not come`);
      await /** @type {Promise<void>} */ (
        new Promise((resolve) => {
          this.#whenSwallowed = resolve;
          timeout.addEventListener("abort", () => resolve(), { once: true });
        })
      );
    }
  }

  async close() {
    this.cut();
    this.#server.close();
  }
}

/** The bytes, followed by the payloads of those that are WebSocket frames. @param {string} latin1 */
function unmasked(latin1) {
  const bytes = Buffer.from(latin1, "latin1");
  let text = latin1;
  for (let at = 0; at + 6 <= bytes.length; ) {
    let length = bytes.readUInt8(at + 1) & 0x7f;
    let mask = at + 2;
    if (length === 126) {
      length = bytes.readUInt16BE(mask);
      mask += 2;
    } else if (length === 127) {
      return text; // not a frame of the suite
    }
    const payload = bytes.subarray(mask + 4, mask + 4 + length);
    text += Buffer.from(payload.map((byte, i) => byte ^ (bytes[mask + (i % 4)] ?? 0))).toString("latin1");
    at = mask + 4 + length;
  }
  return text;
}

/** @param {import("node:net").Server} server that listens on a port */
const portOf = (server) => /** @type {import("node:net").AddressInfo} */ (server.address()).port;

/** @param {Broker} broker */
const webSocketPortOf = (broker) => Number(new URL(broker.urls[1] ?? "").port);

/**
 * @typedef {Awaited<ReturnType<typeof startServer>>} Server
 * @typedef {Server["urls"]} Urls
 */

/**
 * @param {{ certificate: string, key: string }} identity of the server, for localhost
 * @param {string} directory for the Unix socket, with the files to serve
 */
export async function startServer(identity, directory) {
  const path = join(directory, "socket");
  const plain = await Broker.listen({ listeners: [{ url: "mqtt://127.0.0.1:0" }, { url: "ws://127.0.0.1:0" }] });
  const secure = await Broker.listen({
    listeners: [
      { url: "mqtts://127.0.0.1:0", tls: identity },
      { url: "wss://127.0.0.1:0", tls: identity },
    ],
  });
  const local = await Broker.listen({ listeners: [{ url: `unix:${path}-behind` }] });
  const gates = {
    tcp: await Gate.open({ port: plain.port, host: "127.0.0.1" }),
    tls: await Gate.open({ port: secure.port, host: "127.0.0.1" }),
    unix: await Gate.open({ path: `${path}-behind` }, path),
    ws: await Gate.open({ port: webSocketPortOf(plain), host: "127.0.0.1" }),
    wss: await Gate.open({ port: webSocketPortOf(secure), host: "127.0.0.1" }),
  };
  /** @type {Record<string, (gate: Gate, text: string) => unknown>} */
  const commands = {
    cut: (gate) => gate.cut(),
    swallow: (gate) => gate.swallow(),
    swallowed: (gate, text) => gate.heard(text),
    pass: (gate) => gate.stopSwallowing(),
  };
  const http = createHttpServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://server");
    const [, first = "", second = ""] = pathname.split("/");
    response.setHeader("access-control-allow-origin", "*");
    try {
      const command = Object.hasOwn(commands, first) ? commands[first] : undefined;
      if (command !== undefined) {
        const [, gate] = Object.entries(gates).find(([name]) => name === second) ?? [];
        if (gate === undefined) throw new Error(`there is no gate "${second}"`);
        await command(gate, searchParams.get("text") ?? "");
        response.end("done");
      } else if (["in-browser.js", "mqtt.js", "mqtt-small.js"].includes(first)) {
        response.setHeader("content-type", "text/javascript");
        response.end(await readFile(join(directory, first)));
      } else {
        response.setHeader("content-type", "text/html");
        response.end('<!doctype html><meta charset="utf-8"><script type="module" src="/in-browser.js"></script>');
      }
    } catch (error) {
      response.statusCode = 500;
      response.end(String(error));
    }
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  return {
    urls: {
      tcp: `mqtt://127.0.0.1:${gates.tcp.port}`,
      tls: `mqtts://localhost:${gates.tls.port}`,
      unix: `unix:${path}`,
      ws: `ws://127.0.0.1:${gates.ws.port}/mqtt`,
      wss: `wss://localhost:${gates.wss.port}/mqtt`,
    },
    gates,
    controlUrl: `http://127.0.0.1:${portOf(http)}`,
    async close() {
      for (const gate of Object.values(gates)) await gate.close();
      for (const broker of [plain, secure, local]) await broker.close();
      http.closeAllConnections();
      http.close();
    },
  };
}
