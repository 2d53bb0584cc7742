/** Makes the message for a client of what the store has of it. */

import type { LoadedDelivery } from "../persistence/loaded-state.js";
import { type Addressee, DeliveredMessage } from "./published-message.js";

/** Returns the message in the state that it had. */
export function restoredMessage({ key, record, message }: LoadedDelivery, addressee: Addressee): DeliveredMessage {
  const { topic, payload, expiresAt } = message;
  const { qos, retain, state, packetIdentifier, subscriptionIdentifiers, sharedFilters } = record;
  const properties =
    subscriptionIdentifiers.length === 0 ? message.properties : { ...message.properties, subscriptionIdentifiers };
  const shared = sharedFilters.length === 0 ? undefined : { message, sharedFilters };
  const restored = new DeliveredMessage(topic, payload, qos, retain, properties, expiresAt, addressee, shared);
  restored.state = state;
  restored.packetIdentifier = packetIdentifier;
  restored.mayHaveArrived = state !== "queued";
  restored.sequence = key;
  restored.source = message;
  restored.held = message;
  return restored;
}
