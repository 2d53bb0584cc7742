/**
 * The format of `sub -F`: text with sequences that begin with %, @ or \. The same as mosquitto_sub's, except that a
 * width never shortens a value. Pure: the time comes with the message.
 */

import type { Message } from "@aiko/mqtt";
import { ArgumentError } from "../arguments.js";
import { isoTime, strftime } from "./local-time.js";
import { mosquittoDocument, mosquittoObject, type Received } from "./message-json.js";

/** Flags, width and precision of a sequence that begins with %. */
interface Layout {
  readonly zero: boolean;
  readonly left: boolean;
  readonly width: number;
  readonly precision: number | undefined;
}

type Part = (message: Message, received: Received) => Uint8Array;

/** How %j and %J are printed. */
export interface JsonStyle {
  readonly pretty: boolean;
  /** The payload of a message with this topic is not JSON, as %J requires. */
  notJson(topic: string): void;
}

const encoder = new TextEncoder();
const NOTHING = new Uint8Array(0);
const LONGEST_FIELD = 4_096;

const escapes: Readonly<Record<string, string>> = {
  "\\": "\\",
  "0": "\0",
  a: "\x07",
  e: "\x1b",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/** A value that is text, bytes or a number. Undefined, an absent property, is printed like empty text. */
type Value = string | Uint8Array | number | undefined;

const hexadecimal = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

const values: Readonly<Record<string, (message: Message, received: Received) => Value>> = {
  A: ({ properties }) => properties?.topicAlias,
  C: ({ properties }) => properties?.contentType,
  D: ({ properties }) => properties?.correlationData,
  E: ({ properties }) => properties?.messageExpiryInterval,
  F: ({ properties }) => properties?.payloadFormatIndicator,
  I: (_, { at }) => isoTime(at),
  l: ({ payload }) => payload.length,
  m: (_, { packetIdentifier }) => packetIdentifier,
  P: ({ properties }) => properties?.userProperties?.map(([name, value]) => `${name}:${value}`).join(" "),
  p: ({ payload }) => payload,
  q: ({ qos }) => qos,
  R: ({ properties }) => properties?.responseTopic,
  r: ({ retain }) => Number(retain),
  S: (_, { subscriptionIdentifier }) => subscriptionIdentifier,
  t: ({ topic }) => topic,
  U: (_, { at }) => `${Math.floor(at / 1_000)}.${nanoseconds(at)}`,
  X: ({ payload }) => hexadecimal(payload).toUpperCase(),
  x: ({ payload }) => hexadecimal(payload),
};

/** Values that mosquitto_sub prints without a layout. */
const PLAIN = "DPUqr";
const NUMERIC = "AEFlmSxX";

export class MessageFormat {
  private readonly parts: readonly Part[];

  /** @throws ArgumentError if a sequence is not known or not complete */
  constructor(
    private readonly text: string,
    private readonly style: JsonStyle,
  ) {
    const parts: Part[] = [];
    for (let at = 0; at < text.length; ) {
      const [part, length] = this.partAt(at);
      parts.push(part);
      at += length;
    }
    this.parts = parts;
  }

  /** Returns the printed message, without an end of line. */
  print(message: Message, received: Received): Uint8Array {
    return joined(this.parts.map((part) => part(message, received)));
  }

  private partAt(at: number): readonly [Part, number] {
    const { text } = this;
    const sequence = /^(?:%([-0]*)(\d*)(?:\.(\d*))?(.)|@(.)|\\(.))/su.exec(text.slice(at, at + 2 * LONGEST_FIELD));
    if (sequence === null) {
      if ("%@\\".includes(text.charAt(at))) throw wrong(`"${text.slice(at)}" is not complete`);
      const rest = text.slice(at);
      const length = rest.search(/[%@\\]/) < 0 ? rest.length : rest.search(/[%@\\]/);
      return [constant(rest.slice(0, length)), length];
    }
    const [whole, flags = "", width = "", precision, specifier, time, escaped] = sequence;
    const { length } = whole;
    if (time !== undefined) return [timePart(time), length];
    if (escaped !== undefined) {
      const character = escapes[escaped];
      if (character === undefined) throw wrong(`unknown escape "\\${escaped}"`);
      return [constant(character), length];
    }
    const layout: Layout = {
      zero: flags.includes("0"),
      left: flags.includes("-"),
      width: Number(width),
      precision: precision === undefined ? undefined : Number(precision),
    };
    if (layout.width > LONGEST_FIELD || (layout.precision ?? 0) > LONGEST_FIELD)
      throw wrong(`"${whole}": the most characters of a field are ${LONGEST_FIELD}`);
    return [this.valuePart(specifier as string, layout, whole), length];
  }

  private valuePart(specifier: string, layout: Layout, whole: string): Part {
    if (specifier === "%") return constant("%");
    if (specifier === "j" || specifier === "J") return this.jsonPart(specifier);
    const find = Object.hasOwn(values, specifier) ? values[specifier] : undefined;
    if (find === undefined) throw wrong(`unknown sequence "${whole}"`);
    return (message, received) => {
      const value = find(message, received);
      if (value === undefined && specifier === "R") return NOTHING; // as mosquitto_sub does
      const bytes = typeof value === "object" ? value : encoder.encode(`${value ?? ""}`);
      return PLAIN.includes(specifier) ? bytes : laidOut(bytes, layout, NUMERIC.includes(specifier));
    };
  }

  private jsonPart(specifier: "j" | "J"): Part {
    const { pretty, notJson } = this.style;
    return (message, received) => {
      const tst = isoTime(received.at, true);
      const value =
        specifier === "j" ? mosquittoObject(message, received, tst) : mosquittoDocument(message, received, tst);
      if (value === undefined) notJson(message.topic);
      if (value === undefined) return NOTHING;
      return encoder.encode(pretty ? prettyJson(value) : JSON.stringify(value));
    };
  }
}

/** JSON over several lines, with a tab after each colon, as mosquitto_sub prints it. */
function prettyJson(value: object): string {
  return JSON.stringify(value, undefined, "\t").replace(/^(\t*"(?:[^"\\]|\\.)*":) /gm, "$1\t");
}

function constant(text: string): Part {
  const bytes = encoder.encode(text);
  return () => bytes;
}

function timePart(letter: string): Part {
  if (letter === "@") return constant("@");
  if (letter === "N") return (_, { at }) => encoder.encode(nanoseconds(at));
  return (_, { at }) => encoder.encode(strftime(letter, at));
}

function nanoseconds(at: number): string {
  return `${Math.floor((at % 1_000) * 1_000)}000`.padStart(9, "0"); // the clock has microseconds
}

function laidOut(bytes: Uint8Array, { zero, left, width, precision }: Layout, isNumeric: boolean): Uint8Array {
  const value = precision === undefined || isNumeric ? bytes : bytes.subarray(0, precision);
  if (value.length >= width) return value;
  const padding = new Uint8Array(width - value.length).fill(zero && !left && isNumeric ? 0x30 : 0x20);
  return joined(left ? [value, padding] : [padding, value]);
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function wrong(why: string): ArgumentError {
  return new ArgumentError(`--format: ${why}`);
}
