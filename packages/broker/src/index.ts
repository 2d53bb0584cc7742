/**
 * The entry `@aiko/mqtt-broker`: the embedded broker.
 *
 * @module @aiko/mqtt-broker
 */

export { Broker } from "./broker.js";
export type { BrokerEvents, BrokerStatistics } from "./broker-events.js";
export type { BrokerPublishOptions } from "./messages/own-message.js";
export type {
  BrokerOptions,
  ConnectDecision,
  ConnectRefusal,
  ConnectRequest,
} from "./options/broker-options.js";
export type { BrokerTls } from "./options/broker-tls.js";
export type { ListenerOptions } from "./options/listener-options.js";
