/** What a reload cannot change: the keys that differ between two configurations and need a restart. */

import type { BrokerConfiguration } from "./broker-configuration.js";

/** Returns the parts that differ, as in `["persistence", "broker.outbox"]`. The others hold after a reload. */
export function keysToRestart(from: BrokerConfiguration, to: BrokerConfiguration): readonly string[] {
  const options = Object.keys(keys).filter((name) => differ(from.options, to.options, name as keyof typeof keys));
  const sections = (["persistence", "sys", "metrics"] as const).filter(
    (name) => JSON.stringify(from[name]) !== JSON.stringify(to[name]),
  );
  return [...options.map((name) => `broker.${keys[name as keyof typeof keys]}`), ...sections];
}

/** The keys in the file. */
const keys: { readonly [Name in keyof BrokerConfiguration["options"]]-?: string } = {
  maximumPacketSize: "max_packet_size",
  maximumTopicLevels: "max_topic_levels",
  outbox: "outbox",
  outboxInMemory: "outbox_in_memory",
  retained: "retained",
  maximumShare: "max_share",
  receiveMaximum: "receive_maximum",
  topicAliasMaximum: "topic_alias_maximum",
  connectTimeout: "connect_timeout",
  maximumQoS: "max_qos",
  retainAvailable: "retain_available",
  wildcardSubscriptionAvailable: "wildcard_subscription_available",
  subscriptionIdentifiersAvailable: "subscription_identifiers_available",
  sharedSubscriptionAvailable: "shared_subscription_available",
  subprotocolOptional: "subprotocol_optional",
  longClientIdentifiers: "long_client_identifiers",
};

type Options = BrokerConfiguration["options"];

function differ(from: Options, to: Options, name: keyof Options): boolean {
  return JSON.stringify(from[name]) !== JSON.stringify(to[name]);
}
