/** Which packets a client may send, by the stage of its connection. The decoder refuses others by their first byte. */

import { packetTypeBits } from "@aiko/mqtt/codec";

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
