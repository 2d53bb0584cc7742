/** One network connection: decodes packets from a transport's bytes, and writes the packets of one tick together. */

import { TransportError } from "../errors.js";
import type { Clock, Timer } from "../platform/clock.js";
import type { Transport, TransportListener } from "../platform/transport.js";
import type { PacketReader } from "./packet-reader.js";
import type { SmallSession } from "./small-session.js";

/** At this many waiting bytes, they are flushed before the tick ends. */
const EARLY_FLUSH = 61_440;
/** The most bytes of answers that may wait for a server that does not read. */
const MOST_WAITING = 1_048_576;
/** In milliseconds. */
const LINGER = 50;

// The states of a connection. Numbers take fewer bytes than words.
const OPEN = 0;
const ENDING = 1;
const CLOSED = 2;

export class SmallConnection implements TransportListener {
  readonly transport: Transport;
  readonly #clock: Clock;
  readonly #reader: PacketReader;
  readonly #session: SmallSession;
  readonly #failed: (error: unknown) => void;
  readonly #closed: (error: Error | undefined) => void;
  readonly #packets: Uint8Array[] = [];
  #waiting = 0;
  #flushDue = false;
  /** True while the transport asks the writer to wait. Packets that can wait should wait. */
  congested = false;
  #state: typeof OPEN | typeof ENDING | typeof CLOSED = OPEN;
  #cutting: Timer | undefined;

  /**
   * @param session receives the packets
   * @param failed called if received bytes are not a valid packet, or if the session threw. The callee decides how to
   * end
   * @param closed called when the connection is closed. Nothing is called after it
   */
  constructor(
    transport: Transport,
    clock: Clock,
    reader: PacketReader,
    session: SmallSession,
    failed: (error: unknown) => void,
    closed: (error: Error | undefined) => void,
  ) {
    this.transport = transport;
    this.#clock = clock;
    this.#reader = reader;
    this.#session = session;
    this.#failed = failed;
    this.#closed = closed;
  }

  write(packet: Uint8Array): void {
    this.#packets.push(packet);
    this.#waiting += packet.length;
    if (this.congested) {
      if (this.#waiting > MOST_WAITING) this.#failed(new TransportError("CONNECTION_LOST", "congested"));
    } else if (this.#waiting >= EARLY_FLUSH) {
      this.#flush();
    } else if (!this.#flushDue) {
      this.#flushDue = true;
      this.#clock.defer(() => this.#flush());
    }
  }

  /**
   * @param patience milliseconds to wait until written bytes have left, at least 50; undefined: closes immediately
   * @param linger milliseconds that a server then has to close its side
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
      this.#session.received(now);
      this.#reader.append(bytes);
      for (let packet = this.#reader.next(); packet && this.#state === OPEN; packet = this.#reader.next())
        this.#session.receive(packet, now);
    } catch (error) {
      this.#failed(error);
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
    this.#closed(error);
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
    this.#session.sent(this.#clock.now(), size);
  }
}
