/** The hooks of a broker: functions of the application that decide about messages and subscriptions. */

import type { ApplicationProperties, QoS, SubscriptionRequest } from "@aiko/mqtt";
import type { BrokerClient } from "../clients/broker-client.js";
import type { BrokerMessage } from "../messages/broker-message.js";

/** Why a hook refuses. */
export interface HookRefusal {
  /**
   * The reason code for the client, such as `ReasonCode.NOT_AUTHORIZED` or `ReasonCode.QUOTA_EXCEEDED`. It must be one
   * that PUBACK or SUBACK may carry. Before MQTT 5, clients do not receive it.
   */
  readonly reasonCode: number;
  /** The reason in words, for the events `publishRefused` and `subscribeRefused`, and for clients of MQTT 5. */
  readonly reason?: string | undefined;
}

/** True allows. False refuses with `ReasonCode.NOT_AUTHORIZED`. */
export type Permission = boolean | HookRefusal;

/** A subscription is allowed with a lower QoS. */
export interface GrantedQoS {
  /** The highest QoS that the client receives; not above the one that it requested. */
  readonly qos: QoS;
}

/** What `onPublish` changes in a message. A field that is not set, or undefined, stays as it is. */
export interface MessageChange {
  readonly topic?: string | undefined;
  readonly payload?: string | Uint8Array | undefined;
  readonly qos?: QoS | undefined;
  readonly retain?: boolean | undefined;
  /** Replaces all properties. */
  readonly properties?: ApplicationProperties | undefined;
}

/**
 * The answer of `onPublish`. True or undefined: the message is delivered. "taken": it is acknowledged, but neither
 * delivered nor retained. A `MessageChange`: it is delivered with these changes. False or a `HookRefusal`: it is
 * refused.
 */
export type PublishAnswer = boolean | undefined | "taken" | MessageChange | HookRefusal;

/** A subscription that a client requests: the topic filter, its QoS, and its options on MQTT 5. */
export interface SubscriptionDemand extends SubscriptionRequest {
  /** The subscription identifier, on MQTT 5. */
  readonly subscriptionIdentifier: number | undefined;
}

/**
 * Options of a broker that decide about messages and subscriptions. Each may answer at once, or return a promise. While
 * a hook has not answered, no further packet of that client is handled; other clients go on. A hook that throws,
 * rejects, answers anything else, or does not answer within `hookTimeout` refuses, and the broker emits `error`.
 */
export interface BrokerHooks {
  /**
   * Decides whether a client may publish a message. Also asked for wills, when they are published. A refused message is
   * dropped. On MQTT 5, its acknowledgement has the reason code; before, it is a usual one [MQTT31-32]. Default: allows
   * all.
   */
  readonly authorizePublish?:
    | ((client: BrokerClient, message: BrokerMessage) => Permission | Promise<Permission>)
    | undefined;
  /**
   * Decides whether a client may subscribe to a topic filter, and with which QoS. A refused filter has the reason code
   * in SUBACK on MQTT 5, and 0x80 on 3.1.1. On 3.1, it is acknowledged without effect [MQTT31-33]. Default: allows all.
   */
  readonly authorizeSubscribe?:
    | ((
        client: BrokerClient,
        subscription: SubscriptionDemand,
      ) => Permission | GrantedQoS | Promise<Permission | GrantedQoS>)
    | undefined;
  /**
   * Decides whether a client may receive a message: a published one, a retained one, or a will. Asked when the message
   * is put to the client, and again when it was queued and is sent. For one client, it is called for one message at a
   * time. If a member of a shared subscription may not receive the message, another member is chosen. Default: allows
   * all.
   */
  readonly authorizeDeliver?:
    | ((client: BrokerClient, message: BrokerMessage) => Permission | Promise<Permission>)
    | undefined;
  /**
   * Returns whether every client may receive messages of a topic name. Then they take the shorter path of a broker
   * without `authorizeDeliver`, which need not be asked. Default: `authorizeDeliver` is asked about every message.
   */
  readonly deliversToAll?: ((topic: string) => boolean) | undefined;
  /**
   * Receives each message that a client publishes, also wills, after `authorizePublish` has allowed it. May change,
   * refuse or take the message.
   *
   * @example onPublish: (message) => ({ topic: `site-7/${message.topic}` })
   */
  readonly onPublish?:
    | ((message: BrokerMessage, client: BrokerClient) => PublishAnswer | Promise<PublishAnswer>)
    | undefined;
  /** Milliseconds that a hook may take to answer, 1 … 2,147,483,647. Default 10,000. */
  readonly hookTimeout?: number | undefined;
}
