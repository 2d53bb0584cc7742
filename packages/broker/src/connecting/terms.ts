/**
 * The terms on which a client is accepted: what its CONNECT requests, within the broker's limits, and the CONNACK that
 * reports them.
 */

import { type ConnackPacket, type ConnectPacket, ReasonCode } from "@aiko/mqtt/codec";
import { type BrokerSettings, PROTOCOL_MAXIMUM } from "../options/broker-options.js";

/** Defaults that CONNACK may omit: clients assume them. */
const DEFAULT_RECEIVE_MAXIMUM = 65_535;

export interface Terms {
  /** The client's own identifier, or an assigned one. */
  readonly clientId: string;
  /** Whether the client continues an earlier session. */
  readonly resumed: boolean;
  /** Seconds that the session is kept after the connection has ended, from 0. */
  readonly sessionExpiry: number;
  /** In seconds; 0 means no limit. */
  readonly keepAlive: number;
}

/** Before MQTT 5, a kept session has no expiry interval, and the server cannot change the keep-alive. */
export function termsOf(packet: ConnectPacket, clientId: string, resumed: boolean, settings: BrokerSettings): Terms {
  const { protocolVersion, cleanStart, properties } = packet;
  const { maximumSessionExpiry, maximumKeepAlive } = settings;
  const asked = properties?.sessionExpiryInterval ?? 0;
  const wanted = protocolVersion === 5 ? asked : cleanStart ? 0 : maximumSessionExpiry;
  const isTooLong = maximumKeepAlive > 0 && (packet.keepAlive === 0 || packet.keepAlive > maximumKeepAlive);
  return {
    clientId,
    resumed,
    sessionExpiry: Math.min(wanted, maximumSessionExpiry),
    keepAlive: protocolVersion === 5 && isTooLong ? maximumKeepAlive : packet.keepAlive,
  };
}

/** Contains only what differs from the client's request, or from what the client would assume. */
export function connackOf(packet: ConnectPacket, terms: Terms, settings: BrokerSettings): ConnackPacket {
  const { protocolVersion } = packet;
  const { clientId, resumed, sessionExpiry, keepAlive } = terms;
  const connack = {
    type: "connack",
    sessionPresent: resumed && protocolVersion !== 3,
    reasonCode: ReasonCode.SUCCESS,
  } as const;
  if (protocolVersion !== 5) return connack;
  const { receiveMaximum, maximumPacketSize, topicAliasMaximum } = settings;
  const asked = packet.properties?.sessionExpiryInterval ?? 0;
  return {
    ...connack,
    properties: {
      ...(sessionExpiry !== asked && { sessionExpiryInterval: sessionExpiry }),
      ...(receiveMaximum !== DEFAULT_RECEIVE_MAXIMUM && { receiveMaximum }),
      ...(maximumPacketSize !== PROTOCOL_MAXIMUM && { maximumPacketSize }),
      ...(packet.clientId === "" && { assignedClientIdentifier: clientId }),
      ...(topicAliasMaximum > 0 && { topicAliasMaximum }),
      ...(keepAlive !== packet.keepAlive && { serverKeepAlive: keepAlive }),
    },
  };
}
