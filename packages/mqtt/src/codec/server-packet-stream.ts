/**
 * The incremental decoder: receives bytes in any chunks and returns packets. Owns the bytes of an incomplete packet. It
 * uses at most four times the memory of the received bytes, whatever the packet's header announces. Decodes the packets
 * of servers; `PacketStream` adds those of clients, so that a client's bundle does not contain them.
 */

import { type Cursor, forbidden, malformed, tooLarge } from "./cursor.js";
import { checkFirstByte, decodePacket, type RequestReader, type RequestType } from "./decode.js";
import { type DecoderLimits, MAXIMUM_CONTROL_SIZE, packetTypeBits } from "./limits.js";
import { type Packet, type ProtocolVersion, packetTypes } from "./packets.js";
import { TopicCache } from "./topic-cache.js";

const EMPTY = new Uint8Array(0);
const LONGEST_HEADER = 5;
const PROTOCOL_MAXIMUM = 268_435_460;
const PUBLISH = 3;
/**
 * A payload is a view of the received bytes and keeps all of them in memory. After each COPY_EVERY bytes, the next
 * payload whose buffer is MUCH_LONGER times as long is copied. So a short message after a long one is always copied,
 * and dense short messages rarely are.
 */
const COPY_EVERY = 65_536;
const MUCH_LONGER = 8;
const REQUESTS = packetTypeBits("connect", "subscribe", "unsubscribe", "pingreq");

/** Decodes the packets of servers from bytes in any chunks. It is smaller in a bundle than PacketStream. */
export class ServerPacketStream implements RequestReader {
  private bytes: Uint8Array = EMPTY;
  private at = 0;
  private end = 0;
  /** True if `bytes` belongs to this object and may grow; false if it is the caller's last chunk. */
  private owned = false;
  private failure: unknown;
  /** Bytes that arrived since a payload was last copied. */
  private uncopied = 0;
  private readonly topics = new TopicCache();

  /**
   * @param protocolVersion the version of the connection
   * @param limits read again for each packet
   */
  constructor(
    protected protocolVersion: ProtocolVersion,
    public limits: DecoderLimits = {},
  ) {}

  /** The bytes of an incomplete packet. */
  get waiting(): number {
    return this.end - this.at;
  }

  /**
   * @internal
   * @throws ProtocolError, always
   */
  readRequest(type: RequestType, _flags: number, _cursor: Cursor, _version: ProtocolVersion): Packet {
    throw forbidden(`${type}: a server must not send it`);
  }

  /**
   * Decodes bytes and returns the packets that they complete. Payloads may be views of `bytes`, so do not change
   * `bytes` afterwards.
   *
   * @throws ProtocolError with the `reasonCode` for the peer. The stream cannot be used afterwards. If complete packets
   * came before the fault, they are returned, and the next call throws
   */
  push(bytes: Uint8Array): Packet[] {
    this.append(bytes);
    const packets: Packet[] = [];
    try {
      for (let packet = this.next(); packet !== undefined; packet = this.next()) packets.push(packet);
    } catch (error) {
      if (packets.length === 0) throw error;
    }
    return packets;
  }

  /** Adds bytes for `next` to decode. After a fault they are discarded. */
  append(bytes: Uint8Array): void {
    if (this.failure !== undefined) return;
    this.uncopied += bytes.length;
    if (this.at === this.end) {
      // Payloads are views of this array. It is a plain Uint8Array, even if the platform passes a subclass such as
      // Node's Buffer.
      this.bytes =
        bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
      this.at = 0;
      this.end = bytes.length;
      this.owned = false;
      return;
    }
    const kept = this.end - this.at;
    const needed = kept + bytes.length;
    if (!this.owned || this.end + bytes.length > this.bytes.length) {
      const grown = new Uint8Array(Math.max(needed, Math.min(this.announced(), 4 * needed)));
      grown.set(this.bytes.subarray(this.at, this.end));
      this.bytes = grown;
      this.at = 0;
      this.end = kept;
      this.owned = true;
    }
    this.bytes.set(bytes, this.end);
    this.end += bytes.length;
  }

