/** Reads the answers of hooks. JavaScript may return anything. */

import { type QoS, UsageError } from "@aiko/mqtt";
import { ReasonCode } from "@aiko/mqtt/codec";
import type { HookRefusal } from "./broker-hooks.js";

/** The reason codes of a refusal in PUBACK and PUBREC. */
const ofPublish: ReadonlySet<unknown> = new Set([
  ReasonCode.UNSPECIFIED_ERROR,
  ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR,
  ReasonCode.NOT_AUTHORIZED,
  ReasonCode.TOPIC_NAME_INVALID,
  ReasonCode.QUOTA_EXCEEDED,
  ReasonCode.PAYLOAD_FORMAT_INVALID,
]);

/** The reason codes of a refusal in SUBACK. */
const ofSubscribe: ReadonlySet<unknown> = new Set([
  ReasonCode.UNSPECIFIED_ERROR,
  ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR,
  ReasonCode.NOT_AUTHORIZED,
  ReasonCode.TOPIC_FILTER_INVALID,
  ReasonCode.QUOTA_EXCEEDED,
  ReasonCode.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED,
  ReasonCode.SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED,
  ReasonCode.WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED,
]);

const NOT_AUTHORIZED: HookRefusal = { reasonCode: ReasonCode.NOT_AUTHORIZED };
/** The answer for a hook that failed. */
export const FAILED: HookRefusal = { reasonCode: ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR };

/**
 * Returns the refusal of a message; undefined if it is allowed.
 *
 * @throws UsageError OPTION_INVALID if the answer is none of these
 */
export function publishRefusal(hook: string, answer: unknown): HookRefusal | undefined {
  return refusal(hook, answer, ofPublish);
}

/**
 * Returns the refusal of a subscription, or the QoS that is granted.
 *
 * @throws UsageError OPTION_INVALID if the answer is none of these
 */
export function subscribeVerdict(answer: unknown, requested: QoS): HookRefusal | QoS {
  const { qos } = Object(answer) as { qos?: unknown };
  if (qos === 0 || qos === 1 || qos === 2) return Math.min(qos, requested) as QoS;
  return refusal("authorizeSubscribe", answer, ofSubscribe) ?? requested;
}

/** @throws UsageError OPTION_INVALID */
export function nonsense(hook: string, answer: unknown, allowed: string): UsageError {
  const what = typeof answer === "object" && answer !== null ? "an object" : String(answer);
  return new UsageError("OPTION_INVALID", `${hook}: must answer ${allowed}, not ${what}`, { option: hook });
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

function refusal(hook: string, answer: unknown, codes: ReadonlySet<unknown>): HookRefusal | undefined {
  if (answer === true) return undefined;
  if (answer === false) return NOT_AUTHORIZED;
  const { reasonCode, reason } = Object(answer) as Partial<HookRefusal>;
  if (reasonCode === undefined || !codes.has(reasonCode))
    throw nonsense(hook, answer, "true, false or { reasonCode } with a reason code of its acknowledgement");
  return { reasonCode, reason: typeof reason === "string" ? reason : undefined };
}
