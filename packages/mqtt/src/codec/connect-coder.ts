/** Encodes and decodes CONNECT: the packet with the most rules, and the only one that contains its own version. */

import { ProtocolError, UsageError } from "../errors.js";
import { CLIENT_IDENTIFIER_NOT_VALID, TOPIC_NAME_INVALID, UNSUPPORTED_PROTOCOL_VERSION } from "../reason-code.js";
import { quotable, stringProblem } from "../topic/mqtt-string.js";
import { topicNameProblem } from "../topic/topic-name.js";
import type { BodyWriter } from "./body-writer.js";
import { type Cursor, malformed } from "./cursor.js";
import type { DecoderLimits } from "./limits.js";
import type { ConnectPacket, ProtocolVersion, QoS, Will } from "./packets.js";
import type { ConnectProperties, WillProperties } from "./properties.js";
import { readProperties, writeProperties } from "./property-coder.js";

const USERNAME = 0x80;
const PASSWORD = 0x40;
const WILL_RETAIN = 0x20;
const WILL = 0x04;
const CLEAN_START = 0x02;
const RESERVED = 0x01;

const LONGEST_CLIENT_ID_31 = 23;

/** Returns the rule of `version` that a client identifier breaks; undefined if it breaks none. */
export function clientIdProblem(version: ProtocolVersion, clientId: string, cleanStart: boolean): string | undefined {
  if (version === 3 && (clientId.length === 0 || clientId.length > LONGEST_CLIENT_ID_31)) {
    return `has ${clientId.length} characters; MQTT 3.1 requires 1 to ${LONGEST_CLIENT_ID_31} [MQTT31-5]`;
  }
  if (version === 4 && clientId.length === 0 && !cleanStart) {
    return "must not be empty with cleanStart false and MQTT 3.1.1 [MQTT-3.1.3-8]";
  }
  return undefined;
}

/**
 * In MQTT 3.1 the will's payload is a string, but servers publish it as bytes, so that only ASCII is unchanged
 * [MQTT31-14]. The caller checks this when it connects. If `encode` checked it, clients that may fall back to 3.1 could
 * not have other wills.
 */
export function willProblem(version: ProtocolVersion, will: Will | undefined): string | undefined {
  if (version !== 3 || will === undefined || will.payload.every((byte) => byte < 0x80)) return undefined;
  return "must be ASCII with MQTT 3.1 [MQTT31-14]";
}

function protocolVersion(name: string, level: number): ProtocolVersion {
  if (name === "MQIsdp" && level === 3) return 3;
  if (name === "MQTT" && (level === 4 || level === 5)) return level;
  throw new ProtocolError(
    "UNSUPPORTED_PROTOCOL_VERSION",
    UNSUPPORTED_PROTOCOL_VERSION,
    `connect: protocol name "${name.slice(0, 16)}" with version ${level} must be MQIsdp 3, MQTT 4 or MQTT 5 [MQTT-3.1.2-1]`,
  );
}

/** @param learnt receives the version before the rest is read */
export function readConnect(
  cursor: Cursor,
  limits: DecoderLimits,
  learnt: (version: ProtocolVersion) => void,
): ConnectPacket {
  const version = protocolVersion(cursor.text("connect: protocol name"), cursor.byte("connect: protocol version"));
  learnt(version);
  const flags = cursor.byte("connect: connect flags");
  checkFlags(version, flags);
  const keepAlive = cursor.twoByte("connect: keepAlive");
  const properties = version === 5 ? (readProperties(cursor, "connect") as ConnectProperties | undefined) : undefined;
  const clientId = cursor.text("connect: clientId");
  const cleanStart = (flags & CLEAN_START) !== 0;
  const problem = clientIdProblem(version, clientId, cleanStart);
  if (problem && !(limits.longClientIdentifiers && clientId.length > LONGEST_CLIENT_ID_31)) {
    throw new ProtocolError("CLIENT_IDENTIFIER_REFUSED", CLIENT_IDENTIFIER_NOT_VALID, `connect: clientId ${problem}`);
  }
  const will = flags & WILL ? readWill(cursor, version, flags) : undefined;
  // In 3.1 the remaining length takes precedence over the flags [MQTT31-11].
  const lenient = version === 3;
  const named = (flags & USERNAME) !== 0;
  const withPassword = (flags & PASSWORD) !== 0;
  const username = named && !(lenient && cursor.left === 0) ? cursor.text("connect: username") : undefined;
  const password = withPassword && !(lenient && cursor.left === 0) ? cursor.ownBinary("connect: password") : undefined;
  cursor.finish("connect");
  const omitted = { username: named && username === undefined, password: withPassword && password === undefined };
  return {
    type: "connect",
    protocolVersion: version,
    clientId,
    cleanStart,
    keepAlive,
    will,
    username,
    password,
    properties,
    omitted: omitted.username || omitted.password ? omitted : undefined,
  };
}

