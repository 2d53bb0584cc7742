/**
 * The entry `@aiko/mqtt-broker/service`: the broker as a service that a file configures.
 *
 * @module @aiko/mqtt-broker/service
 */

export type { BridgeClientOptions, BridgeSettings } from "../bridge/bridge-settings.js";
export type { BridgeTopic } from "../bridge/bridge-topics.js";
export type { RuleDecision } from "../rules/listener-rules.js";
export { type MosquittoAcl, parseMosquittoAcl } from "../rules/mosquitto-acl.js";
export type { RuledClient } from "../rules/placeholders.js";
export type { RuleAction, RuleSettings } from "../rules/rule-settings.js";
export { Rules } from "../rules/rules.js";
export { type ExchangeableRules, type RuleHooks, type RulesHooksOptions, rulesHooks } from "../rules/rules-hooks.js";
export { type AuthenticatorOptions, authenticatorOf } from "../users/authenticator.js";
export {
  assertUserName,
  changePasswordFile,
  createPasswordFile,
  type PasswordFile,
  parsePasswordFile,
  readPasswordFile,
} from "../users/password-file.js";
export type { PasswordHash, ScryptCost } from "../users/password-hash.js";
export { hashPassword, type PasswordHasher } from "../users/password-hasher.js";
export { type PasswordVerdict, Users, type UsersOptions } from "../users/users.js";
export type {
  BridgeConfiguration,
  BrokerConfiguration,
  FixedOptions,
  ListenerSettings,
  LogSettings,
  MetricsSettings,
  PersistenceSettings,
  SysSettings,
  UserSettings,
} from "./broker-configuration.js";
export { BrokerService, type BrokerServiceOptions } from "./broker-service.js";
export {
  type MosquittoConfigurationRead,
  type MosquittoReadOptions,
  readMosquittoConfiguration,
} from "./mosquitto/read-mosquitto-configuration.js";
export {
  type BrokerConfigurationRead,
  type BrokerReadOptions,
  readBrokerConfiguration,
} from "./read-broker-configuration.js";
export { brokerSchema } from "./schema.js";
export type { StoreContents, StoredClient, StoredRetained } from "./store-contents.js";
export { backUpStore, readStoreContents, type StoreBackup } from "./stored-broker.js";
