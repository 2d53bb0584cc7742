/** Files that a configuration names: their contents, or a problem with their place. Knows nothing of what they contain. */

import type { Place } from "@aiko/mqtt-configuration";

/** Returns a file's text. */
export function fileContent(path: string, place: Place): string | undefined {
  try {
    return place.reading.secrets.readFile(path);
  } catch (error) {
    const { code } = Object(error) as { code?: unknown };
    return place.problem(`the file "${path}" cannot be read${typeof code === "string" ? ` (${code})` : ""}`);
  }
}
