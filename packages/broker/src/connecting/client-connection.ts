/**
 * One network connection that a client opened. Rejects packets before CONNECT, passes CONNECT to the hub, and then
 * drives the client's session until the connection ends.
 */

import { type Clock, ProtocolError, type Transport } from "@aiko/mqtt";
import {
  type ConnackPacket,
  type ConnectPacket,
  type DecoderLimits,
  encode,
  type Packet,
  PacketStream,
  type ProtocolVersion,
  packetTypeBits,
  ReasonCode,
} from "@aiko/mqtt/codec";
import { type ConnectionOwner, NetworkConnection, type ServerSession } from "@aiko/mqtt/session";
import { hasMoreLevels } from "../messages/topic-levels.js";
import type { BrokerSettings } from "../options/broker-options.js";
import { returnCodeOf } from "./return-codes.js";
import type { Terms } from "./terms.js";

/** Where a connection came from, and when it was made. */
export interface Origin {
  readonly address: string | undefined;
  /** The name or URL of the listener; undefined for connections that the application made. */
  readonly listener: string | undefined;
  /** When its client was accepted, in the milliseconds of the clock. */
  readonly connectedAt: number;
}

/** Answers CONNECT, and receives errors that occur before a client is accepted. */
export interface Reception {
  /** Accepts the client with `admit`, or refuses it with `refuse`, possibly later. */
  connect(connection: ClientConnection, packet: ConnectPacket): void;
  gone(connection: ClientConnection): void;
  refused(reason: string): void;
}

/** The client of a connection, after it was accepted. */
export interface AdmittedClient {
  readonly session: ServerSession;
  connectionEnded(connection: ClientConnection, reason: string): void;
}

/** How a client connected. */
export interface Arrival {
  /** The address of the client; undefined at a Unix socket. */
  readonly address?: string | undefined;
  /** The origin of the web page that the client runs in; undefined if the client sent none. */
  readonly origin?: string | undefined;
  /** The name or URL of the listener; undefined for connections that the application made. */
  readonly listener?: string | undefined;
  /** When the client must have been accepted, by the clock. Default: `connectTimeout` from now. */
  readonly deadline?: number | undefined;
}

/** The most bytes of a packet before CONNECT is accepted: enough for every reasonable CONNECT. */
export const STRANGERS_MAXIMUM = 262_144;

/** The CONNACK for each fault of a CONNECT that has one, in the form that clients of every version understand. */
const CONNACKS: Partial<Record<ProtocolError["code"], Uint8Array>> = {
  UNSUPPORTED_PROTOCOL_VERSION: Uint8Array.of(0x20, 2, 0, 1),
  CLIENT_IDENTIFIER_REFUSED: Uint8Array.of(0x20, 2, 0, 2),
};

const HUNG_UP = "the client closed the connection without DISCONNECT";

/** The packets that a client may send after it was accepted. */
const FROM_CLIENTS = packetTypeBits(
  "publish",
  "puback",
  "pubrec",
  "pubrel",
  "pubcomp",
  "subscribe",
  "unsubscribe",
  "pingreq",
  "disconnect",
);

type Stage =
  | { readonly at: "waiting" }
  | { readonly at: "deciding"; readonly version: ProtocolVersion }
  | { readonly at: "admitted"; readonly client: AdmittedClient; readonly version: ProtocolVersion }
  | { readonly at: "over" };

/**
 * Decodes nothing while it is held. What a client sends while the application decides waits as bytes, which take less
 * memory than packets.
 */
class HeldPacketStream extends PacketStream {
  /** How many decisions must be made before the next packet is decoded. */
  holds = 0;

  override next(): Packet | undefined {
    return this.holds > 0 ? undefined : super.next();
  }
}

export class ClientConnection implements ConnectionOwner {
  readonly network: NetworkConnection;
  private readonly limits: DecoderLimits;
  private readonly packets: HeldPacketStream;
  private stage: Stage = { at: "waiting" };
  /** When the client must have been accepted. */
  private readonly mustBeIn: number;
  /** The transport has closed, and packets that arrived before are still to be handled. */
  private hungUp = false;

