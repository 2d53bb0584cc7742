/** The entry `@aiko/mqtt-broker`: the embedded broker. */

export type { BrokerStatistics } from "./broker.js";
export { Broker } from "./broker.js";
export type { BrokerEvent, BrokerOptions, Credentials } from "./broker-options.js";
