/**
 * The arguments of this process. Node replaces bytes that are not valid UTF-8 with U+FFFD. If the system provides the
 * bytes, they are preserved.
 */

import { readFileSync } from "node:fs";
import { textOfBytes } from "./argument-bytes.js";

export function processArguments(): readonly string[] {
  const given = process.argv.slice(2);
  if (!given.some((argument) => argument.includes("\ufffd"))) return given;
  const bytes = bytesOfArguments(given.length);
  const isTheSame = bytes?.every((argument, i) => argument.toString() === given[i]) ?? false;
  return bytes !== undefined && isTheSame ? bytes.map(textOfBytes) : given;
}

/** Returns the last `count` arguments from Linux, where each ends with a NUL. Undefined on other systems. */
function bytesOfArguments(count: number): readonly Buffer[] | undefined {
  try {
    const all = readFileSync("/proc/self/cmdline", "latin1").split("\0").slice(0, -1);
    return all.length < count ? undefined : all.slice(-count).map((argument) => Buffer.from(argument, "latin1"));
  } catch {
    return undefined;
  }
}
