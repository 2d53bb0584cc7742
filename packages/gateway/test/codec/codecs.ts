/** Codecs from what a user writes. */

import { problemText } from "@aiko/mqtt-configuration";
import { type Codec, createCodec } from "../../src/codec/codec.ts";
import type { DecodeSettings, SourceSettings } from "../../src/configuration/configuration.ts";
import { readConfiguration } from "../../src/configuration/read-configuration.ts";
import { Failure } from "../../src/failure.ts";
import type { Fields, FieldValue } from "../../src/pipeline/outcome.ts";
import { toml } from "../configuration/samples.ts";
import { bytesOf, fieldsOf, textOf } from "../settings.ts";

/** The settings of `decode = …`. */
export function decodeOf(written: string): DecodeSettings {
  const source = `id = "in"; kind = "stdin"; frame = "datagram"; topic = "t"; decode = ${written}`;
  const { configuration, problems = [] } = readConfiguration(toml({ source }), {
    file: "g.toml",
    environment: {},
    readFile: () => "",
  });
  if (configuration === undefined) throw new Error(problems.map(problemText).join("\n"));
  return (configuration.sources[0] as SourceSettings).decode;
}

export function codecOf(written: string | DecodeSettings, encoding: "utf8" | "latin1" | "hex" = "utf8"): Codec {
  return createCodec(typeof written === "string" ? decodeOf(written) : written, encoding);
}

/** The fields of a frame, or why there are none. Bytes are written as hexadecimal digits. */
export function decoded(codec: Codec, frame: string): unknown {
  const found = codec.decode(codec.reads === "text" ? bytesOf(frame) : bytesOfHex(frame));
  return found instanceof Failure ? `${found.reason}: ${found.detail}` : fieldsOf(found);
}

/** The frame of fields, or why there is none. */
export function encoded(codec: Codec, fields: Record<string, FieldValue>): string | undefined {
  const frame = codec.encode(mapOf(fields));
  if (frame instanceof Failure) return `${frame.reason}: ${frame.detail}`;
  return codec.reads === "text" ? textOf(frame) : hexOf(frame);
}

/** What a frame that was encoded from fields decodes to; undefined if the codec does not encode them. */
export function there(codec: Codec, fields: Fields): Fields | undefined {
  const frame = codec.encode(fields);
  if (frame instanceof Failure) return undefined;
  const found = codec.decode(frame);
  if (found instanceof Failure) throw new Error(`${found.detail} in ${Buffer.from(frame).toString("latin1")}`);
  return found;
}

export function mapOf(fields: Record<string, FieldValue>): Map<string, FieldValue> {
  return new Map(Object.entries(fields));
}

export function bytesOfHex(digits: string): Uint8Array {
  return new Uint8Array(Buffer.from(digits.replaceAll(" ", ""), "hex"));
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
