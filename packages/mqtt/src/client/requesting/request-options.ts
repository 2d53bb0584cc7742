/** What an application says of its requests, and of how it answers those of others. */

import type { QoS } from "../../codec/packets.js";
import type { AbortSignalLike } from "../../platform/abort.js";
import type { ApplicationProperties } from "../publishing.js";
import type { HandlerContext } from "../receiving/handling.js";
import type { Message } from "../receiving/message.js";
import type { HandlerOptions } from "../receiving/subscriptions.js";

export interface RequestOptions {
  /** Milliseconds to wait for the response. Default 10,000. A request that still waits for a connection then is not sent any more. */
  readonly timeout?: number | undefined;
  /** Cancels the request while it is queued. Once it has been sent, only the promise is rejected. */
  readonly signal?: AbortSignalLike | undefined;
  /**
   * Of the request. Default 1, or 0 if the server's maximumQoS is 0. At QoS 1 an MQTT 5 server can report that there is no
   * responder; at QoS 2 some can, but not mosquitto; at QoS 0 none can. After
   * a lost connection a request of QoS 1 may reach the responder twice; the first response counts.
   */
  readonly qos?: QoS | undefined;
  /** Of the request, on MQTT 5. Response Topic and Correlation Data are set here. */
  readonly properties?: Omit<ApplicationProperties, "responseTopic" | "correlationData"> | undefined;
}

/**
 * How requests are taken, as `subscribe` takes messages. `handlerTimeout` bounds the handler: then the requester gets an error. `signal`
 * cancels the wait for SUBACK; `subscription.unsubscribe()` ends the responder.
 */
export type RespondOptions = Pick<HandlerOptions, "qos" | "concurrency" | "handlerTimeout" | "properties" | "signal">;

/** A response that is more than its payload. */
export interface ResponseMessage {
  readonly payload: string | Uint8Array;
  /** Default: the QoS at which the request came. */
  readonly qos?: QoS | undefined;
  /** MQTT 5. Correlation Data is set here. */
  readonly properties?: Omit<ApplicationProperties, "correlationData"> | undefined;
}

/** An error in the place of a response: `request` rejects with REQUEST_FAILED. */
export interface ErrorResponse {
  /** What the requester is told, as `reasonString` of its error. At most 65,535 bytes of UTF-8. */
  readonly error: string;
  /** MQTT 5. The requester finds them in `userProperties` of its error. */
  readonly properties?: Pick<ApplicationProperties, "userProperties"> | undefined;
}

/** What a request is answered with. A string or bytes are the payload of the response. */
export type RequestAnswer = string | Uint8Array | ResponseMessage | ErrorResponse;

/**
 * Returns the answer, or a promise of it. If it throws, the requester is told that the responder failed, and nothing of the error: that may
 * hold internals. The error itself is an "error" event. To say more, return `{ error: "no such lamp" }`.
 *
 * @param context its `signal` fires when `handlerTimeout` is over, or the client is closed
 */
export type RequestHandler = (message: Message, context: HandlerContext) => RequestAnswer | Promise<RequestAnswer>;
