/** The capabilities of MQTT that a broker may switch off, with the names of CONNACK's properties. */

import { boolean, integer } from "@aiko/mqtt/options";

/** What a broker supports. CONNACK reports to clients of MQTT 5 what is switched off. */
export interface CapabilityOptions {
  /**
   * The highest QoS of messages and wills that clients may publish, 0 … 2. Subscriptions are granted up to it. Default
   * 2. A client that exceeds it is disconnected with 0x9B (QoS not supported), or refused if its will does.
   */
  readonly maximumQoS?: 0 | 1 | 2 | undefined;
  /**
   * Whether clients may publish retained messages and wills. Default true. If false, a client that does is disconnected
   * with 0x9A (Retain not supported), or refused if its will is retained. `broker.publish` may still retain messages.
   */
  readonly retainAvailable?: boolean | undefined;
  /**
   * Whether topic filters may contain wildcards. Default true. If false, a client of MQTT 5 that uses one is
   * disconnected with 0xA2; before MQTT 5, the filter is denied.
   */
  readonly wildcardSubscriptionAvailable?: boolean | undefined;
  /**
   * Whether clients may use subscription identifiers. Default true. If false, a client that uses one is disconnected
   * with 0xA1.
   */
  readonly subscriptionIdentifiersAvailable?: boolean | undefined;
  /**
   * Whether clients may use shared subscriptions. Default true. If false, a client of MQTT 5 that uses one is
   * disconnected with 0x9E; before MQTT 5, the filter is denied.
   */
  readonly sharedSubscriptionAvailable?: boolean | undefined;
}

export const capabilityRules = {
  maximumQoS: integer(0, 2, 2),
  retainAvailable: boolean(true),
  wildcardSubscriptionAvailable: boolean(true),
  subscriptionIdentifiersAvailable: boolean(true),
  sharedSubscriptionAvailable: boolean(true),
} satisfies Record<keyof CapabilityOptions, unknown>;
