// @ts-check
// Writes the JSON Schema of the gateway's configuration beside its build, for editors. Needs the output of tsc.
import { writeFile } from "node:fs/promises";

const dist = new URL("../packages/gateway/dist/", import.meta.url);
const { jsonSchema } = await import(new URL("configuration/schema.js", dist).href);
await writeFile(new URL("gateway.schema.json", dist), `${JSON.stringify(jsonSchema(), undefined, 2)}\n`);
