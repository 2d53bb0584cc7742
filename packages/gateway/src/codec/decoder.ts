/** Decoding: the text of a frame becomes fields. Each format has a file; this one chooses. */

import type { DecodeSettings } from "../configuration/configuration.js";
import type { Failure } from "../failure.js";
import type { FieldValue } from "../pipeline/outcome.js";
import { csvDecoder } from "./csv.js";
import { jsonDecoder } from "./json.js";
import { rawDecoder } from "./raw.js";
import { textDecoder } from "./text.js";

/** Linear time in the length of the text, and never throws. */
export type Decoder = (text: string) => Map<string, FieldValue> | Failure;

/** @throws UsageError if the settings cannot be used */
export function createDecoder(settings: DecodeSettings): Decoder {
  switch (settings.format) {
    case "raw":
      return rawDecoder(settings.fields);
    case "json":
      return jsonDecoder(settings.pick, settings.fields);
    case "csv":
      return csvDecoder(settings.separator, settings.quote, settings.fields);
    case "text":
      return textDecoder(settings.template, settings.fields);
  }
}
