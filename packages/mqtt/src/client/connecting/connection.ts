/**
 * One attempt at a network connection and, if it succeeds, the life of that connection. Passes the transport's events
 * and the time to a ClientSession. Ends exactly once, with a reason.
 */

import { packetTypeBits } from "../../codec/limits.js";
import type { AuthPacket, ConnackPacket, DisconnectPacket, Packet, ProtocolVersion } from "../../codec/packets.js";
import { describeReasonCode, describeReturnCode, mayCarry } from "../../codec/reason-codes.js";
import { ServerPacketStream } from "../../codec/server-packet-stream.js";
import { MqttError, ProtocolError, RefusedError, TimeoutError, TransportError } from "../../errors.js";
import type { Clock } from "../../platform/clock.js";
import type { Transport } from "../../platform/transport.js";
import { MALFORMED_PACKET, PROTOCOL_ERROR, SESSION_TAKEN_OVER, UNSPECIFIED_ERROR } from "../../reason-code.js";
import type { ClientSession, ConnectFields, ServerLink } from "../../session/client-session.js";
import { type ConnectionOwner, NetworkConnection } from "../../session/network-connection.js";
import type { OutgoingMessage } from "../../session/outgoing/outgoing-message.js";
import { MAXIMUM_PACKET_SIZE } from "../connect-options.js";
import type { StoreWriter } from "../storing/store-writer.js";

/** The callbacks of the connection's owner. */
export interface ConnectionEvents {
  packet(packet: Packet): void;
  /** CONNACK has accepted. The parameters are those of `ServerLink`. */
  accepted(connection: Connection, connack: ConnackPacket, resumed: boolean, certain: boolean): void;
  /** The server has a session that is not this client's. The connection has asked the server to end it, and closes. */
  foreign(connection: Connection): void;
  authentication(packet: AuthPacket): void;
  /** Called once, at the end: the connection was refused, lost, or ended by this client (then without an error). */
  ended(connection: Connection, error: MqttError | undefined): void;
}

/** The most bytes of a packet before CONNACK has accepted. */
const STRANGERS_MAXIMUM = 262_144;
const FIRST = { maximumPacketSize: STRANGERS_MAXIMUM, expected: packetTypeBits("connack", "auth") };
const ALWAYS = packetTypeBits("publish", "puback", "pubrec", "pubrel", "pubcomp", "suback", "unsuback", "pingresp");
const FROM_MQTT_5 = ALWAYS | packetTypeBits("disconnect", "auth");
/** Limits that most clients share, so that thousands of clients in one process use one object. */
const LIMITS = { maximumPacketSize: MAXIMUM_PACKET_SIZE, expected: ALWAYS };
const LIMITS_5 = { maximumPacketSize: MAXIMUM_PACKET_SIZE, expected: FROM_MQTT_5 };

export class Connection implements ConnectionOwner, ServerLink {
  readonly outlet: NetworkConnection;
  private heard = false;
  private isAccepted = false;
  private over = false;
  private transportClosed = false;
  /** Settles the promise of `gone`. */
  private leave: (() => void) | undefined;

  constructor(
    transport: Transport,
    private readonly server: string,
    private readonly attempt: ConnectFields,
    private readonly session: ClientSession,
    private readonly clock: Clock,
    private readonly storeWriter: StoreWriter | undefined,
    private readonly maximumPacketSize: number,
    private readonly events: ConnectionEvents,
  ) {
    const { version } = attempt;
    const first = maximumPacketSize < STRANGERS_MAXIMUM ? { ...FIRST, maximumPacketSize } : FIRST;
    this.outlet = new NetworkConnection(transport, clock, new ServerPacketStream(version, first), this);
  }

  get version(): ProtocolVersion {
    return this.attempt.version;
  }

  /** As sent in CONNECT. Empty if the server must assign one. */
  get clientId(): string {
    return this.attempt.clientId;
  }

  /** Resolves when the transport is closed, which may be shortly after the end was reported. Call it once. */
  gone(): Promise<void> {
    if (this.transportClosed) return Promise.resolve();
    return new Promise((resolve) => {
      this.leave = resolve;
    });
  }

