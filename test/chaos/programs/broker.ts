// Our broker in a process of its own, so that it can be killed. Says its port.
import { Broker } from "@aiko/mqtt-broker";

const broker = await Broker.listen({ port: 0 });
process.stdout.write(`${broker.port}\n`);
