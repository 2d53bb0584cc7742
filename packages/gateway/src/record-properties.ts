/** Further properties of a record, as the spool keeps them: the user properties that it is published with, on MQTT 5. Pure. */

import { readUtf8, utf8Bytes } from "./text/utf8.js";

export type UserProperties = readonly (readonly [name: string, value: string])[];

export function encodeProperties(user: UserProperties): Uint8Array | undefined {
  return utf8Bytes(JSON.stringify(user));
}

/** Returns none if the bytes are not those of a gateway: another version may have written them. */
export function decodeProperties(bytes: Uint8Array): UserProperties {
  const text = readUtf8(bytes, 0, bytes.length);
  if (typeof text !== "string") return [];
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value.filter(isPair) : [];
  } catch {
    return [];
  }
}

function isPair(value: unknown): value is readonly [string, string] {
  return Array.isArray(value) && value.length === 2 && value.every((each) => typeof each === "string");
}
