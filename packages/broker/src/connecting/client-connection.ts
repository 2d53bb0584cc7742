/**
 * One network connection that a client opened. Rejects packets before CONNECT, passes CONNECT to the hub, and then
 * drives the client's session until the connection ends.
 */

import { type Clock, ProtocolError, type Transport, TransportError } from "@aiko/mqtt";
import {
  type AuthPacket,
  type ConnackPacket,
  type ConnectPacket,
  type DecoderLimits,
  type DisconnectProperties,
  type Packet,
  ReasonCode,
} from "@aiko/mqtt/codec";
import { type ConnectionOwner, NetworkConnection } from "@aiko/mqtt/session";
import type { ConnectionOrigin } from "../clients/session-handle.js";
import { publicationFault } from "../messages/permitted-publications.js";
import type { BrokerSettings } from "../options/broker-options.js";
import { AcceptedPackets } from "./accepted-packets.js";
import type { Arrival } from "./arrival.js";
import { connackFor, disconnectCodeFor } from "./early-faults.js";
import type { AuthenticatedConnection, EnhancedAuthentication } from "./enhanced-authentication.js";
import { ANSWERS, FROM_AUTHENTICATING_CLIENTS, FROM_CLIENTS, faultOf } from "./expected-packets.js";
import { HeldPacketStream } from "./held-packet-stream.js";
import type { AdmittedClient, Reception } from "./reception.js";
import { returnCodeOf } from "./return-codes.js";
import type { Admitted, Stage } from "./stage.js";
import type { Terms } from "./terms.js";
import type { Refused } from "./verdict.js";
import { Share } from "./workload.js";

/** The most bytes of a packet before CONNECT is accepted: enough for every reasonable CONNECT. */
export const STRANGERS_MAXIMUM = 262_144;

const HUNG_UP = "the client closed the connection without DISCONNECT";

export class ClientConnection implements ConnectionOwner, AuthenticatedConnection {
  readonly network: NetworkConnection;
  private readonly limits: DecoderLimits;
  private readonly packets: HeldPacketStream;
  private stage: Stage<ClientConnection> = { at: "waiting" };
  /** When the client must have been accepted. */
  private readonly mustBeIn: number;
  /** The transport has closed, and packets that arrived before are still to be handled. */
  private hungUp = false;
  private authentication: EnhancedAuthentication | undefined;
  /** The batch of the journal that the last bytes depend on. 0 if they depend on none. */
  private dependsOn = 0;
  private readonly share: Share;

