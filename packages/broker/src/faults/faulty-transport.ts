/** A transport that cuts the bytes of both directions into packets, and applies faults to them. */

import type { Clock, Transport, TransportListener } from "@aiko/mqtt";
import { type Packet, PacketStream, type ProtocolVersion, packetTypes } from "@aiko/mqtt/codec";
import type { Direction, FaultAction, PacketOnItsWay } from "./fault.js";
import { PacketCutter } from "./packet-cutter.js";
import { PacketLane } from "./packet-lane.js";
import { refusalOf } from "./refusals.js";

export class FaultyTransport implements Transport, TransportListener {
  private listener: TransportListener | undefined;
  private clientId = "";
  private version: ProtocolVersion = 5;
  private readonly cutters = { received: new PacketCutter(), sent: new PacketCutter() };
  private readonly lanes: Readonly<Record<Direction, PacketLane>>;
  private isOver = false;
  /** The client has closed; delayed packets are still to be received. */
  private closing: { readonly error: Error | undefined } | undefined;
  /** The broker has closed; delayed packets are still to be sent. */
  private ending: { readonly sent: (() => void) | undefined } | undefined;
  private isPaused = false;
  /** Whether the transport below had room at the last write. */
  private hasRoom = true;

  constructor(
    private readonly inner: Transport,
    private readonly clock: Clock,
    private readonly actionFor: (packet: PacketOnItsWay) => FaultAction | undefined,
  ) {
    this.lanes = {
      received: new PacketLane(
        clock,
        (packet) => this.handle("received", packet),
        () => this.allReceived(),
      ),
      sent: new PacketLane(
        clock,
        (packet) => this.handle("sent", packet),
        () => this.allSent(),
      ),
    };
  }

  start(listener: TransportListener): void {
    this.listener = listener;
    this.inner.start(this);
  }

  write(bytes: Uint8Array): boolean {
    const { sent } = this.lanes;
    this.hasRoom = true;
    // A copy, because the caller may reuse its buffer before a delayed packet is sent.
    for (const packet of this.cutters.sent.cut(bytes.slice())) sent.push(packet);
    return this.hasRoom && !sent.isFull;
  }

  pause(): void {
    this.isPaused = true;
    this.inner.pause();
  }

  resume(): void {
    this.isPaused = false;
    if (!this.lanes.received.isFull) this.inner.resume();
  }

  end(sent?: () => void): void {
    if (this.lanes.sent.isBusy) this.ending = { sent };
    else this.inner.end(sent);
  }

  destroy(): void {
    this.stop();
    this.inner.destroy();
    if (this.closing === undefined) return;
    const { error } = this.closing;
    this.closing = undefined;
    this.clock.defer(() => this.listener?.onClose(error));
  }

  onBytes(bytes: Uint8Array): void {
    const { received } = this.lanes;
    for (const packet of this.cutters.received.cut(bytes)) received.push(packet);
    if (received.isFull) this.inner.pause();
  }

  onDrain(): void {
    if (!this.lanes.sent.isFull) this.listener?.onDrain();
  }

  onClose(error?: Error): void {
    if (this.lanes.received.isBusy) {
      this.closing = { error };
      return;
    }
    this.stop();
    this.listener?.onClose(error);
  }

  private handle(direction: Direction, bytes: Uint8Array): void {
    if (this.isOver) return;
    const type = packetTypes[(bytes[0] ?? 0) >> 4];
    if (type === "connect" || type === "connack") this.learn(bytes);
    const action = this.actionFor({ type, direction, clientId: this.clientId });
    switch (action?.kind) {
      case undefined:
        this.pass(direction, bytes);
        break;
      case "drop":
        break;
      case "duplicate":
        this.pass(direction, bytes);
        this.pass(direction, bytes);
        break;
      case "delay":
        this.lanes[direction].delay(action.milliseconds, () => this.pass(direction, bytes));
        break;
      case "close":
        this.destroy();
        break;
      case "refuse":
        this.refuse(bytes, action.reasonCode);
        break;
    }
  }

  private pass(direction: Direction, bytes: Uint8Array): void {
    if (this.isOver) return;
    if (direction === "received") this.listener?.onBytes(bytes);
    else if (!this.inner.write(bytes)) this.hasRoom = false;
  }

  private refuse(bytes: Uint8Array, reasonCode: number): void {
    const packet = decoded(bytes, this.version);
    if (packet === undefined) {
      this.pass("received", bytes);
      return;
    }
    const answer = refusalOf(packet, this.version, reasonCode);
    if (answer !== undefined) this.inner.write(answer);
    if (packet.type === "connect") this.inner.end();
  }

  private learn(bytes: Uint8Array): void {
    const packet = decoded(bytes, this.clientId === "" && bytes[0] === CONNECT ? "any" : this.version);
    if (packet?.type === "connect") {
      this.clientId = packet.clientId;
      this.version = packet.protocolVersion;
    } else if (packet?.type === "connack") {
      this.clientId = packet.properties?.assignedClientIdentifier ?? this.clientId;
    }
  }

  private stop(): void {
    this.isOver = true;
    this.lanes.received.end();
    this.lanes.sent.end();
  }

  private allReceived(): void {
    if (this.closing !== undefined) this.onClose(this.closing.error);
    else if (!this.isPaused) this.inner.resume();
  }

  private allSent(): void {
    if (this.ending !== undefined) this.inner.end(this.ending.sent);
    else this.listener?.onDrain();
  }
}

/** The first byte of CONNECT. */
const CONNECT = 0x10;

/** Returns undefined if the packet is not valid. */
function decoded(bytes: Uint8Array, version: ProtocolVersion | "any"): Packet | undefined {
  const stream = new PacketStream(version, { longClientIdentifiers: true });
  try {
    stream.append(bytes);
    return stream.next();
  } catch {
    return undefined;
  }
}
