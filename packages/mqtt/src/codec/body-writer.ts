/**
 * A growing byte array, in which the body of a packet is built before its length is known. Used for all packets except
 * the most frequent ones. Checks its input; errors name the field.
 */

import { UsageError } from "../errors.js";
import { utf8Length, writeUtf8 } from "../platform/text.js";
import { quotable, stringProblem } from "../topic/mqtt-string.js";
import { shownValue } from "../topic/shown-value.js";
import { variableByteIntegerLength, writeVariableByteInteger } from "./variable-byte-integer.js";

export class BodyWriter {
  /** The initial size, which engines store in the object itself. A larger array costs ten times as much to create. */
  bytes = new Uint8Array(64);
  length = 0;

  byte(value: number): void {
    const at = this.grow(1);
    this.bytes[at] = value;
  }

  twoByte(value: number): void {
    const at = this.grow(2);
    this.bytes[at] = value >>> 8;
    this.bytes[at + 1] = value;
  }

  fourByte(value: number): void {
    this.twoByte(value >>> 16);
    this.twoByte(value);
  }

  variableByteInteger(value: number): void {
    const at = this.grow(variableByteIntegerLength(value));
    writeVariableByteInteger(value, this.bytes, at);
  }

  /** @throws UsageError STRING_INVALID */
  text(field: string, value: unknown): void {
    if (typeof value !== "string") {
      throw new UsageError("STRING_INVALID", `${field}: must be a string, not ${shownValue(value)}`);
    }
    const problem = stringProblem(value);
    if (problem) throw new UsageError("STRING_INVALID", `${field} "${quotable(value)}": ${problem}`);
    const length = utf8Length(value);
    this.twoByte(length);
    const at = this.grow(length);
    writeUtf8(value, this.bytes, at);
  }

  /** @throws UsageError PACKET_INVALID */
  binary(field: string, value: unknown): void {
    if (!(value instanceof Uint8Array)) {
      // The value is not shown: it may be a secret.
      throw new UsageError("PACKET_INVALID", `${field}: must be a Uint8Array, not ${typeof value}`);
    }
    if (value.length > 0xffff) {
      throw new UsageError("PACKET_INVALID", `${field}: has ${value.length} bytes; the limit is 65,535`);
    }
    this.twoByte(value.length);
    this.append(value);
  }

  append(bytes: Uint8Array): void {
    const at = this.grow(bytes.length);
    this.bytes.set(bytes, at);
  }

  appendBody(body: BodyWriter): void {
    this.append(body.bytes.subarray(0, body.length));
  }

  /**
   * Makes room and returns the offset where it begins. May replace `bytes`: read it afterwards, not in the same
   * expression.
   */
  private grow(size: number): number {
    const at = this.length;
    this.length = at + size;
    if (this.length > this.bytes.length) {
      const larger = new Uint8Array(Math.max(this.length, this.bytes.length * 2));
      larger.set(this.bytes.subarray(0, at));
      this.bytes = larger;
    }
    return at;
  }
}
