/** The entry `@aiko/mqtt-broker`: the embedded broker. */

export { Broker } from "./broker.js";
export type { BrokerEvents, BrokerStatistics } from "./broker-events.js";
export type { BrokerOptions, BrokerTls, ConnectDecision, ConnectRefusal, ConnectRequest } from "./broker-options.js";
export type { BrokerPublishOptions } from "./own-message.js";
