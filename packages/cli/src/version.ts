/**
 * The version of this package, from its manifest. Bundles contain a copy, because their manifest is elsewhere or
 * missing.
 */

import { readFileSync } from "node:fs";

export function version(): string {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return manifest.version;
}
