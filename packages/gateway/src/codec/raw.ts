/** The format "raw": the whole frame is one field, and is encoded as it is. */

import type { FieldSettings } from "../configuration/configuration.js";
import { plainField } from "../configuration/field-types.js";
import { Failure } from "../failure.js";
import { Field } from "./field.js";
import type { TextFormat } from "./format.js";

/** The frame becomes the first field of the settings. Without settings, it becomes the text field "value". */
export function rawFormat(settings: readonly FieldSettings[]): TextFormat {
  const field = new Field(settings[0] ?? plainField("value", "text"));
  return {
    reads: "text",
    oneWay: field.oneWay,
    decode(text) {
      const value = field.fromText(text);
      return value instanceof Failure ? value : new Map([[field.name, value]]);
    },
    encode: (fields) => field.toText(fields.get(field.name)),
  };
}
