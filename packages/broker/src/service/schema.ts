/** The JSON Schema of a broker's configuration. */

import { type Schema, schemaDocument } from "@aiko/mqtt-configuration";
import { configurationTable } from "./configuration-fields.js";

/** Returns the JSON Schema (draft 2020-12) of the configuration. It is weaker than `readBrokerConfiguration`, which also compares keys. */
export function brokerSchema(): Schema {
  return schemaDocument("Configuration of the Aiko MQTT broker", configurationTable);
}