  /** Sends CONNECT. */
  open(): void {
    this.session.connectionOpened(this, this.attempt, this.clock.now());
    this.outlet.start();
  }

  accepted(connack: ConnackPacket, resumed: boolean, certain: boolean): void {
    this.isAccepted = true;
    const { maximumPacketSize } = this;
    const common = this.version === 5 ? LIMITS_5 : LIMITS;
    this.outlet.stream.limits =
      maximumPacketSize === common.maximumPacketSize ? common : { ...common, maximumPacketSize };
    this.outlet.watch();
    this.events.accepted(this, connack, resumed, certain);
  }

  refused(connack: ConnackPacket): void {
    this.end(connectRefused(this.server, this.attempt, connack));
  }

  foreign(): void {
    this.events.foreign(this);
  }

  authentication(packet: AuthPacket): void {
    this.events.authentication(packet);
  }

  disconnected(packet: DisconnectPacket): void {
    this.end(disconnectedByServer(this.server, this.attempt.clientId, packet));
  }

  /** Ends the connection with this error, without sending DISCONNECT. */
  abort(error: MqttError): void {
    if (this.over) return;
    this.outlet.destroy();
    this.finish(error);
  }

  /** Ends a connection that the client no longer trusts: sends DISCONNECT on MQTT 5 and closes [MQTT5-4.12.1-2]. */
  refuse(error: MqttError): void {
    if (this.over) return;
    // The only suitable code that a client may send: "Not authorized" is for servers only.
    this.session.sayDisconnect({ reasonCode: UNSPECIFIED_ERROR });
    this.end(error);
  }

  /** Sends what is written, DISCONNECT included, and closes. */
  end(error?: MqttError, patience?: number): void {
    if (this.over) return;
    this.outlet.end(patience);
    this.finish(error);
  }

  pause(): void {
    this.outlet.pause();
    this.session.setDeaf(true, this.clock.now());
  }

  resume(): void {
    this.session.setDeaf(false, this.clock.now());
    this.outlet.resume();
  }

  /** Checks the deadline now: the timer may have been suspended. */
  look(): void {
    this.outlet.watch();
  }

  packetReceived(packet: Packet, now: number): void {
    this.events.packet(packet);
    this.session.receive(packet, now);
  }

  bytesReceived(now: number, bytes: Uint8Array): void {
    if (!this.heard) this.listen(bytes);
    this.session.bytesReceived(now);
  }

  /** Handles the first bytes, which may show that the peer is not an MQTT server. */
  private listen(bytes: Uint8Array): void {
    this.heard = true;
    if (String.fromCharCode(...bytes.subarray(0, 5)) !== "HTTP/") return;
    throw new ProtocolError(
      "MALFORMED_PACKET",
      MALFORMED_PACKET,
      "the server speaks HTTP; for a WebSocket, use ws: or wss: in the URL",
    );
  }

  beforeFlush(): Promise<void> | undefined {
    return this.storeWriter?.write();
  }

  handed(bytes: number): void {
    this.session.handed(bytes);
  }

  flushed(now: number): void {
    if (!this.over) this.session.flushed(now);
  }

  drained(now: number): void {
    if (!this.over) this.session.drained(now);
  }

  failed(error: unknown): void {
    if (this.over) {
      this.outlet.destroy(); // data that is still queued will never be sent
      return;
    }
    if (error instanceof ProtocolError) {
      const fault = this.isAccepted ? sayable(error) : noMqtt(this.server, error);
      if (this.isAccepted) this.session.sayDisconnect({ reasonCode: fault.reasonCode });
      this.end(fault);
    } else if (error instanceof MqttError) {
      this.abort(error);
    } else {
      this.abort(
        new TransportError("CONNECTION_LOST", `the connection to ${this.server} failed: ${error}`, { cause: error }),
      );
    }
  }

