/** The format "raw": the whole frame is one field. */

import type { FieldSettings } from "../configuration/configuration.js";
import { plainField } from "../configuration/field-types.js";
import { Failure } from "../failure.js";
import type { Decoder } from "./decoder.js";
import { Field } from "./field.js";

/** The frame becomes the first field of the settings. Without settings, it becomes the text field "value". */
export function rawDecoder(settings: readonly FieldSettings[]): Decoder {
  const field = new Field(settings[0] ?? plainField("value", "text"));
  return (text) => {
    const value = field.fromText(text);
    return value instanceof Failure ? value : new Map([[field.name, value]]);
  };
}
