// @ts-check
// Decoders, topics and sessions.
import { MqttError, ProtocolError } from "@aiko/mqtt";
import { encode, PacketStream } from "@aiko/mqtt/codec";
import {
  hasWildcard,
  sharedFilterProblem,
  TopicNameTree,
  TopicTree,
  topicFilterMatches,
  topicFilterProblem,
  topicNameProblem,
} from "@aiko/mqtt/topic";
import { session } from "./session-target.js";

/** @typedef {import("./targets.js").Target} Target */

/** @type {readonly Target[]} */
export const packetTargets = [
  decoder(3),
  decoder(4),
  decoder(5),
  decoder("any"),
  topics,
  session("client"),
  session("server"),
];

/**
 * The same bytes, whole and in pieces, give the same packets, and each packet encodes to bytes that decode to it again.
 *
 * @param {3 | 4 | 5 | "any"} version
 * @returns {Target}
 */
function decoder(version) {
  return (food) => {
    const piece = 1 + ((food[0] ?? 0) % 7);
    const bytes = food.subarray(1);
    const whole = decodeAll(version, bytes, bytes.length || 1);
    const pieces = decodeAll(version, bytes, piece);
    if (JSON.stringify(whole) !== JSON.stringify(pieces)) throw new Error("the whole input and its pieces differ");
    if (version === "any") return;
    for (const packet of whole.packets) {
      let again;
      try {
        again = encode(packet, version);
      } catch (error) {
        if (version === 3 && error instanceof MqttError) continue; // 3.1 accepts more than may be sent
        throw error;
      }
      const [decoded] = new PacketStream(version).push(again);
      if (JSON.stringify(decoded) !== JSON.stringify(packet))
        throw new Error(`${packet.type} changes when it is encoded`);
    }
  };
}

/** @param {3 | 4 | 5 | "any"} version @param {Uint8Array} bytes @param {number} size */
function decodeAll(version, bytes, size) {
  const stream = new PacketStream(version, { maximumPacketSize: 1_000_000 });
  const packets = [];
  let fault;
  try {
    for (let at = 0; at < bytes.length; at += size) packets.push(...stream.push(bytes.slice(at, at + size)));
    stream.push(new Uint8Array(0));
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    fault = error.reasonCode;
  }
  return { packets, fault };
}

/** For everything that the rules allow, the trees and the function agree. @type {Target} */
function topics(food) {
  const text = String.fromCharCode(...food.subarray(0, 4000).map((byte) => "ab/+#$\0é"[byte & 7]?.charCodeAt(0) ?? 97));
  const [filter = "", name = ""] = text.split("é");
  const shared = filter.startsWith("$share/") && sharedFilterProblem(filter) !== undefined;
  if (topicFilterProblem(filter) || shared || topicNameProblem(name)) return;
  hasWildcard(filter);
  /** @type {TopicTree<number>} */
  const tree = new TopicTree();
  tree.add(filter, 1);
  let found = false;
  tree.match(name, () => {
    found = true;
  });
  /** @type {TopicNameTree<number>} */
  const names = new TopicNameTree();
  names.set(name, 1);
  let named = false;
  names.match(filter, () => {
    named = true;
  });
  if (found !== topicFilterMatches(filter, name) || found !== named)
    throw new Error(`"${filter}" and "${name}" disagree`);
  if (!tree.delete(filter, 1) || tree.size !== 0) throw new Error(`"${filter}" stays in the tree`);
}