  constructor(
    transport: Transport,
    private readonly clock: Clock,
    private readonly settings: BrokerSettings,
    private readonly reception: Reception,
    readonly arrival: Arrival = {},
  ) {
    this.limits = {
      maximumPacketSize: Math.min(STRANGERS_MAXIMUM, settings.maximumPacketSize),
      longClientIdentifiers: settings.longClientIdentifiers,
    };
    this.packets = new HeldPacketStream("any", this.limits);
    this.network = new NetworkConnection(transport, clock, this.packets, this);
    this.mustBeIn = arrival.deadline ?? clock.now() + settings.connectTimeout;
    this.network.watch();
    this.network.start();
  }

  /** Whether the client has not been accepted. */
  get isStranger(): boolean {
    return this.stage.at !== "admitted";
  }

  /** Whether the transport has closed, although packets that arrived before are still to be handled. */
  get hasHungUp(): boolean {
    return this.hungUp;
  }

  /** Where the connection came from. Its client is accepted now. */
  get origin(): Origin {
    const { address, listener } = this.arrival;
    return { address, listener, connectedAt: this.clock.now() };
  }

  /** Whether the client still waits for CONNACK. */
  get isDeciding(): boolean {
    return this.stage.at === "deciding";
  }

  /** Sends CONNACK and passes the connection to the client's session. */
  admit(client: AdmittedClient, packet: ConnectPacket, { keepAlive, resumed }: Terms, connack: ConnackPacket): void {
    if (this.stage.at !== "deciding") return;
    const { version } = this.stage;
    this.write(connack, version);
    this.stage = { at: "admitted", client, version };
    this.limits.maximumPacketSize = this.settings.maximumPacketSize;
    this.limits.expected = FROM_CLIENTS;
    const now = this.clock.now();
    client.session.connectionOpened(this.network, packet, keepAlive, resumed, now);
    this.network.watch();
    this.release();
  }

  /** Handles no further packet until `release` was called as often as `hold`. Reading stops after one more chunk. */
  hold(): void {
    this.packets.holds++;
  }

  /** Handles the packets that arrived meanwhile, in order, and continues reading. */
  release(): void {
    this.packets.holds--;
    if (this.packets.holds > 0 || this.stage.at !== "admitted") return;
    const now = this.clock.now();
    this.stage.client.session.bytesReceived(now); // the client may have spoken, but was not heard
    this.receiveHeld(now);
    if (this.packets.holds > 0) return;
    if (this.hungUp) this.finish(HUNG_UP);
    this.network.watch();
    this.network.resume();
  }

  /** Sends CONNACK with the reason, and closes. */
  refuse(refusal: number, reason: string): void {
    if (this.stage.at !== "deciding") return;
    const { version } = this.stage;
    const reasonCode = version === 5 ? refusal : returnCodeOf(refusal);
    this.write({ type: "connack", sessionPresent: false, reasonCode }, version);
    this.drop(reason);
  }

  /** Closes the connection; on MQTT 5, sends the reason. */
  close(reasonCode: number, reason: string): void {
    if (this.stage.at === "admitted" && this.stage.version === 5) this.write({ type: "disconnect", reasonCode }, 5);
    this.finish(reason);
  }

  /** Called when the client sent DISCONNECT: the broker closes the socket, too [MQTT-3.14.4-3]. */
  leave(): void {
    this.finish("DISCONNECT");
  }

  packetReceived(packet: Packet, now: number): void {
    const { stage } = this;
    switch (stage.at) {
      case "waiting":
        if (packet.type !== "connect") throw new Error(`bug: ${packet.type} before CONNECT got through the decoder`);
        this.stage = { at: "deciding", version: packet.protocolVersion };
        this.hold();
        if (packet.will !== undefined) this.checkLevels("connect: will topic", packet.will.topic);
        this.reception.connect(this, packet);
        break;
      case "deciding":
        throw new Error(`bug: ${packet.type} was decoded before CONNACK`);
      case "admitted":
        this.receive(stage.client, packet, now);
        break;
      case "over":
        break;
    }
  }

