/** The entry `@aiko/mqtt-broker`: the embedded broker. */

export { Broker } from "./broker.js";
export type { BrokerEvents, BrokerStatistics } from "./broker-events.js";
export type { BrokerOptions, BrokerTls, Credentials } from "./broker-options.js";
