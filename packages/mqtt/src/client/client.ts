/** The interface of the client, as applications use it. */

/// <reference lib="esnext.disposable" preserve="true" />

import type { ProtocolVersion } from "../codec/packets.js";
import type { DisconnectProperties } from "../codec/properties.js";
import type { Listener } from "../event-emitter.js";
import type { AbortSignalLike } from "../platform/abort.js";
import type { ClientEvents, ClientStatistics, Connected } from "./client-events.js";
import type { PublishOptions, PublishResult } from "./publishing.js";
import type { Message } from "./receiving/message.js";
import type { FiltersGiven, HandledSubscription, Subscription, UnsubscribeOptions } from "./receiving/subscription.js";
import type { HandlerOptions, SubscribeOptions } from "./receiving/subscriptions.js";
import type { RequestHandler, RequestOptions, RespondOptions } from "./requesting/request-options.js";

/** Options of `client.disconnect`. */
export interface DisconnectOptions {
  /** The reason code of DISCONNECT on MQTT 5. Default 0. With 4 the server publishes the will. */
  readonly reasonCode?: number | undefined;
  /** The properties of DISCONNECT on MQTT 5. */
  readonly properties?: (DisconnectProperties & { readonly serverReference?: undefined }) | undefined;
  /** Milliseconds to wait for running handlers and unacknowledged messages. Default 5,000; 0 does not wait. */
  readonly drainTimeout?: number | undefined;
}

/** Options of `connect`. */
export interface FirstConnectOptions {
  /** Cancels the attempt. Default: the option `signal` of the client. */
  readonly signal?: AbortSignalLike | undefined;
  /** Whether a failed first connection is retried. Default: the client's option `retry`. */
  readonly retry?: boolean | undefined;
}

/** Options of `waitFor`. */
export interface WaitOptions {
  /** Cancels the wait. Default: waits until the client is closed. */
  readonly signal?: AbortSignalLike | undefined;
}

