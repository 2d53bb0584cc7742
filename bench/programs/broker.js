// A broker in a process of its own: { broker: "aiko" | "aedes" | "raw", collecting?, attacked?, directory? }. Prints its port. "raw" is a server that only answers
// CONNECT: the cost of a connection in Node. `collecting` collects garbage regularly, and needs --expose-gc. `attacked` makes the limits
// of an address, which our broker has for all others by default, hold for loopback addresses: the attack comes from one of them.
// `directory`: where our broker keeps its sessions.
import { createServer } from "node:net";
import { settings } from "./program.js";

const brokers = {
  async aiko() {
    const { Broker } = await import("@aiko/mqtt-broker");
    const limits = { maximumConnections: 20_000, perAddress: { loopback: attacked } };
    if (directory === undefined) return (await Broker.listen({ port: 0, ...limits })).port;
    const { DiskStore } = await import("@aiko/mqtt-store");
    return (await Broker.listen({ port: 0, ...limits, store: new DiskStore(directory) })).port;
  },
  async aedes() {
    const { Aedes } = await import("aedes");
    const { handle } = await Aedes.createBroker();
    return listen(createServer({ noDelay: true }, handle));
  },
  raw() {
    const connack = Uint8Array.of(0x20, 2, 0, 0);
    return listen(createServer({ noDelay: true }, (socket) => socket.on("data", () => socket.write(connack))));
  },
};

/** @param {import("node:net").Server} server */
async function listen(server) {
  await /** @type {Promise<void>} */ (
    new Promise((resolve) => server.listen({ port: 0, host: "127.0.0.1", backlog: 511 }, resolve))
  );
  return /** @type {import("node:net").AddressInfo} */ (server.address()).port;
}

const {
  broker,
  collecting = false,
  attacked = false,
  directory,
} = /** @type {{ broker: keyof typeof brokers, collecting?: boolean, attacked?: boolean, directory?: string }} */ (
  settings
);
if (collecting) setInterval(() => globalThis.gc?.(), 400);
console.log(await brokers[broker]());
