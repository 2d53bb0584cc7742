// A broker in a process of its own: { broker: "aiko" | "aedes" }. Prints its port.
import { createServer } from "node:net";
import { settings } from "./program.js";

const brokers = {
  async aiko() {
    const { Broker } = await import("@aiko/mqtt-broker");
    return (await Broker.listen({ port: 0 })).port;
  },
  async aedes() {
    const { Aedes } = await import("aedes");
    const { handle } = await Aedes.createBroker();
    const server = createServer(handle);
    await /** @type {Promise<void>} */ (new Promise((resolve) => server.listen(0, "127.0.0.1", resolve)));
    return /** @type {import("node:net").AddressInfo} */ (server.address()).port;
  },
};
const { broker } = /** @type {{ broker: keyof typeof brokers }} */ (settings);
console.log(await brokers[broker]());
