/** The formats "hex" and "base64": the bytes of the frame, whatever they are, become one field of text. */

import type { FieldSettings } from "../configuration/configuration.js";
import { plainField } from "../configuration/field-types.js";
import { Failure } from "../failure.js";
import { base64, base64Bytes } from "../text/base64.js";
import { hex, hexBytes } from "../text/hex.js";
import { Field } from "./field.js";
import type { BytesFormat } from "./format.js";

export function hexFormat(settings: readonly FieldSettings[]): BytesFormat {
  return armorFormat(settings, hex, hexBytes, "must be pairs of hexadecimal digits");
}

export function base64Format(settings: readonly FieldSettings[]): BytesFormat {
  return armorFormat(settings, base64, base64Bytes, "must be base64 with padding");
}

/** @param rule what `bytesOf` requires, in words that follow a value */
function armorFormat(
  settings: readonly FieldSettings[],
  textOf: (bytes: Uint8Array) => string,
  bytesOf: (text: string) => Uint8Array | undefined,
  rule: string,
): BytesFormat {
  const field = new Field(settings[0] ?? plainField("value", "text"));
  return {
    reads: "bytes",
    oneWay: field.oneWay,
    decode(frame) {
      const value = field.fromText(textOf(frame));
      return value instanceof Failure ? value : new Map([[field.name, value]]);
    },
    encode(fields) {
      const text = field.toText(fields.get(field.name));
      return text instanceof Failure ? text : (bytesOf(text) ?? field.cannot(text, rule));
    },
  };
}
