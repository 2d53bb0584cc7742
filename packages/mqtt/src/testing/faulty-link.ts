/**
 * A network that fails on request: a Dial whose connections are memory pairs. They can be cut at a given byte, slow,
 * chunked, or half-open. The faults are chosen once per connection, so that a seed determines the whole run.
 */

import { TransportError } from "../errors.js";
import type { AbortSignalLike } from "../platform/abort.js";
import type { Clock } from "../platform/clock.js";
import type { Platform } from "../platform/platform.js";
import type { Random } from "../platform/random.js";
import type { ServerAddress, Transport, TransportListener } from "../platform/transport.js";
import { memoryPair } from "../transport/memory-pair.js";
import { SeededRandom } from "./seeded-random.js";

/** The faults of one connection. A direction is named after its receiver. */
export interface LinkFaults {
  /** Whether dialling is refused. Default false. */
  readonly refused?: boolean | undefined;
  /** Milliseconds from one end to the other. Default 0: the next tick. */
  readonly delay?: number | undefined;
  /** The most bytes that are delivered at once. 1 delivers single bytes. Default: as they were written. */
  readonly chunkSize?: number | undefined;
  /** Cuts the connection at both ends when this end has received this many bytes. Default: never. */
  readonly cut?: ByteOffsets | undefined;
  /**
   * Makes the connection half-open: after this many bytes this end receives nothing more, not even the end of the
   * connection. Default: never.
   */
  readonly vanish?: ByteOffsets | undefined;
}

/** A number of received bytes for each direction. */
export interface ByteOffsets {
  /** Bytes that the client received. */
  readonly toClient?: number | undefined;
  /** Bytes that the server received. */
  readonly toServer?: number | undefined;
}

/** Accepts the server's end of each connection: a function, or an object with the method `accept`, such as a broker. */
export type LinkServer =
  | ((server: Transport) => void)
  | {
      /** Accepts the server's end of a connection. */
      accept(server: Transport): void;
    };

/** One generator for each clock: clients on one clock must have different identifiers. */
const randoms = new WeakMap<Clock, Random>();

/**
 * A network between clients and one server, in memory. It works without faults until you request one.
 *
 * @example
 * const clock = new FakeClock();
 * await using broker = await Broker.listen({ listeners: [], clock });
 * const link = new FaultyLink(clock, broker, (attempt) => (attempt === 0 ? { cut: { toServer: 100 } } : {}));
 * const client = createClient("mqtt://broker", { platform: link.platform });
 * await clock.until(client.connect());
 */
export class FaultyLink {
  /**
   * The option `platform` for clients of this link: the link's clock, its `dial`, and random numbers that repeat in
   * each run. All links of one clock share a generator with the seed 1, so that their clients have different
   * identifiers. For another seed pass `{ ...link.platform, random: new SeededRandom(2) }`.
   */
  readonly platform: Platform;
  private readonly accept: (server: Transport) => void;
  private readonly ends = new Set<FaultyTransport>();
  private dialled = 0;

  /**
   * @param clock the clock of the connections. A broker needs the same clock
   * @param server accepts the server's end of every connection
   * @param faults returns the faults of one connection; `attempt` counts from 0. Default: none
   */
  constructor(
    private readonly clock: Clock,
    server: LinkServer,
    private readonly faults: (attempt: number) => LinkFaults = () => ({}),
  ) {
    this.accept = typeof server === "function" ? server : (transport) => server.accept(transport);
    const random = randoms.get(clock) ?? new SeededRandom(1);
    randoms.set(clock, random);
    this.platform = { clock, random, dial: (address, signal) => this.dial(address, signal) };
  }

  /** The number of calls of `dial`. */
  get attempts(): number {
    return this.dialled;
  }

  /** The option `dial`, for a client with a platform of its own. The address is not used. */
  readonly dial = async (address: ServerAddress, signal: AbortSignalLike): Promise<Transport> => {
    const faults = this.faults(this.dialled++);
    if (signal.aborted || faults.refused) {
      throw new TransportError("CONNECTION_FAILED", `${address.host}:${address.port} refused the connection`);
    }
    return this.connect(faults);
  };

  /** Connects immediately, without an address. Returns the client's end. */
  connect(faults: LinkFaults = {}): Transport {
    const [client, server] = memoryPair(this.clock, faults);
    const clientEnd = new FaultyTransport(this.clock, client, this.ends, faults.cut?.toClient, faults.vanish?.toClient);
    const serverEnd = new FaultyTransport(this.clock, server, this.ends, faults.cut?.toServer, faults.vanish?.toServer);
    this.accept(serverEnd);
    return clientEnd;
  }

  /** Cuts every open connection, now. */
  cut(): void {
    for (const end of [...this.ends]) end.destroy();
  }

  /**
   * Makes every open connection half-open: from now on no byte arrives in either direction, and no error is reported.
   */
  vanish(): void {
    for (const end of this.ends) end.vanish();
  }
}

/** Returns random faults. Each connection is cut at a random byte below `within`. */
export function randomFaults(random: Random, within: number): LinkFaults {
  const offset = Math.floor(random.next() * within);
  const toClient = random.next() < 0.5;
  const cut = toClient ? { toClient: offset } : { toServer: offset };
  const delay = random.next() < 0.5 ? 0 : Math.floor(random.next() * 20);
  return random.next() < 0.3 ? { cut, delay, chunkSize: 1 + Math.floor(random.next() * 4) } : { cut, delay };
}

class FaultyTransport implements Transport, TransportListener {
  private listener: TransportListener | undefined;
  private received = 0;
  /** The connection has ended, but its owner was not informed, because it is half-open. */
  private untold = false;

  constructor(
    private readonly clock: Clock,
    private readonly inner: Transport,
    private readonly open: Set<FaultyTransport>,
    private readonly cutAt = Infinity,
    private vanishAt = Infinity,
  ) {
    open.add(this);
  }

  start(listener: TransportListener): void {
    this.listener = listener;
    this.inner.start(this);
    if (this.cutAt === 0) this.inner.destroy();
  }

  get unsent(): number {
    return this.inner.unsent ?? 0;
  }

  write(bytes: Uint8Array): boolean {
    return this.inner.write(bytes);
  }

  pause(): void {
    this.inner.pause();
  }

  resume(): void {
    this.inner.resume();
  }

  end(sent?: () => void): void {
    this.inner.end(sent);
  }

  destroy(): void {
    this.vanishAt = Infinity; // an end that closes itself is informed
    if (this.untold) {
      this.untold = false;
      this.clock.defer(() => this.listener?.onClose());
    }
    this.inner.destroy();
  }

  vanish(): void {
    this.vanishAt = 0;
  }

  onBytes(bytes: Uint8Array): void {
    const last = Math.min(this.cutAt, this.vanishAt) - this.received;
    this.received += bytes.length;
    if (last > 0) this.listener?.onBytes(last < bytes.length ? bytes.subarray(0, last) : bytes);
    if (this.received >= this.cutAt) this.inner.destroy();
  }

  onDrain(): void {
    this.listener?.onDrain();
  }

  onClose(error?: Error): void {
    this.open.delete(this);
    if (this.received < this.vanishAt) this.listener?.onClose(error);
    else this.untold = true;
  }
}