  bytesReceived(now: number): void {
    if (this.stage.at === "admitted") this.stage.client.session.bytesReceived(now);
    // At most one more chunk is kept. Reading stops only now, so that a client that disconnects is noticed.
    if (this.packets.holds > 0) this.network.pause();
  }

  beforeFlush(): undefined {
    return undefined;
  }

  flushed(): void {
    if (this.stage.at === "admitted") this.stage.client.session.flushed();
  }

  drained(now: number): void {
    if (this.stage.at === "admitted") this.stage.client.session.drained(now);
  }

  failed(error: unknown): void {
    if (!(error instanceof ProtocolError)) {
      this.drop(`the broker failed: ${error}`);
      return;
    }
    const connack = CONNACKS[error.code];
    if (this.stage.at === "admitted") {
      // Some faults can only be reported in a CONNACK. In a second CONNECT, which is a protocol error in any case, they
      // are reported as one.
      this.close(connack === undefined ? error.reasonCode : ReasonCode.PROTOCOL_ERROR, error.message);
      return;
    }
    if (this.stage.at === "waiting" && connack !== undefined) this.writeBytes(connack);
    this.drop(error.message);
  }

  deadline(): number {
    if (this.stage.at === "admitted") return this.packets.holds > 0 ? Infinity : this.stage.client.session.deadline();
    return this.stage.at === "over" ? Infinity : this.mustBeIn;
  }

  advance(now: number, sure: boolean): boolean {
    if (now < this.deadline()) return true;
    if (this.stage.at === "admitted" && !sure) return false;
    if (this.stage.at === "admitted")
      this.close(ReasonCode.KEEP_ALIVE_TIMEOUT, "no packet received for 1.5 times the keep-alive");
    else this.connectTimedOut();
    return true;
  }

  closed(): void {
    this.hungUp = true;
    if (this.packets.holds > 0 && this.stage.at === "admitted") return; // DISCONNECT may be among its packets
    if (this.stage.at === "over") this.reception.gone(this);
    else this.finish(HUNG_UP);
  }

  /** Handles what arrived while the connection was held, in order, until it is held again. */
  private receiveHeld(now: number): void {
    try {
      while (this.stage.at === "admitted") {
        const packet = this.packets.next();
        if (packet === undefined) return;
        this.receive(this.stage.client, packet, now);
      }
    } catch (error) {
      this.failed(error);
    }
  }

  /**
   * Checks the packet before the session handles it. Otherwise an incomplete exchange could disturb the client's next
   * connection.
   */
  private receive(client: AdmittedClient, packet: Packet, now: number): void {
    if (packet.type === "publish") this.checkLevels("publish: topicName", packet.topic);
    client.session.receive(packet, now);
  }

  private checkLevels(what: string, topic: string): void {
    const { maximumTopicLevels } = this.settings;
    if (!hasMoreLevels(topic, maximumTopicLevels)) return;
    throw new ProtocolError(
      "TOPIC_NAME_REFUSED",
      ReasonCode.TOPIC_NAME_INVALID,
      `${what} has more levels than ${maximumTopicLevels}`,
    );
  }

  private connectTimedOut(): void {
    const { connectTimeout } = this.settings;
    if (this.stage.at === "waiting") this.drop(`no CONNECT within ${connectTimeout} ms`);
    else this.refuse(ReasonCode.SERVER_UNAVAILABLE, `authenticate did not answer within ${connectTimeout} ms`);
  }

  private write(packet: Packet, version: ProtocolVersion): void {
    this.writeBytes(encode(packet, version));
  }

  private writeBytes(bytes: Uint8Array): void {
    this.network.out.append(bytes);
    this.network.touch();
  }

  private drop(reason: string): void {
    if (this.stage.at !== "admitted" && this.stage.at !== "over") this.reception.refused(reason);
    this.finish(reason);
  }

  private finish(reason: string): void {
    const { stage } = this;
    if (stage.at === "over") return;
    this.stage = { at: "over" };
    this.network.end();
    if (stage.at === "admitted") stage.client.connectionEnded(this, reason);
    if (this.hungUp) this.reception.gone(this);
  }
}
