/**
 * The entry `@aiko/mqtt-broker`: the embedded broker.
 *
 * @module @aiko/mqtt-broker
 */

export { Broker } from "./broker.js";
export type { BrokerEvents, BrokerStatistics } from "./broker-events.js";
export type { BrokerPublishOptions } from "./messages/own-message.js";
export type {
  AuthenticationExchange,
  AuthenticationMethod,
  ClientCertificate,
  ConnectAcceptance,
  ConnectDecision,
  ConnectRefusal,
  ConnectRequest,
} from "./options/authentication.js";
export type { BrokerOptions } from "./options/broker-options.js";
export type { BrokerTls } from "./options/broker-tls.js";
export type { CapabilityOptions } from "./options/capabilities.js";
export type { ListenerOptions } from "./options/listener-options.js";
