// Messages of MQTT-SN as short texts, so that a test can compare them.
import type { SnPacket } from "../../../src/sn/packets.ts";

/** What a device has received, in few words. */
export function shown(packet: SnPacket): string {
  switch (packet.type) {
    case "connack":
    case "willtopicresp":
    case "willmsgresp":
      return `${packet.type} ${packet.returnCode}`;
    case "regack":
    case "puback":
      return `${packet.type} ${packet.topicId} #${packet.messageId} ${packet.returnCode}`;
    case "suback":
      return `suback ${packet.topicId} #${packet.messageId} ${packet.returnCode} qos ${packet.qos}`;
    case "register":
      return `register ${packet.topicId} #${packet.messageId} ${packet.topicName}`;
    case "publish": {
      const { topic, messageId, qos, dup, retain, data } = packet;
      const name = topic.kind === "short" ? topic.name : `${topic.kind === "normal" ? "" : "predefined "}${topic.id}`;
      const flags = `${dup ? " dup" : ""}${retain ? " retain" : ""}`;
      return `publish ${name} #${messageId} qos ${qos}${flags} ${Buffer.from(data).toString()}`;
    }
    case "pubrec":
    case "pubrel":
    case "pubcomp":
    case "unsuback":
      return `${packet.type} #${packet.messageId}`;
    case "disconnect":
      return packet.duration === undefined ? "disconnect" : `disconnect ${packet.duration}`;
    case "gwinfo":
      return `gwinfo ${packet.gatewayId}`;
    case "advertise":
      return `advertise ${packet.gatewayId} ${packet.duration}`;
    default:
      return packet.type;
  }
}
