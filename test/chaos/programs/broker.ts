// Our broker in its own process, so that it can be killed. Prints its port. With an argument, it keeps its sessions in this
// folder, and closes gracefully at SIGTERM.
import { Broker } from "@aiko/mqtt-broker";
import { DiskStore } from "@aiko/mqtt-store";

const [directory] = process.argv.slice(2);
const onDamage = (): void => {
  throw new Error("a kill is no damage");
};
const store = directory === undefined ? undefined : new DiskStore(directory, { onDamage });
// Few messages stay in memory, so that most wait in the store.
const broker = await Broker.listen({ port: 0, store, outboxInMemory: { maximumCount: 5 } });
broker.on("storeDamaged", onDamage);
process.once("SIGTERM", () => void broker.close().then(() => process.exit(0)));
process.stdout.write(`${broker.port}\n`);
