/** Which packets a client may send, by the stage of its connection. The decoder refuses others by their first byte. */

import type { ProtocolError } from "@aiko/mqtt";
import { type Packet, type ProtocolVersion, packetTypeBits } from "@aiko/mqtt/codec";
import { publicationFault } from "../messages/permitted-publications.js";
import { subscriptionFault } from "../messages/permitted-subscriptions.js";
import type { BrokerSettings } from "../options/broker-options.js";

/** The packets that a client may send after it was accepted. */
export const FROM_CLIENTS = packetTypeBits(
  "publish",
  "puback",
  "pubrec",
  "pubrel",
  "pubcomp",
  "subscribe",
  "unsubscribe",
  "pingreq",
  "disconnect",
);
/** The same for a client with an authentication method. */
export const FROM_AUTHENTICATING_CLIENTS = FROM_CLIENTS | packetTypeBits("auth");
/** The packets that such a client may send before it was accepted [MQTT5-3.1.2-30]. */
export const ANSWERS = packetTypeBits("auth", "disconnect");

/** Returns the fault of a packet that an accepted client must not have sent, because of the broker's limits. */
export function faultOf(packet: Packet, version: ProtocolVersion, settings: BrokerSettings): ProtocolError | undefined {
  if (packet.type === "publish") return publicationFault("publish:", packet, settings);
  return packet.type === "subscribe" && version === 5 ? subscriptionFault(packet, settings) : undefined;
}
