/**
 * The answer to a request: reads what a handler returned, and encodes errors. On MQTT 5 an error is a response with the
 * user property `response-error`. On earlier versions it is a message on `TOPIC/error/CLIENT/NUMBER`, by the topic
 * convention. In both cases the payload contains the text, too.
 */

import type { QoS } from "../../codec/packets.js";
import { assertPayload } from "../../codec/publish-coder.js";
import { RefusedError, UsageError } from "../../errors.js";
import { wrongOption } from "../../options/option-error.js";
import { anything, object, readOptions, text } from "../../options/option-rules.js";
import { UNSPECIFIED_ERROR } from "../../reason-code.js";
import { quotable } from "../../topic/mqtt-string.js";
import { shownValue } from "../../topic/shown-value.js";
import { type ApplicationProperties, assertPublishProperties, qualityRule } from "../publishing.js";
import type { Message } from "../receiving/message.js";
import type { ErrorResponse, ResponseMessage } from "./request-options.js";

/** An answer, ready to publish. */
export interface Answer {
  readonly payload: string | Uint8Array;
  readonly qos: QoS | undefined;
  readonly properties: ApplicationProperties | undefined;
  readonly isError: boolean;
}

/** The name of the user property. */
const RESPONSE_ERROR = "response-error";
/** The most characters of the responder's text that an error shows. */
const SHOWN = 1_000;

const answerRules = {
  payload: anything<unknown>(),
  error: text(),
  qos: (name: string, value: unknown) => (value === undefined ? undefined : qualityRule(name, value)),
  properties: object<ApplicationProperties>(),
} satisfies Record<keyof (ResponseMessage & ErrorResponse), unknown>;

/** @throws UsageError PAYLOAD_INVALID, OPTION_UNKNOWN, OPTION_INVALID or PROPERTY_INVALID if it is not a RequestAnswer */
export function readAnswer(value: unknown, topicFilter: string): Answer {
  if (typeof value === "string" || value instanceof Uint8Array) {
    assertPayload(value, "response");
    return { payload: value, qos: undefined, properties: undefined, isError: false };
  }
  const given = (typeof value === "object" && value !== null ? value : {}) as Partial<ResponseMessage & ErrorResponse>;
  if (given.payload === undefined && given.error === undefined) {
    const what = `respond "${quotable(topicFilter)}": the handler returned ${shownValue(value)}`;
    const rule = `${what}; return a string, a Uint8Array, { payload } or { error }`;
    throw new UsageError("PAYLOAD_INVALID", rule, { option: "handler", topicFilter });
  }
  const { payload, error, qos, properties } = readOptions(answerRules, value, "response.");
  assertPublishProperties(properties);
  if (error === undefined) {
    assertPayload(payload as string, "response.payload");
    return { payload: payload as string, qos, properties, isError: false };
  }
  if (payload !== undefined) throw wrongOption("response.error", "cannot be combined with payload");
  const answer = errorAnswer(error, properties);
  assertPublishProperties(answer.properties);
  return { ...answer, qos };
}

export function errorAnswer(error: string, properties: ApplicationProperties = {}): Answer {
  const userProperties = [...(properties.userProperties ?? []), [RESPONSE_ERROR, error] as const];
  return { payload: error, qos: undefined, properties: { ...properties, userProperties }, isError: true };
}

/**
 * Returns the error that a message represents; undefined if it is a response. @param requested the topic of the request
 */
export function errorOf(message: Message, isErrorTopic: boolean, requested: string): RefusedError | undefined {
  const { userProperties = [] } = message.properties;
  const said =
    userProperties.find(([name]) => name === RESPONSE_ERROR)?.[1] ?? (isErrorTopic ? message.text() : undefined);
  if (said === undefined) return undefined;
  const error = new RefusedError(
    "REQUEST_FAILED",
    UNSPECIFIED_ERROR,
    `request "${quotable(requested)}": the responder answered with an error`,
    { reasonString: quotable(said, SHOWN), userProperties: userProperties.filter(([name]) => name !== RESPONSE_ERROR) },
  );
  return Object.assign(error, { topic: requested });
}
