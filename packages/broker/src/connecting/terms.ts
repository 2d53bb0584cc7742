/**
 * The terms on which a client is accepted: what its CONNECT requests, within the broker's limits, and the CONNACK that
 * reports them.
 */

import { type ConnackPacket, type ConnectPacket, encode, ReasonCode } from "@aiko/mqtt/codec";
import type { ConnectRequest } from "../options/authentication.js";
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

/**
 * Returns whether the client requests a longer keep-alive than allowed, or none. Only MQTT 5 lets the server choose
 * another one.
 */
export function isTooSilent(packet: ConnectPacket, { maximumKeepAlive }: BrokerSettings): boolean {
  return packet.protocolVersion !== 5 && exceeds(packet.keepAlive, maximumKeepAlive);
}

function exceeds(keepAlive: number, maximum: number): boolean {
  return maximum > 0 && (keepAlive === 0 || keepAlive > maximum);
}

/** Before MQTT 5, a kept session has no expiry interval, and the server cannot change the keep-alive. */
export function termsOf(packet: ConnectPacket, clientId: string, resumed: boolean, settings: BrokerSettings): Terms {
  const { protocolVersion, cleanStart, properties } = packet;
  const { maximumSessionExpiry, maximumKeepAlive } = settings;
  const asked = properties?.sessionExpiryInterval ?? 0;
  const wanted = protocolVersion === 5 ? asked : cleanStart ? 0 : maximumSessionExpiry;
  return {
    clientId,
    resumed,
    sessionExpiry: Math.min(wanted, maximumSessionExpiry),
    keepAlive: exceeds(packet.keepAlive, maximumKeepAlive) ? maximumKeepAlive : packet.keepAlive,
  };
}

/**
 * Contains only what differs from the client's request, or from what the client would assume.
 *
 * @param data the last Authentication Data of the client's method
 */
export function connackOf(
  request: ConnectRequest,
  data: Uint8Array | undefined,
  terms: Terms,
  settings: BrokerSettings,
): ConnackPacket {
  const packet = request.connect;
  const { protocolVersion } = packet;
  const { clientId, resumed, sessionExpiry, keepAlive } = terms;
  const connack = {
    type: "connack",
    sessionPresent: resumed && protocolVersion !== 3,
    reasonCode: ReasonCode.SUCCESS,
  } as const;
  if (protocolVersion !== 5) return connack;
  const { receiveMaximum, maximumPacketSize, topicAliasMaximum, maximumQoS } = settings;
  const { properties = {} } = packet;
  const asked = properties.sessionExpiryInterval ?? 0;
  const { authenticationMethod } = properties;
  const information = properties.requestResponseInformation ? responseInformationFor(request, settings) : undefined;
  return {
    ...connack,
    properties: {
      ...(sessionExpiry !== asked && { sessionExpiryInterval: sessionExpiry }),
      ...(receiveMaximum !== DEFAULT_RECEIVE_MAXIMUM && { receiveMaximum }),
      ...(maximumPacketSize !== PROTOCOL_MAXIMUM && { maximumPacketSize }),
      ...(packet.clientId === "" && { assignedClientIdentifier: clientId }),
      ...(topicAliasMaximum > 0 && { topicAliasMaximum }),
      ...(maximumQoS !== 2 && { maximumQoS: maximumQoS as 0 | 1 }),
      ...(!settings.retainAvailable && { retainAvailable: false }),
      ...(!settings.wildcardSubscriptionAvailable && { wildcardSubscriptionAvailable: false }),
      ...(!settings.subscriptionIdentifiersAvailable && { subscriptionIdentifiersAvailable: false }),
      ...(!settings.sharedSubscriptionAvailable && { sharedSubscriptionAvailable: false }),
      ...(information !== undefined && { responseInformation: information }),
      ...(authenticationMethod !== undefined && { authenticationMethod, authenticationData: data }),
      ...(keepAlive !== packet.keepAlive && { serverKeepAlive: keepAlive }),
    },
  };
}

/** @throws what the application's function throws; UsageError if its answer cannot be sent */
function responseInformationFor(request: ConnectRequest, { responseInformation }: BrokerSettings): string | undefined {
  const text = typeof responseInformation === "function" ? responseInformation(request) : responseInformation;
  if (text === undefined) return undefined;
  encode({ type: "connack", sessionPresent: false, reasonCode: 0, properties: { responseInformation: text } }, 5);
  return text;
}
