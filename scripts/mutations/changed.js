// @ts-check
// Makes the change of a mutation to the text of its source file.
import { readFileSync } from "node:fs";

/**
 * Returns the changed text of the file. The file is not changed.
 *
 * @param {import("./mutations.js").Change} change
 */
export function changed({ file, find, replace }) {
  const source = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
  const parts = source.split(find);
  if (parts.length !== 2) throw new Error(`${file}: ${parts.length - 1} places match instead of one: ${find}`);
  return parts.join(replace);
}
