/**
 * The entry `@aiko/mqtt-broker/service`: the broker as a service that a file configures.
 *
 * @module @aiko/mqtt-broker/service
 */

export type { RuleAction, RuleSettings } from "../rules/rule-settings.js";
export { type RuleDecision, Rules } from "../rules/rules.js";
export type {
  BrokerConfiguration,
  FixedOptions,
  ListenerSettings,
  LogSettings,
  PersistenceSettings,
  UserSettings,
} from "./broker-configuration.js";
export { BrokerService, type BrokerServiceOptions } from "./broker-service.js";
export {
  type BrokerConfigurationRead,
  type BrokerReadOptions,
  readBrokerConfiguration,
} from "./read-broker-configuration.js";
export { brokerSchema } from "./schema.js";