  constructor(
    transport: Transport,
    private readonly clock: Clock,
    private readonly settings: BrokerSettings,
    private readonly reception: Reception<ClientConnection>,
    readonly arrival: Arrival = {},
  ) {
    this.limits = {
      maximumPacketSize: Math.min(STRANGERS_MAXIMUM, settings.maximumPacketSize),
      longClientIdentifiers: settings.longClientIdentifiers,
    };
    this.share = new Share(reception.workload);
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
  get origin(): Omit<ConnectionOrigin, "username"> {
    const { address, listener } = this.arrival;
    return { address, listener, connectedAt: this.clock.now() };
  }

  /** Whether the client still waits for CONNACK. */
  get isDeciding(): boolean {
    return this.stage.at === "deciding";
  }

  private get isOver(): boolean {
    return this.stage.at === "over";
  }

  /** Called once, if CONNECT has an authentication method. */
  authenticates(authentication: EnhancedAuthentication): void {
    this.authentication = authentication;
  }

  /**
   * Returns the bytes of a packet before the client is accepted: of CONNACK for `admit`, or of AUTH. If the client does
   * not accept them, refuses it and returns undefined.
   */
  offer(packet: ConnackPacket | AuthPacket): Uint8Array | undefined {
    if (this.stage.at !== "deciding") return undefined;
    const bytes = this.stage.accepted.fitting(packet);
    const reason = `${packet.type.toUpperCase()} exceeds the client's maximumPacketSize`;
    if (bytes === undefined) this.refuse({ reasonCode: ReasonCode.PACKET_TOO_LARGE, reason });
    return bytes;
  }

  /** Sends CONNACK and passes the connection to the client's session. Call `resume` to handle its packets. */
  admit(
    client: AdmittedClient<ClientConnection>,
    packet: ConnectPacket,
    { keepAlive, resumed }: Terms,
    connack: Uint8Array,
  ): void {
    if (this.stage.at !== "deciding") return;
    this.arrival.visit?.accepted();
    this.writeBytes(connack);
    this.stage = { at: "admitted", accepted: this.stage.accepted, client }; // a spread takes 300 bytes more
    this.limits.maximumPacketSize = this.settings.maximumPacketSize;
    this.limits.expected = this.authentication === undefined ? FROM_CLIENTS : FROM_AUTHENTICATING_CLIENTS;
    client.session.connectionOpened(this.network, packet, keepAlive, resumed, this.clock.now());
  }

  /** Sends CONNACK with the reason, and closes. */
  refuse({ reasonCode: refusal, reason, properties }: Refused): void {
    if (this.stage.at !== "deciding") return;
    const { accepted } = this.stage;
    const reasonCode = accepted.version === 5 ? refusal : returnCodeOf(refusal);
    this.writeBytes(accepted.fitting({ type: "connack", sessionPresent: false, reasonCode, properties }));
    this.drop(reason);
  }

  /** Closes the connection; on MQTT 5, sends the reason. */
  close(reasonCode: number, reason: string, properties?: DisconnectProperties): void {
    const { stage } = this;
    if (stage.at === "admitted" && stage.accepted.version === 5)
      this.writeBytes(stage.accepted.fitting({ type: "disconnect", reasonCode, properties }));
    this.finish(reason);
  }

  challenge(packet: AuthPacket): void {
    if (this.stage.at === "admitted") this.stage.client.session.write(packet);
    const bytes = this.offer(packet);
    if (bytes === undefined) return;
    this.writeBytes(bytes);
    this.limits.expected = ANSWERS;
    this.resume();
  }

  /** Stops decoding and reading, until `resume`. */
  hold(): void {
    this.packets.held = true;
    this.network.pause();
  }

  /** Continues after `hold`: handles what has arrived meanwhile, in order, and then reads again. */
  resume(): void {
    if (this.isOver) return;
    const { packets } = this;
    const now = this.clock.now();
    packets.held = false;
    try {
      for (let packet = packets.next(); packet !== undefined; packet = packets.next()) {
        this.packetReceived(packet, now);
        if (this.isOver) return;
      }
    } catch (error) {
      this.failed(error);
    }
    if (packets.isHeld || this.isOver) return;
    if (this.hungUp) {
      this.finish(HUNG_UP);
      return;
    }
    this.heard(now);
    this.network.watch();
    this.network.resume();
  }

  /**
   * Decodes no further packet until `decided` was called as often: the application decides about one. Reading stops after
   * one more chunk.
   */
  awaitDecision(): void {
    this.packets.decisions++;
  }

  /** Handles what has arrived since `awaitDecision`, in order. */
  decided(): void {
    this.packets.decisions--;
    if (!this.packets.isHeld) this.resume();
  }

  /** Called when the client sent DISCONNECT: the broker closes the socket, too [MQTT-3.14.4-3]. */
  leave(): void {
    this.finish("DISCONNECT");
  }

  packetReceived(packet: Packet, now: number): void {
    const { stage } = this;
    this.reception.traffic.packetsReceived++;
    switch (stage.at) {
      case "waiting":
        if (packet.type !== "connect") throw new Error(`bug: ${packet.type} before CONNECT got through the decoder`);
        this.receiveConnect(packet);
        break;
      case "deciding":
        if (packet.type === "auth") this.receiveAuth(packet, undefined);
        else this.drop(`${packet.type.toUpperCase()} before CONNACK`);
        break;
      case "admitted":
        this.receive(stage, packet, now);
        break;
      case "over":
        break;
    }
  }

  bytesReceived(now: number, bytes: Uint8Array): void {
    this.reception.traffic.bytesReceived += bytes.length;
    this.heard(now);
  }

  handed(bytes: number): void {
    this.reception.traffic.bytesSent += bytes;
  }

  private heard(now: number): void {
    if (this.stage.at === "admitted") this.stage.client.session.bytesReceived(now);
    // At most one more chunk is kept. Reading stops only now, so that a client that disconnects is noticed.
    if (this.packets.isHeld) this.network.pause();
  }

  beforeFlush(): Promise<void> | undefined {
    if (this.dependsOn === 0) return undefined;
    const durable = this.reception.journal?.durable(this.dependsOn);
    if (durable === undefined) this.dependsOn = 0;
    return durable;
  }

  /** What is written from now on depends on what the journal has collected: it is not sent before that is durable. */
  awaitStore(): void {
    const { journal } = this.reception;
    if (journal !== undefined) this.dependsOn = journal.collecting;
  }

  /** A write of the journal has failed: closes the connection if its bytes depend on it, without sending them. */
  storeFailed(reason: string): void {
    if (this.dependsOn === 0 || this.reception.journal?.isDurable(this.dependsOn)) return;
    this.network.destroy();
    this.finish(reason);
  }

  flushed(): void {
    if (this.stage.at === "admitted") this.stage.client.session.flushed();
  }

  drained(now: number): void {
    if (this.stage.at === "admitted") this.stage.client.session.drained(now);
  }

  failed(error: unknown): void {
    if (!(error instanceof ProtocolError)) {
      this.drop(error instanceof TransportError ? error.message : `the broker failed: ${error}`);
      return;
    }
    const { stage } = this;
    const { reasonCode, message: reason } = error;
    const properties = { reasonString: reason };
    if (stage.at === "admitted") {
      this.close(disconnectCodeFor(error), reason, properties);
    } else if (stage.at === "deciding" && stage.accepted.version === 5) {
      this.refuse({ reasonCode, reason, properties });
    } else {
      if (stage.at === "waiting") this.writeBytes(connackFor(error, this.packets.version));
      this.drop(reason);
    }
  }

  deadline(): number {
    if (this.stage.at === "admitted") {
      // While nothing is read, the client's silence means nothing.
      const silent = this.packets.isHeld ? Infinity : this.stage.client.session.deadline();
      return Math.min(silent, this.authentication?.deadline() ?? Infinity);
    }
    return this.stage.at === "over" ? Infinity : this.mustBeIn;
  }

  advance(now: number, sure: boolean): boolean {
    if (now < this.deadline()) return true;
    if (this.stage.at === "admitted" && !sure) return false;
    if (this.stage.at === "admitted" && now >= (this.authentication?.deadline() ?? Infinity))
      this.close(ReasonCode.NOT_AUTHORIZED, "the client did not re-authenticate in time");
    else if (this.stage.at === "admitted")
      this.close(ReasonCode.KEEP_ALIVE_TIMEOUT, "no packet received for 1.5 times the keep-alive");
    else this.connectTimedOut();
    return true;
  }

  closed(): void {
    this.hungUp = true;
    if (this.packets.isHeld && this.stage.at === "admitted") return; // DISCONNECT may be among its packets
    if (this.stage.at === "over") this.reception.gone(this);
    else this.finish(HUNG_UP);
  }

  private receiveConnect(packet: ConnectPacket): void {
    const { will } = packet;
    this.stage = { at: "deciding", accepted: new AcceptedPackets(packet) };
    this.packets.held = true;
    const fault = will && publicationFault("connect: will", will, this.settings);
    if (fault !== undefined) throw fault;
    this.reception.connect(this, packet);
  }

  /**
   * Checks the packet before the session handles it. Otherwise an incomplete exchange could disturb the client's next
   * connection.
   */
  private receive({ client, accepted }: Admitted<ClientConnection>, packet: Packet, now: number): void {
    if (packet.type === "auth") {
      this.receiveAuth(packet, client);
      return;
    }
    const fault = faultOf(packet, accepted.version, this.settings);
    if (fault !== undefined) throw fault;
    const { workload } = this.reception;
    const before = workload.total;
    client.session.receive(packet, now);
    if (packet.type === "publish" && client.session.isFull) this.hold();
    if (this.share.spend(workload.total - before)) this.takeTurns();
  }

  /** Its packets have caused much work: the next ones wait until the event loop has served other connections. */
  private takeTurns(): void {
    this.awaitDecision();
    this.clock.defer(() => this.decided());
  }

  private receiveAuth(packet: AuthPacket, client: AdmittedClient<ClientConnection> | undefined): void {
    if (client === undefined) this.packets.held = true; // what is behind AUTH waits for the next challenge, or CONNACK
    this.authentication?.received(packet, client);
    this.network.watch();
  }

  private connectTimedOut(): void {
    const { connectTimeout } = this.settings;
    if (this.stage.at === "waiting") {
      this.drop(`no CONNECT within ${connectTimeout} ms`);
    } else if (this.authentication === undefined) {
      const reason = `authenticate did not answer within ${connectTimeout} ms`;
      this.refuse({ reasonCode: ReasonCode.SERVER_UNAVAILABLE, reason });
    } else {
      const reason = `the client did not authenticate within ${connectTimeout} ms`;
      this.refuse({ reasonCode: ReasonCode.NOT_AUTHORIZED, reason });
    }
  }

  private writeBytes(bytes: Uint8Array | undefined): void {
    if (bytes === undefined) return;
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
    this.authentication?.end();
    this.network.end();
    if (stage.at === "admitted") stage.client.connectionEnded(this, reason);
    if (this.hungUp) this.reception.gone(this);
  }
}
