// Writes docs/internals/api.md: every name that a package exports, with its declaration. Needs a build. node scripts/api-report.js
import { mkdirSync, writeFileSync } from "node:fs";
import { missingTypes, publicEntries, report } from "./api/report.js";

const entries = publicEntries();
const file = new URL("../docs/internals/api.md", import.meta.url);
mkdirSync(new URL(".", file), { recursive: true });
writeFileSync(file, report(entries));
console.log("written: docs/internals/api.md");
for (const missing of missingTypes(entries)) {
  console.error(`not exported: ${missing}`);
  process.exitCode = 1;
}
