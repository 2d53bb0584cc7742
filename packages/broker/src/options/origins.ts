/** The option `allowedOrigins`: which web pages of other hosts may connect. Knows nothing of requests. */

import { UsageError } from "@aiko/mqtt";
import { serializedOrigin } from "../listening/request-origin.js";

/** @throws UsageError OPTION_INVALID */
export function readOrigins(name: string, origins: unknown): readonly string[] | undefined {
  if (origins === undefined) return undefined;
  const wrong = (what: string, rule: string): UsageError =>
    new UsageError("OPTION_INVALID", `${name}${what}: ${rule}, as in ["https://app.example"]`, { option: name });
  if (!Array.isArray(origins)) throw wrong("", "must be a list of origins");
  for (const origin of origins) {
    const problem = originProblem(origin);
    if (problem !== undefined) throw wrong(` ${shown(origin)}`, problem);
  }
  return origins;
}

/** Returns the rule that an origin breaks, in words that follow it; undefined if it breaks none. */
export function originProblem(origin: unknown): string | undefined {
  if (origin === "*" || origin === "null") return undefined;
  const serialized = typeof origin === "string" ? serializedOrigin(origin) : undefined;
  if (serialized === undefined) return "is not an origin; write scheme, host and port";
  return serialized === origin ? undefined : `browsers send ${shown(serialized)}; write that`;
}

/** A value for messages. The contents of objects are not shown. */
export function shown(value: unknown): string {
  if (typeof value === "string") return `"${value}"`;
  return typeof value === "object" && value !== null ? "{…}" : String(value);
}
