/** Times as text in the local time zone, as mosquitto_sub prints them. */

import format from "strftime";

/** Returns what strftime(3) makes of `%LETTER`. @param at milliseconds since the Unix epoch */
export function strftime(letter: string, at: number): string {
  return format(`%${letter}`, new Date(at));
}

/** Returns a time such as 2016-08-10T09:47:38+0100; in JSON, mosquitto adds microseconds and a Z. */
export function isoTime(at: number, inJson = false): string {
  const microseconds = `${Math.floor((at % 1_000) * 1_000)}`.padStart(6, "0");
  return format(`%Y-%m-%dT%H:%M:%S${inJson ? `.${microseconds}Z` : ""}%z`, new Date(at));
}
