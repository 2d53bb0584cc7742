/** A codec: the bytes of a frame become fields, and fields the bytes of a frame. Chooses the format, and reads text by its encoding. */

import type { DecodeSettings, PipelineSettings } from "../configuration/configuration.js";
import { Failure } from "../failure.js";
import type { Fields, FieldValue } from "../pipeline/outcome.js";
import { hex, hexBytes } from "../text/hex.js";
import { exactLatin1Bytes, readLatin1, readUtf8, utf8Bytes } from "../text/utf8.js";
import { base64Format, hexFormat } from "./armor.js";
import { binaryFormat } from "./binary.js";
import { csvFormat } from "./csv.js";
import type { BytesFormat, TextFormat } from "./format.js";
import { jsonFormat } from "./json.js";
import { modbusFormat } from "./modbus.js";
import { nmeaFormat } from "./nmea.js";
import { rawFormat } from "./raw.js";
import { sexprFormat } from "./sexpr.js";
import { textFormat } from "./text.js";

type Encoding = PipelineSettings["encoding"];

export interface Codec {
  /** "bytes": the encoding of text has no meaning for the format. */
  readonly reads: "text" | "bytes";
  /** Why nothing can be encoded, although decoding works. Undefined: fields can be encoded. */
  readonly oneWay: string | undefined;
  /** Linear time in the length of the frame, and never throws. */
  decode(frame: Uint8Array): Map<string, FieldValue> | Failure;
  /**
   * Returns the frame that `decode` turns into these fields, without what ends a frame on the wire. Fails if a field is missing, is out of range, or
   * would break out of the format. Fields that the format does not have are ignored.
   */
  encode(fields: Fields): Uint8Array | Failure;
  /** The units that are in a frame, by field name: for `explain`. */
  units(frame: Uint8Array): ReadonlyMap<string, string>;
}

/** @throws UsageError if the settings cannot be used */
export function createCodec(settings: DecodeSettings, encoding: Encoding): Codec {
  const format = formatOf(settings, encoding);
  return format.reads === "bytes" ? codecOfBytes(format) : codecOfText(format, encoding);
}

function formatOf(settings: DecodeSettings, encoding: Encoding): TextFormat | BytesFormat {
  switch (settings.format) {
    case "raw":
      return rawFormat(settings.fields);
    case "json":
      return jsonFormat(settings.pick, settings.fields);
    case "csv":
      return csvFormat(settings.separator, settings.quote, settings.fields);
    case "text":
      return textFormat(settings.template, settings.fields);
    case "sexpr":
      return sexprFormat(settings);
    case "nmea":
      return nmeaFormat(settings.sentences);
    case "binary":
      return binaryFormat(settings, encoding);
    case "modbus":
      return modbusFormat(settings, encoding);
    case "hex":
      return hexFormat(settings.fields);
    case "base64":
      return base64Format(settings.fields);
  }
}

const NO_UNITS: ReadonlyMap<string, string> = new Map();

function codecOfBytes(format: BytesFormat): Codec {
  return {
    reads: "bytes",
    oneWay: format.oneWay,
    decode: (frame) => format.decode(frame),
    encode: (fields) => refusal(format.oneWay) ?? format.encode(fields),
    units: () => NO_UNITS,
  };
}

function codecOfText(format: TextFormat, encoding: Encoding): Codec {
  return {
    reads: "text",
    oneWay: format.oneWay,
    decode(frame) {
      const text = textOf(frame, encoding);
      if (typeof text === "string") return format.decode(text);
      return new Failure("encoding", `byte ${text} of the frame, 0x${hex(frame, text, text + 1)}, is not UTF-8`);
    },
    encode(fields) {
      const text = refusal(format.oneWay) ?? format.encode(fields);
      return text instanceof Failure ? text : (bytesOf(text, encoding) ?? wrongEncoding(encoding));
    },
    units(frame) {
      const text = textOf(frame, encoding);
      return typeof text === "string" ? (format.units?.(text) ?? NO_UNITS) : NO_UNITS;
    },
  };
}

/** Returns the frame as text, or the offset of the first byte that is ill-formed. */
function textOf(frame: Uint8Array, encoding: Encoding): string | number {
  switch (encoding) {
    case "utf8":
      return readUtf8(frame, 0, frame.length);
    case "latin1":
      return readLatin1(frame, 0, frame.length);
    case "hex":
      return hex(frame);
  }
}

function bytesOf(text: string, encoding: Encoding): Uint8Array | undefined {
  switch (encoding) {
    case "utf8":
      return utf8Bytes(text);
    case "latin1":
      return exactLatin1Bytes(text);
    case "hex":
      return hexBytes(text);
  }
}

const ENCODINGS: Readonly<Record<Encoding, string>> = {
  utf8: "half a surrogate pair, which UTF-8 does not have",
  latin1: "a character that Latin-1 does not have",
  hex: "characters that are not pairs of hexadecimal digits, as the encoding requires",
};

function wrongEncoding(encoding: Encoding): Failure {
  return new Failure("encode", `the frame has ${ENCODINGS[encoding]}`);
}

function refusal(oneWay: string | undefined): Failure | undefined {
  return oneWay === undefined ? undefined : new Failure("encode", oneWay);
}
