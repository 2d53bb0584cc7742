/** The format "raw": the whole frame is one field. */

import type { FieldSettings } from "../configuration/configuration.js";
import { Failure } from "../failure.js";
import type { Decoder } from "./decoder.js";
import { Field, plainField } from "./field.js";

/** The field is the first of the settings; "value", a text, if there is none. */
export function rawDecoder(settings: readonly FieldSettings[]): Decoder {
  const field = new Field(settings[0] ?? plainField("value", "text"));
  return (text) => {
    const value = field.fromText(text);
    return value instanceof Failure ? value : new Map([[field.name, value]]);
  };
}
