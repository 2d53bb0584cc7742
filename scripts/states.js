// @ts-check
// Writes docs/internals/states.md: the state machines, drawn from their tables. Needs a build. node scripts/states.js
import { writeFileSync } from "node:fs";
import { machinesOf, statesDocument } from "./states/document.js";

const built = new URL("../packages/mqtt/dist/session/outgoing/outgoing-message.js", import.meta.url);
writeFileSync(
  new URL("../docs/internals/states.md", import.meta.url),
  statesDocument(machinesOf(await import(built.href))),
);
