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
    if (origin === "*" || origin === "null") continue;
    const serialized = typeof origin === "string" ? serializedOrigin(origin) : undefined;
    if (serialized === undefined) throw wrong(` ${shown(origin)}`, "is not an origin; write scheme, host and port");
    if (serialized !== origin) throw wrong(` ${shown(origin)}`, `browsers send ${shown(serialized)}; write that`);
  }
  return origins;
}

/** A value for messages. The contents of objects are not shown. */
export function shown(value: unknown): string {
  if (typeof value === "string") return `"${value}"`;
  return typeof value === "object" && value !== null ? "{…}" : String(value);
}
