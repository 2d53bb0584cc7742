/** What an application says of its requests, and of how it takes those of others. */

import type { QoS } from "../../codec/packets.js";
import type { AbortSignalLike } from "../../platform/abort.js";
import type { ApplicationProperties } from "../publishing.js";
import type { Message } from "../receiving/message.js";
import type { HandlerOptions } from "../receiving/subscriptions.js";

export interface RequestOptions {
  /** Milliseconds to wait for the response. Default 10,000. */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignalLike | undefined;
  /** Of the request. Default 0. */
  readonly qos?: QoS | undefined;
  /** Of the request, on MQTT 5. Response Topic and Correlation Data are set here. */
  readonly properties?: Omit<ApplicationProperties, "responseTopic" | "correlationData"> | undefined;
}

/** How requests are taken. A response goes out at the QoS that its request came at. */
export type RespondOptions = Pick<HandlerOptions, "qos" | "concurrency" | "handlerTimeout" | "properties" | "signal">;

/** Returns the response's payload, or a promise of it. */
export type RequestHandler = (message: Message) => string | Uint8Array | Promise<string | Uint8Array>;
