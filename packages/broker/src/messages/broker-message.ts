/** A message in the broker, as the application sees it. */

import type { PublishProperties, QoS } from "@aiko/mqtt";

/** A message in the broker. Its payload and properties are shared with other recipients: do not change them in place. */
export interface BrokerMessage {
  /** The topic name. */
  readonly topic: string;
  /** The payload. */
  readonly payload: Uint8Array;
  /** The QoS at which it was published. */
  readonly qos: QoS;
  /** Whether it was published with RETAIN. */
  readonly retain: boolean;
  /** The properties of PUBLISH; undefined if there are none. */
  readonly properties: PublishProperties | undefined;
  /** The client identifier of its publisher. Undefined for messages of `broker.publish`. */
  readonly publisher: string | undefined;
  /** Who its publisher was when it published the message, as `authenticate` answered. Undefined if it had no identity. */
  readonly publisherIdentity: string | undefined;
}
