/** The format "binary": fields at fixed places in the frame, which has exactly as many bytes as they have. */

import type { BinaryLayout } from "../configuration/binary-layout.js";
import { Failure } from "../failure.js";
import { type BytesFormat, oneWayOf } from "./format.js";
import { Layout } from "./layout.js";

/** @param encoding of text; hexadecimal digits have a type of their own */
export function binaryFormat(settings: { readonly layout: BinaryLayout }, encoding: string): BytesFormat {
  const { parts, length } = settings.layout;
  const layout = new Layout(settings.layout, encoding === "latin1" ? "latin1" : "utf8");
  const isOpen = parts.at(-1)?.size === undefined && parts.length > 0;
  return {
    reads: "bytes",
    oneWay: oneWayOf(layout.fields),
    decode(frame) {
      if (isOpen ? frame.length >= length : frame.length === length) return layout.decode(frame);
      const need = `${isOpen ? "at least " : ""}${length}`;
      return new Failure("decode", `the frame has ${frame.length} bytes, but the fields need ${need}`);
    },
    encode: (fields) => layout.encode(fields),
  };
}
