/** The version of this package, as its manifest says. Bundles have it written in instead: the manifest is elsewhere then, or nowhere. */

import { readFileSync } from "node:fs";

export function version(): string {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return manifest.version;
}
