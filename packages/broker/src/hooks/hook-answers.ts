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
 * @throws UsageError OPTION_INVALID if the answer is of another kind
 */
export function publishRefusal(hook: string, answer: unknown): HookRefusal | undefined {
  return refusal(hook, answer, ofPublish);
}

/**
 * Returns the refusal of a subscription, or the QoS that is granted.
 *
 * @throws UsageError OPTION_INVALID if the answer is of another kind
 */
export function subscribeVerdict(answer: unknown, requested: QoS): HookRefusal | QoS {
  const { qos } = Object(answer) as { qos?: unknown };
  if (qos === 0 || qos === 1 || qos === 2) return Math.min(qos, requested) as QoS;
  const allowed = `true, false, { qos } from 0 to 2, or ${REFUSAL}`;
  return refusal("authorizeSubscribe", answer, ofSubscribe, allowed) ?? requested;
}

/** @throws UsageError OPTION_INVALID */
export function nonsense(hook: string, answer: unknown, allowed: string): UsageError {
  const { reasonCode } = Object(answer) as Partial<HookRefusal>;
  const what = reasonCode === undefined ? shown(answer) : `{ reasonCode: ${shown(reasonCode)} }`;
  return new UsageError("OPTION_INVALID", `${hook}: must answer ${allowed}, not ${what}`, { option: hook });
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

const REFUSAL = "{ reasonCode } with a reason code of its acknowledgement";

function shown(value: unknown): string {
  if (typeof value === "string") return `"${value}"`;
  if (typeof value !== "object" || value === null) return String(value);
  const names = Object.keys(value);
  return names.length === 0 ? "an empty object" : `an object with ${names.slice(0, 10).join(", ")}`;
}

function refusal(
  hook: string,
  answer: unknown,
  codes: ReadonlySet<unknown>,
  allowed = `true, false or ${REFUSAL}`,
): HookRefusal | undefined {
  if (answer === true) return undefined;
  if (answer === false) return NOT_AUTHORIZED;
  const { reasonCode, reason } = Object(answer) as Partial<HookRefusal>;
  if (reasonCode === undefined || !codes.has(reasonCode)) throw nonsense(hook, answer, allowed);
  return { reasonCode, reason: typeof reason === "string" ? reason : undefined };
}
