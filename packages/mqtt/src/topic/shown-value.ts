/** How messages show a value that an application passed: on one line, short, and with a visible type. */

import { quotable } from "./mqtt-string.js";

/** Strings are quoted. Functions, classes and objects are shown by name only: `"1"`, `class DiskStore`, `Date {…}`. */
export function shownValue(value: unknown): string {
  if (typeof value === "string") return `"${quotable(value)}"`;
  if (typeof value === "function") {
    const isClass = Object.getOwnPropertyDescriptor(value, "prototype")?.writable === false;
    return `${isClass ? "class" : "function"} ${nameOf(value)}`.trimEnd();
  }
  if (Array.isArray(value)) return "[…]";
  if (typeof value === "object" && value !== null) {
    const name = nameOf(value.constructor);
    return name === "" || name === "Object" ? "{…}" : `${name} {…}`;
  }
  return quotable(typeof value === "bigint" ? `${value}n` : String(value));
}

function nameOf(maker: unknown): string {
  const name = typeof maker === "function" && maker.name;
  return typeof name === "string" ? quotable(name) : ""; // a class may have a static member "name"
}
