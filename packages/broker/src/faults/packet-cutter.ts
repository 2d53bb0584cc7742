/** Cuts a stream of bytes into packets by their fixed header. Decodes nothing else. */

/** The most bytes of a remaining length. */
const MOST_LENGTH_BYTES = 4;

export class PacketCutter {
  private chunks: Uint8Array[] = [];
  private held = 0;
  /** The bytes that are needed for the next packet, as far as they are known. */
  private needed = 2;
  private isBroken = false;

  /** Returns the packets that are complete. Bytes that are not packets are returned as they are. */
  cut(bytes: Uint8Array): Uint8Array[] {
    if (this.isBroken) return [bytes];
    this.chunks.push(bytes);
    this.held += bytes.length;
    if (this.held < this.needed) return [];
    let rest = this.joined();
    const packets: Uint8Array[] = [];
    for (;;) {
      const length = packetLength(rest);
      if (length === undefined) {
        this.isBroken = true;
        return [...packets, rest];
      }
      this.needed = length;
      if (rest.length < length) break;
      packets.push(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
    this.chunks = [rest];
    this.held = rest.length;
    return packets;
  }

  private joined(): Uint8Array {
    if (this.chunks.length === 1) return this.chunks[0] as Uint8Array;
    const joined = new Uint8Array(this.held);
    let at = 0;
    for (const chunk of this.chunks) {
      joined.set(chunk, at);
      at += chunk.length;
    }
    return joined;
  }
}

/**
 * Returns the length of the packet that begins here, or more than there is if its header is incomplete. Returns
 * undefined if it is not valid.
 */
function packetLength(bytes: Uint8Array): number | undefined {
  let remaining = 0;
  for (let i = 0; i < MOST_LENGTH_BYTES; i++) {
    const byte = bytes[1 + i];
    if (byte === undefined) return bytes.length + 1;
    remaining += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return 2 + i + remaining;
  }
  return undefined;
}
