/** The client: what an application holds. */

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

export interface DisconnectOptions {
  /** MQTT 5: default 0; 4 has the server publish the will. */
  readonly reasonCode?: number | undefined;
  /** MQTT 5. */
  readonly properties?: (DisconnectProperties & { readonly serverReference?: undefined }) | undefined;
  /** Milliseconds to wait for running handlers, and for what is still unacknowledged. Default 5,000; 0 does not wait. */
  readonly drainTimeout?: number | undefined;
}

/** How `connect` makes the first connection. */
export interface FirstConnectOptions {
  /** Ends the attempt. Default: the option `signal` of the client. */
  readonly signal?: AbortSignalLike | undefined;
  /** As the option `retry` of the client, which is the default. */
  readonly retry?: boolean | undefined;
}

export interface WaitOptions {
  /** Gives up. Default: waits until the client is closed. */
  readonly signal?: AbortSignalLike | undefined;
}

/** Made by `connect` and `createClient`. */
export interface Client {
  /** The identifier that this client uses, its own or the one that the server assigned. */
  readonly clientId: string;
  /** The version in use; undefined before the first CONNACK. */
  readonly protocolVersion: ProtocolVersion | undefined;
  /** Whether there is a connection now that the server has accepted. */
  readonly connected: boolean;
  /** What has happened so far, and what waits now. */
  readonly statistics: ClientStatistics;
  /**
   * Calls `listener` at each such event. Returns what takes it off again. If the listener throws, or the promise that it returns is
   * rejected, the reason is an `error` event.
   */
  on<Name extends keyof ClientEvents>(name: Name, listener: Listener<ClientEvents[Name]>): () => void;
  /** As `on`, for the next such event only. */
  once<Name extends keyof ClientEvents>(name: Name, listener: Listener<ClientEvents[Name]>): () => void;
  /** Takes a listener of `on` off again. Nothing happens if it is not there. */
  off<Name extends keyof ClientEvents>(name: Name, listener: Listener<ClientEvents[Name]>): void;
  /**
   * Resolves to the value of the next such event.
   *
   * @throws ClosedError CLIENT_CLOSED if the client is closed, or is closed before the event comes; AbortedError if `signal` fires;
   * UsageError OPTION_UNKNOWN if there is no such event
   * @example if (!client.connected) await client.waitFor("connected", { signal: AbortSignal.timeout(5_000) });
   */
  waitFor<Name extends keyof ClientEvents>(name: Name, options?: WaitOptions): Promise<ClientEvents[Name]>;
  /**
   * Connects for the first time, or again after the client was closed: by `disconnect`, or because it gave up. Listeners stay;
   * subscriptions ended with the client, and so did what it had queued, if it has no store. Each server is tried once, or with `retry` until one
   * accepts.
   *
   * @throws RefusedError, TransportError, TimeoutError or ProtocolError of the last server; AbortedError; UsageError ALREADY_CONNECTED;
   * ClosedError while `disconnect` is at work. After an error the client may try again.
   */
  connect(options?: FirstConnectOptions): Promise<Connected>;
  /**
   * Publishes a message, now or as soon as it may be sent. The promise settles exactly once: when the message was handed to
   * the network (QoS 0), at PUBACK (QoS 1), at PUBCOMP (QoS 2), or with a typed error that says what became of it: `mayHaveArrived` of the
   * error tells whether publishing it again may deliver it twice.
   *
   * @param payload text is sent as UTF-8; bytes must not change until the promise settles, and if `signal` rejects it while the
   * message is on its way (QoS 1 and 2), not until that has its acknowledgement
   * @example await client.publish("kitchen/light", "on", { qos: 1, retain: true })
   */
  publish(topic: string, payload: string | Uint8Array, options?: PublishOptions): Promise<PublishResult>;
  /**
   * Resolves when the store holds every QoS 1 and 2 message that was published before the call and has no outcome yet: the process may
   * end then, and the next one sends them.
   *
   * @throws UsageError OPTION_INVALID without the option `store`; ClosedError; StoreError and others of the store
   * @example
   * client.publish("meter/1", "1042", { qos: 1 }).catch(report);
   * await client.stored(); // it is on disk, whether or not there is a connection
   */
  stored(): Promise<void>;
  /**
   * Subscribes to one filter or several. Resolves at SUBACK; rejects with a RefusedError if the server denies all of them
   * (what it says to each is in `granted`).
   *
   * @example
   * const subscription = await client.subscribe("sensors/+/temperature", { qos: 1 });
   * for await (const message of subscription) console.log(message.topic, message.text());
   */
  subscribe<Given extends string | readonly string[]>(
    topicFilters: FiltersGiven<Given>,
    options: HandlerOptions,
  ): Promise<HandledSubscription>;
  subscribe<Given extends string | readonly string[]>(
    topicFilters: FiltersGiven<Given>,
    options?: SubscribeOptions,
  ): Promise<Subscription>;
  /**
   * Ends all subscriptions of this client under these filters, as `subscription.unsubscribe` does. Resolves at UNSUBACK, when running
   * handlers are done.
   *
   * @throws RefusedError UNSUBSCRIBE_REFUSED; TransportError UNSUBSCRIBE_UNANSWERED; UsageError; AbortedError; ClosedError
   */
  unsubscribe<Given extends string | readonly string[]>(
    topicFilters: FiltersGiven<Given>,
    options?: UnsubscribeOptions,
  ): Promise<void>;
  /**
   * Publishes a request and resolves to the response. On MQTT 5 it travels with Response Topic and Correlation Data; before it
   * by a convention of topics: the request on `TOPIC/request/CLIENT/NUMBER`, the response on `TOPIC/response/CLIENT/NUMBER`, an error on
   * `TOPIC/error/CLIENT/NUMBER`.
   *
   * @throws RefusedError NO_RESPONDER if an MQTT 5 server reports that it has no subscriber to the topic; RefusedError REQUEST_FAILED if the responder
   * answered with an error, with its text as `reasonString`; TimeoutError REQUEST_TIMEOUT; and whatever `publish` and `subscribe` throw
   * @example
   * const answer = await client.request("lamp/state", "?", { timeout: 2_000 });
   */
  request(topic: string, payload: string | Uint8Array, options?: RequestOptions): Promise<Message>;
  /**
   * Answers requests under a filter with what `handler` returns: text, bytes, `{ payload, qos, properties }`, or `{ error }`, with which
   * `request` rejects. If the handler throws, returns something else, or does not return within `handlerTimeout`, the requester is told that
   * the responder failed, but not why, and this client's event "error" has the error. The subscription that it resolves to ends the responder.
   *
   * The requester chooses the topic of the response (MQTT 5), and this client publishes there with its own rights. A topic that begins
   * with "$" is refused: the request is not answered, and the event "error" says so. If requesters are not trusted, let the
   * server's access rules say where this client may publish.
   *
   * @throws what `subscribe` throws
   * @example await client.respond("lamp/state", () => "on", { concurrency: 4 })
   * @example
   * await client.respond("lamp/color", async (message, { signal }) => {
   *   const color = await look(message.text(), { signal });
   *   return color === undefined ? { error: "no such lamp" } : { payload: color, properties: { contentType: "text/css" } };
   * });
   */
  respond(topicFilter: string, handler: RequestHandler, options?: RespondOptions): Promise<HandledSubscription>;
  /**
   * Authenticates again over the open connection, by the option `authentication` (MQTT 5). Resolves when the server is
   * content.
   *
   * @throws ClosedError NOT_CONNECTED; UsageError OPTION_INVALID; RefusedError if the server is not content: it ends the connection then
   */
  reauthenticate(): Promise<void>;
  /**
   * Ends the client gracefully. From the call on no further message is given to the application; what came and was not given stays
   * unacknowledged, and the server sends it again to this session's next connection. Handlers that are running may finish, and publish,
   * within `drainTimeout`; so may the loop that has a QoS 1 or 2 message of an iterator. Then waits, within what is left of
   * `drainTimeout`, for what this client published, says DISCONNECT and closes. Whatever is still pending then is rejected; with a store
   * it stays there for the next process. Offline only handlers are waited for.
   *
   * A handler must not wait for `disconnect` after its first `await`: each would wait for the other, until `drainTimeout` is over.
   */
  disconnect(options?: DisconnectOptions): Promise<void>;
  /** What tells this client from others, for logs: no secrets. */
  toJSON(): Pick<Client, "clientId" | "connected" | "protocolVersion">;
  /** As `disconnect`, at the end of a block: `await using client = await connect(url)`. */
  [Symbol.asyncDispose](): Promise<void>;
}
