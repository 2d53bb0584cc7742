/** How a server refuses a packet. */

import { encode, type Packet, type ProtocolVersion } from "@aiko/mqtt/codec";

const SUBACK_FAILURE = 0x80;
/** Used if the answer cannot carry the reason code: on MQTT 5, and in CONNACK before. */
const UNSPECIFIED_ERROR = 0x80;
const SERVER_UNAVAILABLE = 3;

/** Returns the answer to a refused packet; undefined if it has none. */
export function refusalOf(packet: Packet, version: ProtocolVersion, reasonCode: number): Uint8Array | undefined {
  const answer = answerTo(packet, version, reasonCode);
  if (answer === undefined) return undefined;
  try {
    return encode(answer, version);
  } catch {
    const usual = answerTo(packet, version, version === 5 ? UNSPECIFIED_ERROR : SERVER_UNAVAILABLE);
    return usual && encode(usual, version);
  }
}

function answerTo(packet: Packet, version: ProtocolVersion, reasonCode: number): Packet | undefined {
  const code = version === 5 ? reasonCode : 0;
  switch (packet.type) {
    case "connect":
      return { type: "connack", sessionPresent: false, reasonCode };
    case "publish": {
      const { packetIdentifier, qos } = packet;
      return qos === 0 ? undefined : { type: qos === 1 ? "puback" : "pubrec", packetIdentifier, reasonCode: code };
    }
    case "subscribe": {
      const { packetIdentifier, subscriptions } = packet;
      const codes = { 3: undefined, 4: SUBACK_FAILURE, 5: reasonCode };
      return { type: "suback", packetIdentifier, reasonCodes: subscriptions.map(({ qos }) => codes[version] ?? qos) };
    }
    case "unsubscribe": {
      const { packetIdentifier, topicFilters } = packet;
      return { type: "unsuback", packetIdentifier, reasonCodes: topicFilters.map(() => code) };
    }
    default:
      return undefined;
  }
}
