/**
 * One network connection that a client opened: refuses what must not come before CONNECT, has the hub answer CONNECT, then
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
import type { BrokerSettings } from "./broker-options.js";
import { returnCodeOf } from "./return-codes.js";
import type { Terms } from "./terms.js";
import { hasMoreLevels } from "./topic-levels.js";

/** Who answers a CONNECT, and hears of what went wrong before there was a client. */
export interface Reception {
  /** Lets the client in by `admit`, or refuses it by `refuse`; perhaps later. */
  connect(connection: ClientConnection, packet: ConnectPacket): void;
  gone(connection: ClientConnection): void;
  refused(reason: string): void;
}

/** The client that a connection is for, once it has been let in. */
export interface AdmittedClient {
  readonly session: ServerSession;
  connectionEnded(connection: ClientConnection, reason: string): void;
}

/** How a client came. */
export interface Arrival {
  /** Of the other end; undefined at a Unix socket. */
  readonly address?: string | undefined;
  /** The origin of the web page that the client runs in; undefined if the client sent none. */
  readonly origin?: string | undefined;
  /** By the clock, when it must have been let in. Default: `connectTimeout` from now. */
  readonly deadline?: number | undefined;
}

/** The longest packet accepted before CONNECT is: long enough for every sensible CONNECT. */
export const STRANGERS_MAXIMUM = 262_144;

/** The faults of a CONNECT that there is a CONNACK for, in the form that clients of every version understand. */
const CONNACKS: Partial<Record<ProtocolError["code"], Uint8Array>> = {
  UNSUPPORTED_PROTOCOL_VERSION: Uint8Array.of(0x20, 2, 0, 1),
  CLIENT_IDENTIFIER_REFUSED: Uint8Array.of(0x20, 2, 0, 2),
};

/** What a client may send once it has been let in. */
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
 * Decodes nothing while it is held: what a client sends behind CONNECT waits as the bytes it came in, which take less than
 * packets do.
 */
class HeldPacketStream extends PacketStream {
  held = false;

  override next(): Packet | undefined {
    return this.held ? undefined : super.next();
  }
}

export class ClientConnection implements ConnectionOwner {
  readonly network: NetworkConnection;
  private readonly limits: DecoderLimits;
  private readonly packets: HeldPacketStream;
  private stage: Stage = { at: "waiting" };
  /** When the client must have been let in. */
  private readonly mustBeIn: number;

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

  /** Whether the client has not been let in. */
  get isStranger(): boolean {
    return this.stage.at !== "admitted";
  }

  /** Whether the client still waits for its CONNACK. */
  get isDeciding(): boolean {
    return this.stage.at === "deciding";
  }

  /** CONNACK, and the client's session takes over. */
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
    this.receiveHeld(now);
    this.network.resume();
  }

  /** CONNACK with a reason, and the end. */
  refuse(refusal: number, reason: string): void {
    if (this.stage.at !== "deciding") return;
    const { version } = this.stage;
    const reasonCode = version === 5 ? refusal : returnCodeOf(refusal);
    this.write({ type: "connack", sessionPresent: false, reasonCode }, version);
    this.drop(reason);
  }

  /** Ends the connection, on MQTT 5 with the reason said. */
  close(reasonCode: number, reason: string): void {
    if (this.stage.at === "admitted" && this.stage.version === 5) this.write({ type: "disconnect", reasonCode }, 5);
    this.finish(reason);
  }

  /** The client said DISCONNECT: the socket is closed by this side too [MQTT-3.14.4-3]. */
  leave(): void {
    this.finish("DISCONNECT");
  }

  packetReceived(packet: Packet, now: number): void {
    const { stage } = this;
    switch (stage.at) {
      case "waiting":
        if (packet.type !== "connect") throw new Error(`bug: ${packet.type} before CONNECT got through the decoder`);
        this.stage = { at: "deciding", version: packet.protocolVersion };
        this.packets.held = true;
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
    // One chunk more than CONNECT's is kept. Reading only now lets a client that leaves be noticed.
    else if (this.stage.at === "deciding") this.network.pause();
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
      // What only CONNACK can say is said of a second CONNECT, which is a protocol error whatever it holds.
      this.close(connack === undefined ? error.reasonCode : ReasonCode.PROTOCOL_ERROR, error.message);
      return;
    }
    if (this.stage.at === "waiting" && connack !== undefined) this.writeBytes(connack);
    this.drop(error.message);
  }

  deadline(): number {
    if (this.stage.at === "admitted") return this.stage.client.session.deadline();
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
    this.finish("the client closed the connection without DISCONNECT");
    this.reception.gone(this);
  }

  /** What came behind CONNECT before it was answered, in order. */
  private receiveHeld(now: number): void {
    const { packets } = this;
    packets.held = false;
    try {
      while (this.stage.at === "admitted") {
        const packet = packets.next();
        if (packet === undefined) return;
        this.receive(this.stage.client, packet, now);
      }
    } catch (error) {
      this.failed(error);
    }
  }

  /** Checks before the session does anything: what it had begun would be in the way of the client's next connection. */
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
  }
}
