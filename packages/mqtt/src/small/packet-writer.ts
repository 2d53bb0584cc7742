/**
 * Encodes a client's packets in as little code as possible. Values from the application are checked while they are
 * written. So the call reports an error immediately, and what it accepts can be sent at any later connection.
 */

import { type PropertyPlace, propertyRules } from "../codec/property-rules.js";
import { UsageError, type UsageErrorCode } from "../errors.js";
import { isTopicName } from "./topic-rules.js";

const ENCODER = new TextEncoder();
const LONGEST = 0xfff_ffff;
/** Properties that a client must not send, or that only the full client supports. */
const NOT_OURS = /^(topicAlias|subscriptionIdentifiers|auth)/;

/** The protocol versions of the small client: 4 is 3.1.1, 5 is 5.0. */
export type SmallVersion = 4 | 5;

/** The number of bytes of each numeric property form. */
export const SIZES: Readonly<Partial<Record<string, number>>> = { boolean: 1, bit: 1, "two-byte": 2, "four-byte": 4 };

export function invalid(name: string, rule: string, code: UsageErrorCode = "OPTION_INVALID"): UsageError {
  return new UsageError(code, `${name}: ${rule}`);
}

export class PacketWriter {
  #bytes = new Uint8Array(64);
  #at = 0;

  constructor(readonly version: SmallVersion) {}

  number(value: number, size: number): this {
    let at = this.#grow(size);
    for (let left = size; left > 0; ) this.#bytes[at++] = value / 256 ** --left; // arrays of bytes store modulo 256
    return this;
  }

  variable(value: number): this {
    if (value > 127) return this.number((value & 127) | 128, 1).variable(value >> 7);
    return this.number(value, 1);
  }

  raw(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** Writes text or bytes. If `size` is 2, their length comes first, in two bytes. @throws UsageError */
  data(field: string, value: unknown, size: 0 | 2 = 2): this {
    const isText = typeof value === "string";
    const bytes = isText ? ENCODER.encode(value) : value;
    // [MQTT-1.5.3-1, MQTT-1.5.3-2]
    if (
      !(bytes instanceof Uint8Array) ||
      (isText && (/\p{Cs}/u.test(value) || (size && value.includes("\0")))) ||
      (size && bytes.length > 0xffff)
    )
      throw invalid(field, "must be text or bytes, at most 65,535", size ? "STRING_INVALID" : "PAYLOAD_INVALID");
    return this.number(bytes.length, size).raw(bytes);
  }

  text(field: string, value: unknown): this {
    return this.data(field, typeof value === "string" ? value : undefined);
  }

  /** Writes the properties; writes nothing before MQTT 5. @throws UsageError PROPERTY_INVALID */
  properties(place: PropertyPlace, properties: object = {}): this {
    const { version } = this;
    if (version < 5) return this;
    const inner = new PacketWriter(version);
    for (const [name, value] of Object.entries(properties))
      if (value !== undefined) inner.#property(place, name, value);
    return this.#append(inner);
  }

  #property(place: PropertyPlace, name: string, value: unknown): void {
    const field = `${place}: ${name}`;
    const wrong = (rule: string): UsageError => invalid(field, rule, "PROPERTY_INVALID");
    const rule = propertyRules.find((each) => each.name === name && each.places.has(place));
    if (rule === undefined || NOT_OURS.test(name)) throw wrong("not allowed");
    const { identifier, form, nonZero } = rule;
    const assert = (isRight: boolean): void => {
      if (!isRight) throw wrong(`must be ${form}`);
    };
    if (form === "pairs") {
      assert(Array.isArray(value));
      for (const pair of value as unknown[][]) {
        assert(Array.isArray(pair) && pair.length === 2);
        this.number(identifier, 1).text(field, pair[0]).text(field, pair[1]);
      }
      return;
    }
    this.number(identifier, 1);
    if (form === "binary") {
      assert(value instanceof Uint8Array);
      this.data(field, value);
    } else if (form === "text" || form === "topic") {
      assert(form === "text" || isTopicName(value as string));
      this.text(field, value);
    } else {
      const size = SIZES[form];
      const most = size === undefined ? LONGEST : size === 1 ? 1 : 256 ** size - 1;
      // The numbers 0 and 1 are not booleans.
      const number = typeof value === form ? Number(value) : form === "boolean" ? -1 : value;
      assert(Number.isInteger(number) && (number as number) >= Number(nonZero) && (number as number) <= most);
      if (size) this.number(number as number, size);
      else this.variable(number as number);
    }
  }

  /**
   * Returns the complete packet, with its header.
   *
   * @param first the first byte: packet type and flags
   * @throws UsageError PACKET_INVALID if the packet is longer than MQTT allows
   */
  packet(first: number): Uint8Array {
    if (this.#at > LONGEST) throw invalid("packet", `${this.#at} bytes`, "PACKET_INVALID");
    return new PacketWriter(this.version).number(first, 1).#append(this).#written;
  }

  get #written(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Appends the content of another writer, after its length. */
  #append(other: PacketWriter): this {
    return this.variable(other.#at).raw(other.#written);
  }

  /** Makes room. Returns the offset where the room begins. */
  #grow(size: number): number {
    const at = this.#at;
    this.#at += size;
    if (this.#at > this.#bytes.length) {
      const grown = new Uint8Array(this.#at + at);
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
    }
    return at;
  }
}
