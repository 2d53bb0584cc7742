// Owns a slow and obvious matcher, based directly on section 4.7 of the specification, and generators of names and
// filters with few levels, so that matches are frequent.

import fc, { type Arbitrary } from "fast-check";

export function matchesByDefinition(filter: string, name: string): boolean {
  const wanted = filter.split("/");
  const levels = name.split("/");
  if (name.startsWith("$") && (wanted[0] === "+" || wanted[0] === "#")) return false;
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i] === "#") return levels.length >= i; // "a/#" matches "a" too
    if (i >= levels.length) return false;
    if (wanted[i] !== "+" && wanted[i] !== levels[i]) return false;
  }
  return wanted.length === levels.length;
}

const level = fc.constantFrom("", "a", "b", "ab", "$a");

export const name: Arbitrary<string> = fc
  .array(level, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join("/") || "/");

export const filter: Arbitrary<string> = fc
  .tuple(fc.array(fc.oneof(level, level, fc.constant("+")), { maxLength: 4 }), fc.boolean())
  .map(([levels, all]) => (all ? [...levels, "#"] : levels).join("/") || "+");
