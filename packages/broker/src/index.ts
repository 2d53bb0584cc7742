/**
 * The entry `@aiko/mqtt-broker`: the embedded broker.
 *
 * @module @aiko/mqtt-broker
 */

export type { ApplicationMessage } from "./application/application-message.js";
export type {
  ApplicationHandler,
  BrokerHandlerOptions,
  BrokerIteratorOptions,
  BrokerSubscribeOptions,
  BrokerSubscription,
  CommonBrokerSubscribeOptions,
  HandledBrokerSubscription,
} from "./application/broker-subscription.js";
export { Broker } from "./broker.js";
export type { BrokerEvents, BrokerStatistics } from "./broker-events.js";
export type { BrokerClient } from "./clients/broker-client.js";
export type { BrokerClients } from "./clients/broker-clients.js";
export type {
  BrokerHooks,
  GrantedQoS,
  HookRefusal,
  MessageChange,
  Permission,
  PublishAnswer,
  SubscriptionDemand,
} from "./hooks/broker-hooks.js";
export type { AttachOptions } from "./listening/attachment.js";
export type { BrokerListener } from "./listening/broker-listener.js";
export type { BrokerMessage } from "./messages/broker-message.js";
export type { BrokerPublishOptions } from "./messages/own-message.js";
export type { AddressLimits } from "./options/address-limits.js";
export type {
  AuthenticationExchange,
  AuthenticationMethod,
  ClientCertificate,
  ConnectAcceptance,
  ConnectDecision,
  ConnectRefusal,
  ConnectRequest,
} from "./options/authentication.js";
export type { BrokerLimits } from "./options/broker-limits.js";
export type { BrokerOptions, ConnectionFaults } from "./options/broker-options.js";
export type { BrokerTls } from "./options/broker-tls.js";
export type { CapabilityOptions } from "./options/capabilities.js";
export type { ListenerChange, ListenerOptions } from "./options/listener-options.js";
export type { ListenerTerms } from "./options/listener-terms.js";