function checkFlags(version: ProtocolVersion, flags: number): void {
  if (flags & RESERVED && version !== 3)
    throw malformed("connect: bit 0 of the connect flags must be 0 [MQTT-3.1.2-3]");
  const willQoS = (flags >> 3) & 3;
  if (!(flags & WILL) && (willQoS !== 0 || flags & WILL_RETAIN)) {
    throw malformed("connect: Will QoS and Will Retain must be 0 if the Will Flag is 0 [MQTT-3.1.2-11]");
  }
  if (willQoS === 3) throw malformed("connect: Will QoS must not be 3 [MQTT-3.1.2-14]");
  if (version !== 5 && flags & PASSWORD && !(flags & USERNAME)) {
    throw malformed("connect: a password requires a username before MQTT 5 [MQTT-3.1.2-22]");
  }
}

function readWill(cursor: Cursor, version: ProtocolVersion, flags: number): Will {
  const properties = version === 5 ? (readProperties(cursor, "will") as WillProperties | undefined) : undefined;
  const topic = cursor.text("connect: will topic");
  const problem = topicNameProblem(topic);
  if (problem) throw new ProtocolError("TOPIC_NAME_REFUSED", TOPIC_NAME_INVALID, `connect: will topic ${problem}`);
  return {
    topic,
    payload: cursor.ownBinary("connect: will payload"),
    qos: ((flags >> 3) & 3) as QoS,
    retain: (flags & WILL_RETAIN) !== 0,
    properties,
  };
}

/** @throws UsageError that names the field which CONNECT must not carry */
export function writeConnect(body: BodyWriter, packet: ConnectPacket, version: ProtocolVersion): void {
  const { will, username, password } = packet;
  if (packet.protocolVersion !== version) {
    throw new UsageError(
      "PACKET_INVALID",
      `connect: protocolVersion ${packet.protocolVersion} must be the connection's version, ${version}`,
    );
  }
  const problem = clientIdProblem(version, packet.clientId, packet.cleanStart);
  if (problem) throw new UsageError("CLIENT_ID_INVALID", `clientId "${quotable(packet.clientId)}" ${problem}`);
  if (!Number.isInteger(packet.keepAlive) || packet.keepAlive < 0 || packet.keepAlive > 0xffff) {
    throw new UsageError(
      "OPTION_INVALID",
      `keepAlive ${packet.keepAlive}: must be an integer from 0 to 65,535 seconds`,
    );
  }
  if (version !== 5 && password !== undefined && username === undefined) {
    throw new UsageError("OPTION_INVALID", "password: requires a username before MQTT 5 [MQTT-3.1.2-22]");
  }
  let flags = packet.cleanStart ? CLEAN_START : 0;
  if (will !== undefined) flags |= WILL | (checkedQoS(will) << 3) | (will.retain ? WILL_RETAIN : 0);
  if (username !== undefined) flags |= USERNAME;
  if (password !== undefined) flags |= PASSWORD;
  if (packet.omitted) flags |= omittedFlags(packet.omitted, version, flags);
  body.text("protocol name", version === 3 ? "MQIsdp" : "MQTT");
  body.byte(version);
  body.byte(flags);
  body.twoByte(packet.keepAlive);
  if (version === 5) writeProperties(body, "connect", packet.properties);
  body.text("clientId", packet.clientId);
  if (will !== undefined) {
    const topicProblem = topicNameProblem(will.topic);
    if (topicProblem) {
      throw new UsageError("TOPIC_NAME_INVALID", `will topic "${quotable(will.topic)}": ${topicProblem}`);
    }
    if (version === 5) writeProperties(body, "will", will.properties);
    body.text("will topic", will.topic);
    body.binary("will payload", will.payload);
  }
  if (username !== undefined) {
    // The error does not show it: some servers expect a token there.
    const nameProblem = stringProblem(username);
    if (nameProblem) throw new UsageError("STRING_INVALID", `username: ${nameProblem}`);
    body.text("username", username);
  }
  if (password !== undefined) body.binary("password", password);
}

function checkedQoS({ qos }: Will): QoS {
  if (qos === 0 || qos === 1 || qos === 2) return qos;
  throw new UsageError("PACKET_INVALID", `connect: will qos ${qos} must be 0, 1 or 2 [MQTT-3.1.2-14]`);
}

/** Returns the flags of credentials that are announced and omitted. Only 3.1 allows that [MQTT31-11]. */
function omittedFlags(
  omitted: NonNullable<ConnectPacket["omitted"]>,
  version: ProtocolVersion,
  present: number,
): number {
  const flags = (omitted.username ? USERNAME : 0) | (omitted.password ? PASSWORD : 0);
  const readable = (flags & present) === 0 && ((flags | present) & USERNAME) !== 0;
  if (flags === 0 || (version === 3 && readable)) return flags;
  throw new UsageError(
    "PACKET_INVALID",
    `connect: omitted ${flags & USERNAME ? "username" : "password"} may be true only with MQTT 3.1, if the field is ` +
      "absent; a password requires a username [MQTT31-11]",
  );
}