  /**
   * Returns the next complete packet, or undefined.
   *
   * @throws ProtocolError with the `reasonCode` for the peer. The stream cannot be used afterwards
   */
  next(): Packet | undefined {
    if (this.failure !== undefined) throw this.failure;
    try {
      return this.decodeNext();
    } catch (error) {
      this.failure = error;
      this.release();
      throw error;
    }
  }

  private decodeNext(): Packet | undefined {
    const { bytes, at, end } = this;
    if (at === end) return undefined;
    const first = bytes[at] as number;
    this.expect(first);
    if (end - at < 2) return undefined;
    let remaining = bytes[at + 1] as number;
    let body = at + 2;
    if (remaining >= 0x80) {
      remaining &= 0x7f;
      let shift = 7;
      for (;;) {
        if (shift === 28) throw malformed("remaining length: has a fifth byte [MQTT-2.2.3]");
        if (body === end) return undefined;
        const byte = bytes[body++] as number;
        remaining |= (byte & 0x7f) << shift;
        shift += 7;
        if (byte < 0x80) {
          if (byte === 0) throw malformed("remaining length: not in the fewest bytes possible [MQTT5-1.5.5-1]");
          break;
        }
      }
    }
    const packetEnd = body + remaining;
    const { maximumPacketSize = PROTOCOL_MAXIMUM } = this.limits;
    const maximum = first >> 4 === PUBLISH ? maximumPacketSize : Math.min(maximumPacketSize, MAXIMUM_CONTROL_SIZE);
    if (packetEnd - at > maximum) throw tooLarge(`packet of ${packetEnd - at} bytes; the limit is ${maximum}`);
    if (packetEnd > end) return undefined;
    const packet = decodePacket(first, bytes, body, packetEnd, this.protocolVersion, this.topics, this);
    this.at = packetEnd;
    if (packetEnd === end) this.release();
    if (this.uncopied >= COPY_EVERY && packet.type === "publish") this.unpin(packet);
    return packet;
  }

  /**
   * Copies the payload of a message if its buffer is much longer than the payload. Changes the packet, which no other
   * code has yet: an object of another shape would slow down all code that reads packets.
   */
  private unpin(packet: { payload: Uint8Array }): void {
    const { payload } = packet;
    if (payload.length * MUCH_LONGER > payload.buffer.byteLength) return;
    this.uncopied = 0;
    // Without its own ArrayBuffer, V8 would store a short array elsewhere, and read it more slowly.
    const own = new Uint8Array(new ArrayBuffer(payload.length));
    own.set(payload);
    packet.payload = own;
  }

  /** The types that the peer may ever send, as bits. */
  protected get possible(): number {
    return ~REQUESTS;
  }

  /** Rejects a packet by its first byte, as early as possible. */
  protected expect(first: number): void {
    checkFirstByte(first, this.protocolVersion);
    const { expected = this.possible } = this.limits;
    if ((expected >> (first >> 4)) & 1) return;
    const type = packetTypes[first >> 4];
    throw forbidden(
      this.possible & (1 << (first >> 4)) ? `${type}: not expected now` : `${type}: a server must not send it`,
    );
  }

  /** Returns the length of the incomplete packet, if enough of its header was received. */
  private announced(): number {
    let remaining = 0;
    for (let i = 1; i < LONGEST_HEADER && this.at + i < this.end; i++) {
      const byte = this.bytes[this.at + i] as number;
      remaining |= (byte & 0x7f) << (7 * (i - 1));
      if (byte < 0x80) return 1 + i + remaining;
    }
    return LONGEST_HEADER;
  }

  /** Releases the bytes: all were read, and payloads keep their memory alive themselves. */
  private release(): void {
    this.bytes = EMPTY;
    this.at = 0;
    this.end = 0;
    this.owned = false;
  }
}
