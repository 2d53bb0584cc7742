/**
 * The entry `@aiko/mqtt/session`: the protocol as state machines without I/O, for developers of servers, gateways and
 * simulations. Public, and unstable before 1.0.
 *
 * @module @aiko/mqtt/session
 */

export { OutputBuffer } from "../codec/output-buffer.js";
export type { PublishFields } from "../codec/publish-coder.js";
export { PublishCopies } from "../codec/publish-copies.js";
export type { TopicMemo } from "../codec/topic-memo.js";
export { EventEmitter, type Listener, type Unheard } from "../event-emitter.js";
export type {
  ClientSessionOptions,
  ConnectFields,
  ServerLink,
} from "./client-session.js";
export { ClientSession } from "./client-session.js";
export type { FilterAnswer, FilterRequest, SubscribeRequest, UnsubscribeRequest } from "./filter-requests.js";
export type { IncomingRecords } from "./incoming/incoming-records.js";
export type { Delivery, ReceiverLink } from "./incoming/message-receiver.js";
export type { MessageJournal, ReceivedMessages } from "./journal/message-journal.js";
export type { StoredMessage } from "./journal/message-record.js";
export { type RejectedRecord, type RestoredSession, SessionJournal } from "./journal/session-journal.js";
export type { TakeOver } from "./late-connects.js";
export type { ConnectionOwner } from "./network-connection.js";
export { NetworkConnection } from "./network-connection.js";
export type { Outlet } from "./outgoing/message-sender.js";
export type { OutboxBounds } from "./outgoing/outbox.js";
export { OutgoingMessage, type OutgoingState } from "./outgoing/outgoing-message.js";
export { Queue } from "./queue.js";
export type { PublishLimits, ServerLimits } from "./server-limits.js";
export type { ServerSessionEvents, ServerSessionOptions } from "./server-session.js";
export { ServerSession } from "./server-session.js";
