/** One network connection: packets out of a transport's bytes, and what is written within a tick in one piece. */

import { TransportError } from "../errors.js";
import type { Clock, Timer } from "../platform/clock.js";
import type { Transport, TransportListener } from "../platform/transport.js";
import type { PacketReader, ServerPacket } from "./packet-reader.js";

/** Whom the packets are for. */
export interface Receiver {
  /** A packet came. What this throws ends up in `failed`. */
  receive(packet: ServerPacket, now: number): void;
  /** Bytes came, perhaps less than a packet. */
  heard(now: number): void;
  /** All that was written is with the transport, and `congested` is up to date. */
  flushed(now: number, bytes: number): void;
}

export interface SmallConnectionOwner {
  /** What came is no packet, or `receive` threw at it. The owner decides how to end. */
  failed(error: unknown): void;
  /** The connection is gone. Nothing is called after it. */
  closed(error: Error | undefined): void;
}

/** If this many bytes wait, they are flushed before the tick ends. */
const EARLY_FLUSH = 61_440;
/** So many bytes of answers may wait for a server that does not read. */
const MOST_WAITING = 1_048_576;
/** Milliseconds. */
const LINGER = 50;

// What a connection is, as numbers, which take fewer bytes than words.
const OPEN = 0;
const ENDING = 1;
const CLOSED = 2;

export class SmallConnection implements TransportListener {
  readonly transport: Transport;
  readonly #clock: Clock;
  readonly #reader: PacketReader;
  readonly #receiver: Receiver;
  readonly #owner: SmallConnectionOwner;
  readonly #packets: Uint8Array[] = [];
  #waiting = 0;
  #flushDue = false;
  /** True while the transport wants no more: what can wait should. */
  congested = false;
  #state: typeof OPEN | typeof ENDING | typeof CLOSED = OPEN;
  #cutting: Timer | undefined;

  constructor(
    transport: Transport,
    clock: Clock,
    reader: PacketReader,
    receiver: Receiver,
    owner: SmallConnectionOwner,
  ) {
    this.transport = transport;
    this.#clock = clock;
    this.#reader = reader;
    this.#receiver = receiver;
    this.#owner = owner;
  }

  write(packet: Uint8Array): void {
    this.#packets.push(packet);
    this.#waiting += packet.length;
    if (this.congested) {
      if (this.#waiting > MOST_WAITING) this.#owner.failed(new TransportError("CONNECTION_LOST", "congested"));
    } else if (this.#waiting >= EARLY_FLUSH) {
      this.#flush();
    } else if (!this.#flushDue) {
      this.#flushDue = true;
      this.#clock.defer(() => this.#flush());
    }
  }

  /**
   * @param patience milliseconds for what is written to leave, at least 50; undefined: closes at once
   * @param linger milliseconds that a server has then to close its side
   */
  end(patience?: number, linger = LINGER): void {
    const { transport } = this;
    const cutAfter = (delay: number): void => {
      this.#cutting?.cancel();
      if (this.#state === ENDING) this.#cutting = this.#clock.schedule(delay, () => transport.destroy());
    };
    this.congested = false;
    if (patience !== undefined) this.#flush();
    this.#state = ENDING;
    if (patience === undefined) {
      transport.destroy();
    } else {
      cutAfter(Math.max(patience, linger));
      transport.end(() => cutAfter(linger));
    }
  }

  onBytes(bytes: Uint8Array): void {
    if (this.#state !== OPEN) return;
    const now = this.#clock.now();
    try {
      this.#receiver.heard(now);
      this.#reader.append(bytes);
      for (let packet = this.#reader.next(); packet && this.#state === OPEN; packet = this.#reader.next())
        this.#receiver.receive(packet, now);
    } catch (error) {
      this.#owner.failed(error);
    }
  }

  onDrain(): void {
    this.congested = false;
    this.#flush();
  }

  onClose(error?: Error): void {
    if (this.#state === CLOSED) return;
    this.#state = CLOSED;
    this.#cutting?.cancel();
    this.#owner.closed(error);
  }

  #flush(): void {
    this.#flushDue = false;
    if (this.#state !== OPEN || this.congested) return;
    const size = this.#waiting;
    if (size > 0) {
      const bytes = new Uint8Array(size);
      let at = 0;
      for (const packet of this.#packets.splice(0)) {
        bytes.set(packet, at);
        at += packet.length;
      }
      this.#waiting = 0;
      this.congested = !this.transport.write(bytes);
    }
    this.#receiver.flushed(this.#clock.now(), size);
  }
}
