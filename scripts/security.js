// @ts-check
// Writes docs/security.md: the classes of faults, the promises of SECURITY.md, and the tests for them. node
// scripts/security.js
import { writeFileSync } from "node:fs";
import { securityDocument } from "../test/security/document.js";

writeFileSync(new URL("../docs/security.md", import.meta.url), securityDocument());
