/**
 * The other end of a connection, controlled by a test packet by packet. It sends what the test tells it to, valid or
 * not, and records everything that it receives. It knows the codec, but no rule of the protocol.
 */

import { encode } from "../codec/encode.js";
import { PacketStream } from "../codec/packet-stream.js";
import type { Packet, PacketType, ProtocolVersion } from "../codec/packets.js";
import type { Clock } from "../platform/clock.js";
import type { Transport, TransportListener } from "../platform/transport.js";
import { FakeClock } from "./fake-clock.js";

interface Waiting {
  readonly type: PacketType | "close";
  resolve(packet: Packet | undefined): void;
  reject(error: Error): void;
}

/**
 * The other end of a connection, controlled by a test packet by packet. It sends what the test tells it to, valid or
 * not, and records everything that it receives.
 */
export class ScriptedPeer implements TransportListener {
  /** Every packet that arrived, in order. */
  readonly received: Packet[] = [];
  private readonly chunks: Uint8Array[] = [];
  private stream: PacketStream;
  /** How many packets of `received` were already expected by the test. */
  private expected = 0;
  private waiting: Waiting | undefined;
  private fault: unknown;
  private closedBy: { error: Error | undefined } | undefined;

  /**
   * @param transport the peer's end of the connection
   * @param clock if it is a FakeClock, waiting methods tick it
   * @param version "any" for a server's end, which learns it from CONNECT
   */
  constructor(
    private readonly transport: Transport,
    private readonly clock: Clock,
    private version: ProtocolVersion | "any" = "any",
  ) {
    this.stream = new PacketStream(version);
    transport.start(this);
  }

  /** All bytes that arrived. */
  get bytes(): Uint8Array {
    const whole = new Uint8Array(this.chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    let at = 0;
    for (const chunk of this.chunks) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    return whole;
  }

  /** Whether the connection has ended. */
  get isClosed(): boolean {
    return this.closedBy !== undefined;
  }

  /**
   * Resolves to the next packet, which must have this type.
   *
   * @throws Error if the packet has another type, if the bytes are not a valid packet, or if the connection ends
   */
  async expect<Type extends PacketType>(type: Type): Promise<Extract<Packet, { type: Type }>> {
    return (await this.wait(type)) as Extract<Packet, { type: Type }>;
  }

  /**
   * Resolves when the connection has ended.
   *
   * @throws Error if an unexpected packet arrives first
   */
  async expectClose(): Promise<void> {
    await this.wait("close");
  }

  /**
   * Checks that no packet arrived. Ticks a FakeClock once.
   *
   * @throws Error if an unexpected packet arrived, or the connection has ended
   */
  async expectNothing(): Promise<void> {
    await this.settle();
    const packet = this.received[this.expected];
    if (packet !== undefined) throw new Error(`expected no packet, got ${describe(packet)}`);
    if (this.isClosed) throw new Error("expected the connection to stay, it closed");
  }

  /**
   * Sends a packet, or bytes as they are.
   *
   * @throws Error if the version is not known yet
   */
  send(packet: Packet | Uint8Array): void {
    if (packet instanceof Uint8Array) {
      this.transport.write(packet);
      return;
    }
    const { version } = this;
    if (version === "any") throw new Error(`cannot send ${packet.type} before a CONNECT told the version`);
    this.transport.write(encode(packet, version));
  }

  /** Stops reading, so that the other end experiences back-pressure. */
  pause(): void {
    this.transport.pause();
  }

  /** Continues reading after `pause`. */
  resume(): void {
    this.transport.resume();
  }

  /** Closes the connection after everything that was sent. */
  close(): void {
    this.transport.end();
  }

  /** Closes the connection immediately. */
  cut(): void {
    this.transport.destroy();
  }

  onBytes(bytes: Uint8Array): void {
    this.chunks.push(bytes);
    try {
      this.stream.append(bytes);
      for (let packet = this.stream.next(); packet !== undefined; packet = this.stream.next()) {
        this.received.push(packet);
      }
    } catch (error) {
      this.fault = error;
    }
    this.version = this.stream.version;
    this.answer();
  }

  onDrain(): void {}

  onClose(error?: Error): void {
    this.closedBy = { error };
    this.answer();
  }

  private async wait(type: PacketType | "close"): Promise<Packet | undefined> {
    if (this.waiting !== undefined) throw new Error(`expect("${type}") while "${this.waiting.type}" is awaited`);
    const answer = new Promise<Packet | undefined>((resolve, reject) => {
      this.waiting = { type, resolve, reject };
      this.answer();
    });
    return (await Promise.all([answer, this.settle()]))[0];
  }

  private async settle(): Promise<void> {
    if (this.clock instanceof FakeClock) await this.clock.tick();
  }

  private answer(): void {
    const { waiting } = this;
    if (waiting === undefined) return;
    const packet = this.received[this.expected];
    if (packet === undefined && this.fault === undefined && this.closedBy === undefined) return;
    this.waiting = undefined;
    if (packet !== undefined) {
      this.expected++;
      if (packet.type === waiting.type) waiting.resolve(packet);
      else waiting.reject(new Error(`expected ${waiting.type}, got ${describe(packet)}`));
    } else if (this.fault !== undefined) {
      waiting.reject(
        new Error(`expected ${waiting.type}, got bytes that are not a valid packet`, { cause: this.fault }),
      );
    } else if (waiting.type === "close") {
      waiting.resolve(undefined);
    } else {
      const cause = this.closedBy?.error;
      waiting.reject(new Error(`expected ${waiting.type}, the connection closed`, { cause }));
    }
  }
}

function describe(packet: Packet): string {
  return JSON.stringify(packet, (_, value: unknown) => (value instanceof Uint8Array ? `${value.length} bytes` : value));
}
