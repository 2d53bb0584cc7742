/** Finds the one device that a path or a pattern means. */

import { readdir, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isPattern, onlyMatch } from "./device-pattern.js";

/**
 * Resolves to the device's real path. The last level of the pattern may have `*` for any characters and `?` for one.
 *
 * @throws Error if not exactly one device matches
 */
export async function findDevice(pattern: string): Promise<string> {
  const [directory, name] = [dirname(pattern), basename(pattern)];
  if (!isPattern(name)) return realpath(pattern);
  return realpath(join(directory, onlyMatch(await readdir(directory), name, pattern)));
}
