/** One QoS 0 PUBLISH for many connections: encoded once for each form that their versions have, and then copied. */

import { OutputBuffer } from "./output-buffer.js";
import type { ProtocolVersion } from "./packets.js";
import { BY_REFERENCE, type PublishFields, payloadLength, writePublish } from "./publish-coder.js";
import { MAXIMUM_VARIABLE_BYTE_INTEGER } from "./variable-byte-integer.js";

const ANY_SIZE = MAXIMUM_VARIABLE_BYTE_INTEGER + 5;

/**
 * One QoS 0 PUBLISH for many connections. It is encoded once for each form that their versions have, and then copied.
 * The same object serves one message after the other.
 */
export class PublishCopies {
  private readonly scratch = new OutputBuffer();
  private fields: PublishFields | undefined;
  private withoutProperties: Uint8Array | undefined;
  private withProperties: Uint8Array | undefined;

  /** Begins another message. Its fields must not change until `end`. */
  begin(fields: PublishFields): void {
    this.fields = fields;
    this.withoutProperties = undefined;
    this.withProperties = undefined;
    this.scratch.rewind();
  }

  /** Releases the message. */
  end(): void {
    this.fields = undefined;
  }

  /** Appends the message to `out`. Returns 0, and writes nothing, if it is longer than `maximumPacketSize`. */
  write(out: OutputBuffer, version: ProtocolVersion, maximumPacketSize: number): number {
    const { fields } = this;
    if (fields === undefined) throw new Error("bug: no message to copy");
    if (payloadLength(fields.payload) >= BY_REFERENCE)
      return writePublish(out, version, fields, 0, false, maximumPacketSize);
    const bytes = this.bytesFor(fields, version);
    if (bytes.length > maximumPacketSize) return 0;
    const at = out.reserve(bytes.length);
    out.bytes.set(bytes, at);
    return bytes.length;
  }

  private bytesFor(fields: PublishFields, version: ProtocolVersion): Uint8Array {
    if (version === 5) {
      this.withProperties ??= this.encode(fields, version);
      return this.withProperties;
    }
    this.withoutProperties ??= this.encode(fields, version);
    return this.withoutProperties;
  }

  private encode(fields: PublishFields, version: ProtocolVersion): Uint8Array {
    writePublish(this.scratch, version, fields, 0, false, ANY_SIZE);
    return this.scratch.take()[0] as Uint8Array;
  }
}
