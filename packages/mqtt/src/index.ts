/**
 * The entry `@aiko/mqtt`: the client.
 *
 * @module @aiko/mqtt
 */

import * as ReasonCode from "./reason-code.js";

/** What this runtime provides. Replace a part of it with `{ ...platform, dial: myDial }`. */
export { platform } from "#platform";

export type { RuntimeAbortSignal } from "./client/abort-source.js";
export type { Client, DisconnectOptions, FirstConnectOptions, WaitOptions } from "./client/client.js";
export type { ClientEvents, ClientStatistics, Connected } from "./client/client-events.js";
export { connect, createClient } from "./client/connect.js";
export type {
  Bounds,
  ConnectOptions,
  Credentials,
  CredentialsProvider,
  OutboxCounts,
  OutboxOptions,
  OutboxPolicy,
  PartialOptions,
  ServerReferencePolicy,
  WillOptions,
} from "./client/connect-options.js";
export type { AuthenticationData, AuthenticationOptions } from "./client/connecting/authenticator.js";
export type { ReconnectDelays, ReconnectOptions } from "./client/connecting/reconnect-policy.js";
export type { Servers, Urls } from "./client/connecting/server-list.js";
export type { ServersGiven, Url, UrlText, WrongUrl } from "./client/connecting/server-url.js";
export type { ApplicationProperties, PublishOptions, PublishResult } from "./client/publishing.js";
export type { HandlerContext } from "./client/receiving/handling.js";
export type { Message } from "./client/receiving/message.js";
export type { SlowConsumer } from "./client/receiving/slow-consumer.js";
export type { SchemaResult, StandardSchema } from "./client/receiving/standard-schema.js";
export type {
  FiltersGiven,
  Granted,
  HandledSubscription,
  MessageHandler,
  Subscription,
  UnsubscribeOptions,
} from "./client/receiving/subscription.js";
export type {
  CommonSubscribeOptions,
  HandlerOptions,
  IteratorOptions,
  SubscribeOptions,
} from "./client/receiving/subscriptions.js";
export type {
  ErrorResponse,
  RequestAnswer,
  RequestHandler,
  RequestOptions,
  RespondOptions,
  ResponseMessage,
} from "./client/requesting/request-options.js";
export type {
  Acknowledgement,
  AuthPacket,
  ConnackPacket,
  ConnectPacket,
  DisconnectPacket,
  Packet,
  PingreqPacket,
  PingrespPacket,
  ProtocolVersion,
  PubackPacket,
  PubcompPacket,
  PublishPacket,
  PubrecPacket,
  PubrelPacket,
  QoS,
  SubackPacket,
  SubscribePacket,
  SubscriptionRequest,
  UnsubackPacket,
  UnsubscribePacket,
  Will,
} from "./codec/packets.js";
export type {
  AckProperties,
  AuthProperties,
  ConnackProperties,
  ConnectProperties,
  DisconnectProperties,
  MessageProperties,
  PublishProperties,
  SubscribeProperties,
  UnsubscribeProperties,
  UserProperties,
  WillProperties,
  WithUserProperties,
} from "./codec/properties.js";
export type {
  AbortedErrorCode,
  ClosedErrorCode,
  ErrorFacts,
  MqttErrorCode,
  OutboxErrorCode,
  PayloadErrorCode,
  PayloadIssue,
  ProtocolErrorCode,
  RefusalDetails,
  RefusedErrorCode,
  StoreErrorCode,
  TimeoutErrorCode,
  TransportErrorCode,
  UsageErrorCode,
} from "./errors.js";
export {
  AbortedError,
  ClosedError,
  MqttError,
  OutboxError,
  PayloadError,
  ProtocolError,
  RefusedError,
  StoreError,
  TimeoutError,
  TransportError,
  UsageError,
} from "./errors.js";
export type { Listener } from "./event-emitter.js";
export type { AbortSignalLike } from "./platform/abort.js";
export type { Clock, Timer } from "./platform/clock.js";
export type {
  CommonTlsOptions,
  NetworkOptions,
  Pem,
  StandardWebSocket,
  TlsCertificate,
  TlsOptions,
  TlsProvider,
  TlsSharedKey,
  TlsWithoutIdentity,
  WebSocketClass,
  WebSocketEvent,
  WebSocketLike,
  WebSocketOptions,
} from "./platform/network-options.js";
export type { Platform } from "./platform/platform.js";
export type { Random } from "./platform/random.js";
export type { OpenedSession, Store, StoreChange, StoredSession, StoreRecord, TakeRecord } from "./platform/store.js";
export type {
  Dial,
  DialStep,
  ServerAddress,
  ServerCertificate,
  Transport,
  TransportListener,
} from "./platform/transport.js";
export { MemoryStore, type MemoryStoreOptions } from "./store/memory-store.js";
export { type MemoryPairOptions, memoryPair } from "./transport/memory-pair.js";
/** The reason codes of MQTT 5 by name: `ReasonCode.NOT_AUTHORIZED`. */
export { ReasonCode };
