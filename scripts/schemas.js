// @ts-check
// Writes the JSON Schemas of the configurations into the builds of their packages, for editors. Needs the output of tsc.
import { writeFile } from "node:fs/promises";

const packages = new URL("../packages/", import.meta.url);
const { jsonSchema } = await import(new URL("gateway/dist/configuration/schema.js", packages).href);
const { brokerSchema } = await import(new URL("broker/dist/service/schema.js", packages).href);
await write("gateway/dist/gateway.schema.json", jsonSchema());
await write("broker/dist/broker.schema.json", brokerSchema());

/** @param {string} path @param {unknown} schema */
async function write(path, schema) {
  await writeFile(new URL(path, packages), `${JSON.stringify(schema, undefined, 2)}\n`);
}
