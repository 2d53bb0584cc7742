/** Reads the parts of a packet's body, never past its end. Every error is a ProtocolError that names the field. */

import { ProtocolError } from "../errors.js";
import { readUtf8 } from "../platform/text.js";
import { MALFORMED_PACKET, PACKET_TOO_LARGE, PROTOCOL_ERROR } from "../reason-code.js";

/** Makes an error for a packet that cannot be parsed: reason code 0x81. */
export function malformed(message: string): ProtocolError {
  return new ProtocolError("MALFORMED_PACKET", MALFORMED_PACKET, message);
}

/** Makes an error for a packet that can be parsed but must not be sent: reason code 0x82. */
export function forbidden(message: string): ProtocolError {
  return new ProtocolError("PROTOCOL_ERROR", PROTOCOL_ERROR, message);
}

/** Makes an error for a packet, or a list in it, that exceeds a limit: reason code 0x95. */
export function tooLarge(message: string): ProtocolError {
  return new ProtocolError("PACKET_TOO_LARGE", PACKET_TOO_LARGE, message);
}

export class Cursor {
  constructor(
    readonly bytes: Uint8Array,
    public at: number,
    public end: number,
  ) {}

  get left(): number {
    return this.end - this.at;
  }

  byte(field: string): number {
    if (this.at >= this.end) throw this.cut(field);
    return this.bytes[this.at++] as number;
  }

  twoByte(field: string): number {
    const at = this.at;
    if (at + 2 > this.end) throw this.cut(field);
    this.at = at + 2;
    return ((this.bytes[at] as number) << 8) | (this.bytes[at + 1] as number);
  }

  fourByte(field: string): number {
    return this.twoByte(field) * 0x1_0000 + this.twoByte(field);
  }

  variableByteInteger(field: string): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte(field);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) throw malformed(`${field}: not in the fewest bytes possible [MQTT5-1.5.5-1]`);
        return value;
      }
    }
    throw malformed(`${field}: a variable byte integer has at most four bytes`);
  }

  /** Reads a two-byte length and that many bytes; returns a view. */
  binary(field: string): Uint8Array {
    const length = this.twoByte(field);
    const start = this.at;
    if (start + length > this.end) throw this.cut(field);
    this.at = start + length;
    return this.bytes.subarray(start, start + length);
  }

  /** Like `binary`, but returns a copy. It does not use `slice`, which returns a view on Node's Buffer. */
  ownBinary(field: string): Uint8Array {
    return new Uint8Array(this.binary(field));
  }

  /** Reads a UTF-8 encoded string [MQTT-1.5.3-1, MQTT-1.5.3-2]. */
  text(field: string): string {
    const length = this.twoByte(field);
    const start = this.at;
    if (start + length > this.end) throw this.cut(field);
    this.at = start + length;
    const text = readUtf8(this.bytes, start, start + length);
    if (text === undefined) throw malformed(`${field}: ill-formed UTF-8 [MQTT-1.5.3-1]`);
    if (text.includes("\0")) throw malformed(`${field}: contains U+0000 [MQTT-1.5.3-2]`);
    return text;
  }

  packetIdentifier(type: string): number {
    const identifier = this.twoByte(`${type}: packetIdentifier`);
    if (identifier === 0) throw forbidden(`${type}: packetIdentifier must not be 0 [MQTT-2.3.1-1]`);
    return identifier;
  }

  /** Throws if there are bytes after the packet's last field. */
  finish(type: string): void {
    if (this.at !== this.end) throw malformed(`${type}: ${this.left} unexpected bytes after the last field`);
  }

  private cut(field: string): ProtocolError {
    return malformed(`${field}: the packet ends before the end of this field`);
  }
}
