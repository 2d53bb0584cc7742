/** The smoke suite on Node, Bun and Deno: a program that reads its task from its argument and prints the results. */

import { readFileSync } from "node:fs";
import * as library from "@aiko/mqtt";
import * as small from "@aiko/mqtt/small";
import { DiskStore } from "@aiko/mqtt-store";
import { WebSocket as PackagedWebSocket } from "ws";
import { entries } from "./entries.js";
import { afterDeath, beforeDeath, bySmallClient, overTransport, refusedSmallClient } from "./smoke.js";

/**
 * @typedef {{
 *   phase: "entries" | "transports" | "small" | "beforeDeath" | "afterDeath",
 *   name: string,
 *   urls: import("./server.js").Urls,
 *   ca: string,
 *   controlUrl: string,
 *   directory: string,
 *   entryCount: number,
 *   hasWebSocket: boolean,
 * }} Given
 */

/** @type {Given} */
const { phase, name, urls, ca, controlUrl, directory, entryCount, hasWebSocket } = JSON.parse(
  readFileSync(process.argv[2] ?? "", "utf8"),
);

/** @param {string} path */
async function control(path) {
  const response = await fetch(`${controlUrl}/${path}`);
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
}

const store = () => new DiskStore(directory);
const durable = { name, transport: "tcp", url: urls.tcp, control };

/** @type {Record<Given["phase"], () => Promise<import("./smoke.js").Step[]>>} */
const phases = {
  async entries() {
    return [{ feature: "entries", ...(entries.length !== entryCount && { error: "an entry has no exports" }) }];
  },
  async transports() {
    const steps = [];
    for (const [transport, url] of Object.entries(urls)) {
      const options = transport === "tls" || transport === "wss" ? { tls: { ca } } : {};
      steps.push(...(await overTransport(library, { name, transport, url, options, control })));
    }
    return steps;
  },
  /**
   * Its default platform is the runtime's WebSocket, or one that is passed to it; over TCP it uses the full client's.
   */
  async small() {
    const options = hasWebSocket ? {} : { webSocket: { implementation: PackagedWebSocket } };
    const steps = await refusedSmallClient(small, { controlUrl, options });
    for (const transport of /** @type {const} */ (["ws", "wss"])) {
      const where = { name, transport, url: urls[transport], options, control };
      steps.push(...(await bySmallClient(small, where)));
    }
    const { platform } = library;
    steps.push(...(await bySmallClient(small, { ...durable, options: { platform } })));
    return steps;
  },
  async beforeDeath() {
    await beforeDeath(library, { ...durable, store: store() });
    return [];
  },
  async afterDeath() {
    await afterDeath(library, { ...durable, store: store() });
    return [{ feature: "durable session" }];
  },
};

console.log(`RESULT ${JSON.stringify(await phases[phase]())}`);
process.exit(0); // in `beforeDeath` with a client that has not disconnected