/** A connection to an MQTT server that re-establishes itself. Create one with `connect` or `createClient`. */
export interface Client {
  /** The client identifier in use: the client's own, or the one that the server assigned. */
  readonly clientId: string;
  /** The protocol version in use. Undefined before the first CONNACK. */
  readonly protocolVersion: ProtocolVersion | undefined;
  /** Whether there is a connection that the server has accepted. */
  readonly connected: boolean;
  /** A snapshot of the client's counters and queues. */
  readonly statistics: ClientStatistics;
  /**
   * Registers a listener. Returns a function that removes it. If the listener throws, or returns a promise that
   * rejects, the client emits an `error` event with the reason.
   */
  on<Name extends keyof ClientEvents>(name: Name, listener: Listener<ClientEvents[Name]>): () => void;
  /** Registers a listener for the next such event only. Returns a function that removes it. */
  once<Name extends keyof ClientEvents>(name: Name, listener: Listener<ClientEvents[Name]>): () => void;
  /** Removes a listener of `on`. Does nothing if the listener is not registered. */
  off<Name extends keyof ClientEvents>(name: Name, listener: Listener<ClientEvents[Name]>): void;
  /**
   * Resolves to the value of the next such event.
   *
   * @throws ClosedError CLIENT_CLOSED if the client is closed, or is closed before the event; AbortedError if `signal`
   * fires; UsageError OPTION_UNKNOWN if the event does not exist
   * @example if (!client.connected) await client.waitFor("connected", { signal: AbortSignal.timeout(5_000) });
   */
  waitFor<Name extends keyof ClientEvents>(name: Name, options?: WaitOptions): Promise<ClientEvents[Name]>;
  /**
   * Connects for the first time, or again after the client was closed by `disconnect` or by a final error. Tries each
   * server once; with `retry`, tries until one accepts. Keeps the listeners, but not the subscriptions of the closed
   * client. Keeps queued messages only if they are in a store.
   *
   * @throws RefusedError, TransportError, TimeoutError or ProtocolError of the last server; AbortedError; UsageError
   * ALREADY_CONNECTED; ClosedError while `disconnect` is running. After an error you can call `connect` again
   */
  connect(options?: FirstConnectOptions): Promise<Connected>;
  /**
   * Publishes a message, immediately or as soon as it may be sent. The promise settles exactly once. It resolves when the
   * message was handed to the network (QoS 0), at PUBACK (QoS 1) or at PUBCOMP (QoS 2). Otherwise it rejects with a
   * typed error, whose `mayHaveArrived` tells whether publishing the message again may deliver it twice.
   *
   * @param payload text is sent as UTF-8. Do not change bytes until the promise settles. If `signal` rejects the
   * promise of a QoS 1 or 2 message that was sent, do not change them until the message is acknowledged
   * @throws UsageError if an argument is not valid; ClosedError; AbortedError; OutboxError; RefusedError; TransportError;
   * TimeoutError; StoreError
   * @example await client.publish("kitchen/light", "on", { qos: 1, retain: true })
   */
  publish(topic: string, payload: string | Uint8Array, options?: PublishOptions): Promise<PublishResult>;
  /**
   * Resolves when the store holds every QoS 1 and 2 message that was published before the call and has no outcome yet.
   * The process may end then: the next one sends these messages.
   *
   * @throws UsageError OPTION_INVALID without the option `store`; ClosedError; StoreError and other errors of the store
   * @example
   * client.publish("meter/1", "1042", { qos: 1 }).catch(report);
   * await client.stored(); // it is on disk, whether or not there is a connection
   */
  stored(): Promise<void>;
  /**
   * Subscribes to one or several topic filters. Resolves at SUBACK. With `onMessage`, the handler receives the
   * messages.
   *
   * @throws RefusedError if the server denies all filters (`granted` holds the answer for each filter); TransportError
   * SUBSCRIBE_UNANSWERED; UsageError; AbortedError; ClosedError
   * @example await client.subscribe("sensors/+/temperature", { qos: 1, onMessage: (message) => console.log(message.text()) });
   */
  subscribe<Given extends string | readonly string[]>(
    topicFilters: FiltersGiven<Given>,
    options: HandlerOptions,
  ): Promise<HandledSubscription>;
  /**
   * Subscribes without a handler: the subscription is an async iterator over its messages.
   *
   * @throws the errors of `subscribe` with a handler
   * @example
   * const subscription = await client.subscribe("sensors/+/temperature", { qos: 1 });
   * for await (const message of subscription) console.log(message.topic, message.text());
   */
  subscribe<Given extends string | readonly string[]>(
    topicFilters: FiltersGiven<Given>,
    options?: SubscribeOptions,
  ): Promise<Subscription>;
  /**
   * Ends all subscriptions of this client to these topic filters, as `subscription.unsubscribe` does. Resolves at
   * UNSUBACK, when running handlers are done.
   *
   * @throws RefusedError UNSUBSCRIBE_REFUSED; TransportError UNSUBSCRIBE_UNANSWERED; UsageError; AbortedError;
   * ClosedError
   */
  unsubscribe<Given extends string | readonly string[]>(
    topicFilters: FiltersGiven<Given>,
    options?: UnsubscribeOptions,
  ): Promise<void>;
  /**
   * Publishes a request and resolves to the response. On MQTT 5, it uses Response Topic and Correlation Data. On
   * earlier versions, it uses a topic convention: the request goes to `TOPIC/request/CLIENT/NUMBER`, the response to
   * `TOPIC/response/CLIENT/NUMBER`, an error to `TOPIC/error/CLIENT/NUMBER`.
   *
   * @throws RefusedError NO_RESPONDER if an MQTT 5 server reports that the topic has no subscriber; RefusedError
   * REQUEST_FAILED if the responder answers with an error, whose text is `reasonString`; TimeoutError REQUEST_TIMEOUT;
   * the errors of `publish` and `subscribe`
   * @example
   * const answer = await client.request("lamp/state", "?", { timeout: 2_000 });
   */
  request(topic: string, payload: string | Uint8Array, options?: RequestOptions): Promise<Message>;
  /**
   * Answers requests that match a topic filter. The handler returns text, bytes, `{ payload, qos, properties }`, or
   * `{ error }`, with which `request` rejects. If the handler throws, returns something else, or exceeds
   * `handlerTimeout`, the requester learns that the responder failed, but not why. The client emits an `error` event
   * with the error. Unsubscribe the returned subscription to stop the responder.
   *
   * On MQTT 5 the requester chooses the response topic, and this client publishes there with its own rights. A response
   * topic that begins with "$" is refused: the request is not answered, and the client emits an `error` event. If you
   * do not trust requesters, restrict in the server's access rules where this client may publish.
   *
   * @throws the errors of `subscribe`
   * @example await client.respond("lamp/state", () => "on", { concurrency: 4 })
   * @example
   * await client.respond("lamp/color", async (message, { signal }) => {
   *   const color = await look(message.text(), { signal });
   *   return color === undefined ? { error: "no such lamp" } : { payload: color, properties: { contentType: "text/css" } };
   * });
   */
  respond(topicFilter: string, handler: RequestHandler, options?: RespondOptions): Promise<HandledSubscription>;
  /**
   * Authenticates again over the open connection, with the option `authentication` (MQTT 5). Resolves when the server
   * accepts.
   *
   * @throws ClosedError NOT_CONNECTED; UsageError OPTION_INVALID; RefusedError if the server refuses, which ends the
   * connection
   */
  reauthenticate(): Promise<void>;
  /**
   * Ends the client gracefully. From the call on, the application receives no further message. Messages that it did not
   * receive stay unacknowledged, and the server sends them again on the next connection of this session. Running
   * handlers, and loops that hold a QoS 1 or 2 message, may finish and publish within `drainTimeout`. Then the client
   * waits for its own unacknowledged messages, within what is left of `drainTimeout`, sends DISCONNECT and closes.
   * Operations that are still pending then are rejected. With a store, pending messages stay there for the next
   * process. While offline, the client waits for handlers only.
   *
   * A handler must not await `disconnect` after its first `await`: each would wait for the other until `drainTimeout`
   * is over.
   */
  disconnect(options?: DisconnectOptions): Promise<void>;
  /** Returns what identifies this client in logs. Contains no secrets. */
  toJSON(): Pick<Client, "clientId" | "connected" | "protocolVersion">;
  /** Calls `disconnect` at the end of a block: `await using client = await connect(url)`. */
  [Symbol.asyncDispose](): Promise<void>;
}
