/**
 * The octets of one message while its parts are read or written; numbers are big-endian [SN 5.2]. Knows no message: the
 * parts see to it that there are enough octets, and that a number fits.
 */

import { UsageError } from "@aiko/mqtt";
import { readUtf8, utf8Bytes } from "../../text/utf8.js";

export class OctetReader {
  constructor(
    private readonly bytes: Uint8Array,
    private at: number,
    private readonly end: number,
  ) {}

  get left(): number {
    return this.end - this.at;
  }

  number(width: 1 | 2): number {
    let value = 0;
    for (let i = 0; i < width; i++) value = value * 256 + (this.bytes[this.at++] as number);
    return value;
  }

  /** Reads all that is left, as a copy. It does not use `slice`, which returns a view on Node's Buffer. */
  rest(): Uint8Array {
    const rest = new Uint8Array(this.bytes.subarray(this.at, this.end));
    this.at = this.end;
    return rest;
  }

  /** Reads all that is left, or so many octets. Undefined if they are not well-formed UTF-8. */
  text(length = this.left): string | undefined {
    const text = readUtf8(this.bytes, this.at, this.at + length);
    this.at += length;
    return typeof text === "string" ? text : undefined;
  }
}

const SMALLEST = 32;

export class OctetWriter {
  private buffer = new Uint8Array(SMALLEST);
  private filled = 0;

  /** @param message the message's type, for errors */
  constructor(private readonly message: string) {}

  get octets(): Uint8Array {
    return this.buffer.subarray(0, this.filled);
  }

  /** Writes `value` of the field `name`. Throws a UsageError unless it is an integer from `least` to `most`. */
  number(name: string, value: unknown, width: 1 | 2, least = 0, most = 256 ** width - 1): void {
    if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) {
      throw this.refusal(name, value, `must be an integer from ${least} to ${most}`);
    }
    const number = value as number;
    const room = this.room(width);
    if (width === 2) this.buffer[room] = number >> 8;
    this.buffer[room + width - 1] = number & 0xff;
  }

  /** Writes `value` of the field `name`. Throws a UsageError unless it is a Uint8Array. */
  data(name: string, value: unknown): void {
    if (!(value instanceof Uint8Array)) throw this.refusal(name, value, "must be a Uint8Array");
    const room = this.room(value.length);
    this.buffer.set(value, room);
  }

  /** Writes `value` of the field `name` as UTF-8. Throws a UsageError unless it is well-formed text of this many octets. */
  text(name: string, value: unknown, least = 0, most = Infinity): void {
    const bytes = typeof value === "string" ? utf8Bytes(value) : undefined;
    if (bytes === undefined) throw this.refusal(name, value, "must be a string without lone surrogates");
    if (bytes.length < least || bytes.length > most) {
      const range = least === most ? `exactly ${least}` : `at least ${least}`;
      throw this.refusal(name, value, `has ${bytes.length} octets as UTF-8; it must have ${range}`);
    }
    this.data(name, bytes);
  }

  refusal(name: string, value: unknown, rule: string): UsageError {
    const given = typeof value === "object" && value !== null ? "an object" : JSON.stringify(value);
    return new UsageError("PACKET_INVALID", `${this.message}: ${name} ${given}: ${rule}`);
  }

  /** Returns where the next octets go. */
  private room(length: number): number {
    const at = this.filled;
    this.filled += length;
    if (this.filled > this.buffer.length) {
      const grown = new Uint8Array(2 * this.filled);
      grown.set(this.buffer.subarray(0, at));
      this.buffer = grown;
    }
    return at;
  }
}
