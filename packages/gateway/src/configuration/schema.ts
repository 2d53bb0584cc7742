/**
 * The JSON Schema of a gateway's configuration. It does not check what depends on two fields, on other sources, or on numbers within a text: the
 * ranges of durations, sizes and ports, placeholders, and whether a secret exists.
 */

import { type Schema, schemaDocument } from "@aiko/mqtt-configuration";
import { configurationTable } from "./fields.js";

/** Returns the JSON Schema (draft 2020-12) of the configuration. It is weaker than `readConfiguration`, which also compares fields. */
export function jsonSchema(): Schema {
  return schemaDocument("Configuration of the Aiko MQTT gateway", configurationTable);
}
