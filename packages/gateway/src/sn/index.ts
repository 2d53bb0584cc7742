/**
 * The entry `@aiko/mqtt-gateway/sn`: a client for MQTT-SN gateways.
 *
 * @module @aiko/mqtt-gateway/sn
 */

export type { SnClient, SnPublishOptions, SnSubscribeOptions } from "./client/client.js";
export type { SnOptions, SnWill } from "./client/client-options.js";
export { connect, createClient } from "./client/connect.js";
export type { Datagram, DatagramListener } from "./client/datagram.js";
export type { DatagramGroup, DatagramGroupListener } from "./client/datagram-group.js";
export { type FindGatewayOptions, findGateway } from "./client/find-gateway.js";
export type { FoundGateway } from "./client/gateway-search.js";
export type { SnTopic } from "./client/given-topic.js";
export type { SnState } from "./client/machine.js";
export type { SnMessage } from "./client/message.js";
export type { SnMessageHandler, SnSubscription } from "./client/subscription.js";
export { udpDatagram } from "./client/udp-datagram.js";
export { udpGroup } from "./client/udp-group.js";