  closed(error: Error | undefined): void {
    this.transportClosed = true;
    this.leave?.();
    if (error instanceof MqttError && !this.isAccepted) {
      this.finish(error); // TLS and WebSocket report their reason only now
      return;
    }
    const hint = this.isAccepted ? "" : `; ${adviceFor(this.server)}`;
    const what = this.isAccepted ? "closed the connection" : "closed the connection before CONNACK";
    const how = error ? `the connection to ${this.server} was lost: ${error.message}` : `${this.server} ${what}`;
    const message = `${how}${hint}`;
    this.finish(new TransportError("CONNECTION_LOST", message, { cause: error }));
  }

  private finish(error: MqttError | undefined): void {
    if (this.over) return;
    this.over = true;
    this.session.connectionLost(this.clock.now(), error);
    this.events.ended(this, error);
  }

  deadline(): number {
    return this.session.deadline();
  }

  advance(now: number, sure: boolean): boolean {
    const state = this.session.advance(now, this.outlet.unsent);
    if (state === "alive") return true;
    if (typeof state === "string" && !sure) return false;
    const error = unanswered(this.server, state);
    if (state === "unanswered") this.refuse(error);
    else this.abort(error);
    return true;
  }
}

function unanswered(server: string, what: "dead" | "unanswered" | OutgoingMessage): TimeoutError {
  if (what === "dead")
    return new TimeoutError(
      "KEEP_ALIVE_TIMEOUT",
      `${server} has not answered within 1.5 times the keep-alive; the connection is considered lost`,
    );
  if (what === "unanswered")
    return new TimeoutError("ANSWER_TIMEOUT", `${server} has not answered SUBSCRIBE or UNSUBSCRIBE for a minute`);
  return new TimeoutError(
    "ANSWER_TIMEOUT",
    `${server} answers, but has not acknowledged the message for "${what.topic}" within acknowledgeTimeout; ` +
      "the message is resent over a new connection",
  );
}

function connectRefused(server: string, attempt: ConnectFields, connack: ConnackPacket): RefusedError {
  const { reasonCode, properties } = connack;
  const why = attempt.version === 5 ? describeReasonCode(reasonCode) : describeReturnCode(reasonCode);
  const message = `${server} refused the connection of client "${attempt.clientId}": ${why}`;
  return new RefusedError("CONNECT_REFUSED", reasonCode, message, properties);
}

/** Returns a hint for a server that closes the connection at CONNECT. */
function adviceFor(server: string): string {
  if (server.startsWith("mqtt:"))
    return "if the port uses TLS, use mqtts: in the URL; if it is a WebSocket, use ws:; or it may not be an MQTT server";
  return server.startsWith("mqtts:")
    ? "if the port is a WebSocket, use wss: in the URL; or it may not be an MQTT server"
    : "it may not be an MQTT server";
}

/**
 * Maps to a reason code that DISCONNECT allows. The others are for errors in a CONNECT, which a server must not send at
 * all.
 */
function sayable(error: ProtocolError): ProtocolError {
  if (mayCarry("disconnect", error.reasonCode)) return error;
  return new ProtocolError("PROTOCOL_ERROR", PROTOCOL_ERROR, error.message, { cause: error });
}

/** The first packet was not a valid packet of an MQTT server: the port most likely belongs to another service. */
function noMqtt(server: string, error: ProtocolError): ProtocolError {
  const message = `${server} did not answer with valid MQTT; check the port: ${error.message}`;
  return new ProtocolError(error.code, error.reasonCode, message, { cause: error });
}

function disconnectedByServer(server: string, clientId: string, packet: DisconnectPacket): RefusedError {
  const { reasonCode, properties } = packet;
  if (reasonCode === SESSION_TAKEN_OVER) {
    return new RefusedError(
      "TAKEN_OVER",
      reasonCode,
      `another client connected to ${server} with the client identifier "${clientId}" and took over the session; ` +
        "give each client its own clientId",
      properties,
    );
  }
  const message = `${server} ended the connection: ${describeReasonCode(reasonCode)}`;
  return new RefusedError("DISCONNECTED_BY_SERVER", reasonCode, message, properties);
}
