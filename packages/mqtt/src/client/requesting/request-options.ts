/** The options of requests and responders. */

import type { QoS } from "../../codec/packets.js";
import type { AbortSignalLike } from "../../platform/abort.js";
import type { ApplicationProperties } from "../publishing.js";
import type { HandlerContext } from "../receiving/handling.js";
import type { Message } from "../receiving/message.js";
import type { HandlerOptions } from "../receiving/subscriptions.js";

/** Options of `client.request`. */
export interface RequestOptions {
  /** Milliseconds to wait for the response. Default 10,000. A request that is still queued then is not sent. */
  readonly timeout?: number | undefined;
  /** Cancels the request while it is queued. Once it has been sent, only the promise is rejected. */
  readonly signal?: AbortSignalLike | undefined;
  /**
   * The QoS of the request. Default 1, or 0 if the server's maximumQoS is 0. At QoS 1 an MQTT 5 server can report that
   * there is no responder. At QoS 2 some servers can (mosquitto cannot). At QoS 0 none can. After a lost connection a
   * QoS 1 request may reach the responder twice; the first response counts.
   */
  readonly qos?: QoS | undefined;
  /** The properties of the request on MQTT 5. The client sets Response Topic and Correlation Data. */
  readonly properties?: Omit<ApplicationProperties, "responseTopic" | "correlationData"> | undefined;
}

/**
 * Options of `client.respond`, with the same meaning as for `subscribe`. If the handler exceeds `handlerTimeout`, the
 * requester receives an error. `signal` cancels the wait for SUBACK; `subscription.unsubscribe()` stops the responder.
 */
export type RespondOptions = Pick<HandlerOptions, "qos" | "concurrency" | "handlerTimeout" | "properties" | "signal">;

/** A response with a QoS or properties of its own. */
export interface ResponseMessage {
  /** The payload. Text is sent as UTF-8. */
  readonly payload: string | Uint8Array;
  /** The QoS of the response. Default: the QoS of the request. */
  readonly qos?: QoS | undefined;
  /** The properties of the response on MQTT 5. The client sets Correlation Data. */
  readonly properties?: Omit<ApplicationProperties, "correlationData"> | undefined;
}

/** An error instead of a response: `request` rejects with REQUEST_FAILED. */
export interface ErrorResponse {
  /** The text that the requester receives as `reasonString` of its error. At most 65,535 bytes of UTF-8. */
  readonly error: string;
  /** The user properties that the requester receives as `userProperties` of its error (MQTT 5). */
  readonly properties?: Pick<ApplicationProperties, "userProperties"> | undefined;
}

/** The answer to a request. A string or bytes are the payload of the response. */
export type RequestAnswer = string | Uint8Array | ResponseMessage | ErrorResponse;

/**
 * Returns the answer to a request, or a promise of it. If it throws, the requester learns that the responder failed,
 * but not why, because the error may contain internals. The client emits an `error` event with the error. To send a
 * reason, return `{ error: "no such lamp" }`.
 *
 * @param context its `signal` fires when `handlerTimeout` is over or the client is closed
 */
export type RequestHandler = (message: Message, context: HandlerContext) => RequestAnswer | Promise<RequestAnswer>;
