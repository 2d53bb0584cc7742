// Network connections whose packets arrive only when the explorer lets them. Data that a client wrote before it
// abandoned a connection can arrive later, when other connections exist; data for an end that is gone is dropped. Knows
// packets only by their length.
import type { Clock } from "@aiko/mqtt";
import type { Transport, TransportListener } from "../../packages/mqtt/src/platform/transport.ts";

/** A packet in transit, or half of many similar ones; or the end of the stream. */
export type Item = Uint8Array | "end";

/** One end of a connection, as its owner sees it. */
export class End implements Transport {
  /** Data in transit to this end. */
  readonly arriving: Item[] = [];
  peer: End = this;
  isOpen = true;
  /** Whether its owner has sent everything: it waits for the other's end, and receives nothing else any more. */
  private isEnding = false;
  private listener: TransportListener | undefined;

  constructor(
    private readonly clock: Clock,
    /** Called with every event for the owner. */
    private readonly told: (what: Item) => void,
    /** Called with all data that is sent. */
    private readonly sent: (what: Item) => void,
    /**
     * Whether its owner waits for the other's end after it has sent everything: a server does not need to, since it no
     * longer reads.
     */
    private readonly waits: boolean,
  ) {}

  start(listener: TransportListener): void {
    this.listener = listener;
  }

  write(bytes: Uint8Array): boolean {
    if (this.isOpen) for (const packet of gathered(packetsOf(bytes.slice()))) this.send(packet);
    return true;
  }

  pause(): void {}

  resume(): void {}

  end(sent?: () => void): void {
    if (!this.isOpen || this.isEnding) return;
    this.sendEnd();
    if (!this.waits) {
      this.close(undefined);
      return;
    }
    const ends = this.arriving.includes("end");
    this.arriving.length = 0;
    if (ends) this.arriving.push("end");
    sent?.();
  }

  destroy(): void {
    this.sendEnd();
    this.close(undefined);
  }

  /** The next item in transit arrives. */
  receive(): Item {
    const item = this.arriving.shift();
    if (item === undefined || !this.isOpen) throw new Error("bug: nothing is on its way");
    this.told(item);
    if (item === "end") this.destroy();
    else this.listener?.onBytes(item);
    return item;
  }

  /** The owner detects that the connection is broken; the other end detects it only after the written data. */
  lose(): void {
    if (!this.isOpen) return;
    this.sendEnd();
    this.told("end");
    this.close(new Error("the connection is broken"));
  }

  /** Its process has ended. */
  die(): void {
    this.sendEnd();
    this.listener = undefined;
    this.close(undefined);
  }

  /** The connection is broken, and all data in transit to this end is lost. */
  cut(): void {
    this.told("end");
    this.close(new Error("the connection was cut"));
  }

  private sendEnd(): void {
    if (!this.isOpen || this.isEnding) return;
    this.send("end");
    this.isEnding = true;
  }

  private send(item: Item): void {
    if (this.isEnding || !this.peer.isOpen || (this.peer.isEnding && item !== "end")) return;
    this.peer.arriving.push(item);
    this.sent(item);
  }

  private close(error: Error | undefined): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.arriving.length = 0;
    const { listener } = this;
    this.listener = undefined;
    if (listener !== undefined) this.clock.defer(() => listener.onClose(error));
  }
}

/** A connection between a client and the server. */
export interface Connection {
  /** Starts at 1. */
  readonly number: number;
  /** The number of the process that opened it. */
  readonly process: number;
  readonly client: End;
  readonly server: End;
}

export function connectionOf(number: number, process: number, client: End, server: End): Connection {
  client.peer = server;
  server.peer = client;
  return { number, process, client, server };
}

/** This many packets of one type in one write are two items: the position of the split hardly matters. */
const ROW = 8;

function gathered(packets: readonly Uint8Array[]): Uint8Array[] {
  const items: Uint8Array[] = [];
  for (let start = 0; start < packets.length; ) {
    let end = start + 1;
    while (packets[end]?.[0] === packets[start]?.[0]) end++;
    const row = packets.slice(start, end);
    const half = row.length >> 1;
    if (row.length < ROW) items.push(...row);
    else items.push(joined(row.slice(0, half)), joined(row.slice(half)));
    start = end;
  }
  return items;
}

function joined(packets: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(packets.reduce((length, packet) => length + packet.length, 0));
  let at = 0;
  for (const packet of packets) {
    bytes.set(packet, at);
    at += packet.length;
  }
  return bytes;
}

/** The packets in `bytes`: a write always has whole packets. */
function packetsOf(bytes: Uint8Array): Uint8Array[] {
  const packets: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; ) {
    let at = start + 1;
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] as number;
      length += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    packets.push(bytes.subarray(start, at + length));
    start = at + length;
  }
  return packets;
}
