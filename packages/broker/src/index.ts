/**
 * The entry `@aiko/mqtt-broker`: the embedded broker.
 *
 * @module @aiko/mqtt-broker
 */

export { Broker } from "./broker.js";
export type { BrokerEvents, BrokerStatistics } from "./broker-events.js";
export type {
  BrokerOptions,
  ConnectDecision,
  ConnectRefusal,
  ConnectRequest,
} from "./broker-options.js";
export type { BrokerTls } from "./broker-tls.js";
export type { ListenerOptions } from "./listener-options.js";
export type { BrokerPublishOptions } from "./own-message.js";
