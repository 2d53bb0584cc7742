/** The entry `@aiko/mqtt-broker`: the embedded broker. */

export { Broker } from "./broker.js";
export type { BrokerEvent, BrokerOptions, BrokerTls, Credentials } from "./broker-options.js";
export type { BrokerStatistics } from "./hub.js";
