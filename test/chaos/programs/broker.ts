// Our broker in its own process, so that it can be killed. Prints its port.
import { Broker } from "@aiko/mqtt-broker";

const broker = await Broker.listen({ port: 0 });
process.stdout.write(`${broker.port}\n`);
