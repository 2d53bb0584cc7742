/** The names of the fields that frames become, as far as the configuration knows them. */

import { fieldsOfEnvelope, parseEnvelope } from "../codec/sexpr-envelope.js";
import type { DecodeSettings } from "./configuration.js";

/** The fields that a decoder makes. Undefined: those that the device sends. */
export function decodedNames(settings: DecodeSettings): readonly string[] | undefined {
  switch (settings.format) {
    case "raw":
    case "hex":
    case "base64":
      return [settings.fields[0]?.name ?? "value"];
    case "json": {
      const names = Object.keys(settings.pick);
      return names.length === 0 ? undefined : names;
    }
    case "sexpr": {
      const envelope = settings.envelope === undefined ? undefined : parseEnvelope(settings.envelope);
      return envelope === undefined || envelope.isOpen ? undefined : fieldsOfEnvelope(envelope);
    }
    case "nmea":
      return ["talker", "sentence", ...settings.fields.map(({ name }) => name)];
    default:
      return settings.fields.map(({ name }) => name);
  }
}
