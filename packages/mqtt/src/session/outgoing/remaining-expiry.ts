/** The message expiry interval that a message still has when it is sent [MQTT5-3.3.2-6]. */

import type { PublishProperties } from "../../codec/properties.js";
import type { OutgoingMessage } from "./outgoing-message.js";

/** Milliseconds by which the clock's fractions may change a time difference. */
const FRACTION = 1;

/** Returns the properties with the remaining expiry interval, in whole seconds and at least 0. */
export function remainingExpiry(message: OutgoingMessage, now: number): PublishProperties {
  const messageExpiryInterval = Math.max(0, Math.ceil((message.expiresAt - now - FRACTION) / 1000));
  return { ...message.properties, messageExpiryInterval };
}
