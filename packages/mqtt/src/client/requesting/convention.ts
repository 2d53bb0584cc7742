/**
 * The topics of requests before MQTT 5: a request for TOPIC is published to `TOPIC/request/CLIENT/NUMBER`, its response to
 * `TOPIC/response/CLIENT/NUMBER`, or an error to `TOPIC/error/CLIENT/NUMBER`. CLIENT is the requester's identifier, percent-encoded.
 */

const REQUEST = "request";
const RESPONSE = "response";
const ERROR = "error";

/** @param client percent-encoded */
export function conventionalRequest(topic: string, client: string, number: string): string {
  return `${topic}/${REQUEST}/${client}/${number}`;
}

/** Returns the filter for all requests to the topics of a filter; undefined if the filter matches them already. */
export function conventionalRequests(topicFilter: string): string | undefined {
  return topicFilter.endsWith("#") ? undefined : `${topicFilter}/${REQUEST}/+/+`;
}

/** Returns the filters for all answers to one client. */
export function conventionalAnswers(topic: string, client: string): readonly [string, string] {
  return [`${topic}/${RESPONSE}/${client}/+`, `${topic}/${ERROR}/${client}/+`];
}

/** Returns the topic of the answer to a request; undefined if the topic is not a request's. */
export function conventionalAnswer(request: string, isError: boolean): string | undefined {
  const levels = request.split("/");
  const at = levels.length - 3;
  if (at < 1 || levels[at] !== REQUEST) return undefined;
  levels[at] = isError ? ERROR : RESPONSE;
  return levels.join("/");
}

/** Returns the number of the request that an answer is for, and whether the answer is an error. */
export function readConventionalAnswer(topic: string): { readonly number: string; readonly isError: boolean } {
  const levels = topic.split("/");
  return { number: levels.at(-1) ?? "", isError: levels.at(-3) === ERROR };
}
