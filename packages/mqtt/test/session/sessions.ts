// Sessions under test without a network: an outlet that records what is written, messages and requests that keep their
// outcome, and a common interface for the client's and the server's side.
import { encode, type Packet, PacketStream, type ProtocolVersion, type QoS } from "@aiko/mqtt/codec";
import {
  ClientSession,
  type Delivery,
  type FilterAnswer,
  type FilterRequest,
  type MessageJournal,
  type OutboxBounds,
  OutgoingMessage,
  type OutgoingState,
  type Outlet,
  type ServerLink,
  ServerSession,
  type SessionJournal,
  type SubscribeRequest,
  type UnsubscribeRequest,
} from "@aiko/mqtt/session";
import { OutputBuffer } from "../../src/codec/output-buffer.ts";
import type { ConnackPacket, ConnectPacket, PublishPacket, SubscriptionRequest } from "../../src/codec/packets.ts";
import type { ConnectProperties, PublishProperties } from "../../src/codec/properties.ts";
import type { MqttError } from "../../src/errors.ts";
import type { ClientSessionOptions } from "../../src/session/client-session.ts";
import { holdToTransitions } from "./transitions.ts";

class KeptOutlet implements Outlet {
  readonly out = new OutputBuffer();
  congested = false;
  takes = 0;
  touches = 0;

  touch(): void {
    this.touches++;
  }

  /** What was written since the last call, in hexadecimal, packet by packet. */
  taken(): string {
    this.takes++;
    return this.out
      .take()
      .map((chunk) => [...chunk].map((byte) => byte.toString(16).padStart(2, "0")).join(""))
      .join("");
  }

  /** The same, decoded. */
  packets(version: ProtocolVersion): Packet[] {
    this.takes++;
    const stream = new PacketStream(version);
    return this.out.take().flatMap((chunk) => stream.push(chunk));
  }
}

export class KeptMessage extends OutgoingMessage {
  readonly outcomes: (number | MqttError)[] = [];
  onOutcome: (() => void) | undefined;

  constructor(
    topic: string,
    qos: QoS = 1,
    extra: {
      payload?: Uint8Array | string;
      retain?: boolean;
      properties?: PublishProperties;
      expiresAt?: number;
      /** The state in which an earlier process left it. */
      state?: OutgoingState;
    } = {},
  ) {
    super(topic, extra.payload ?? "", qos, extra.retain ?? false, extra.properties, extra.expiresAt ?? Infinity);
    this.state = extra.state ?? "queued";
    holdToTransitions(this);
  }

  /** The reason code, the error's code, or undefined; fails if there was more than one outcome. */
  get outcome(): number | string | undefined {
    if (this.outcomes.length > 1) throw new Error(`${this.topic} had ${this.outcomes.length} outcomes`);
    const [outcome] = this.outcomes;
    return typeof outcome === "object" ? outcome.code : outcome;
  }

  override delivered(reasonCode: number): void {
    this.outcomes.push(reasonCode);
    this.onOutcome?.();
  }

  override failed(error: MqttError): void {
    this.outcomes.push(error);
    this.onOutcome?.();
  }
}

/** A request that keeps its outcome: the reason codes, or the error's code. */
class KeptRequest {
  readonly outcomes: (readonly number[] | MqttError)[] = [];
  refusals: FilterAnswer["refusals"] | undefined;

  get outcome(): readonly number[] | string | undefined {
    if (this.outcomes.length > 1) throw new Error(`a request had ${this.outcomes.length} outcomes`);
    const [outcome] = this.outcomes;
    return outcome !== undefined && "code" in outcome ? outcome.code : outcome;
  }

  settle(error: MqttError | undefined, { reasonCodes, refusals }: FilterAnswer): void {
    this.refusals = refusals;
    this.outcomes.push(error ?? reasonCodes);
  }
}

export class KeptSubscribe extends KeptRequest implements SubscribeRequest {
  readonly type = "subscribe";
  readonly subscriptions: readonly SubscriptionRequest[];

  constructor(...subscriptions: (string | SubscriptionRequest)[]) {
    super();
    this.subscriptions = subscriptions.map((each) => (typeof each === "string" ? { topicFilter: each, qos: 1 } : each));
  }
}

export class KeptUnsubscribe extends KeptRequest implements UnsubscribeRequest {
  readonly type = "unsubscribe";
  readonly topicFilters: readonly string[];

  constructor(...topicFilters: string[]) {
    super();
    this.topicFilters = topicFilters;
  }
}

export interface Given {
  readonly packet: PublishPacket;
  readonly delivery: Delivery | undefined;
}

export interface SideOptions {
  readonly version?: ProtocolVersion;
  /** The limits that this side announces. */
  readonly receiveMaximum?: number;
  readonly topicAliasMaximum?: number;
  /** The limits that the peer announces. */
  readonly peerReceiveMaximum?: number;
  readonly peerMaximumPacketSize?: number;
  readonly outbox?: OutboxBounds;
  readonly journal?: SessionJournal;
  /** Only servers. */
  readonly messageJournal?: MessageJournal;
}

/** The common part of both sides of a session: messages in both directions, over changing connections. */
export interface Side {
  readonly given: Given[];
  outlet: KeptOutlet;
  /** A new connection that the peer has accepted; the bytes of its handshake are removed. */
  connect(resumed?: boolean, peerReceiveMaximum?: number): void;
  lose(): void;
  receive(packet: Packet): void;
  publish(message: OutgoingMessage): void;
  finish(given: Given | undefined, reasonCode?: number): void;
  flushed(): void;
  drained(): void;
  readonly pending: number;
  now: number;
}

const roomy = { maximumCount: 100_000, maximumBytes: 100_000_000 };

export function connack(sessionPresent = false, properties?: ConnackPacket["properties"]): ConnackPacket {
  return { type: "connack", sessionPresent, reasonCode: 0, properties };
}

export class Client implements Side {
  readonly given: Given[] = [];
  readonly events: string[] = [];
  readonly session: ClientSession;
  outlet = new KeptOutlet();
  now = 1_000_000;
  readonly version: ProtocolVersion;

  constructor(
    readonly options: SideOptions & Partial<ClientSessionOptions> = {},
    private readonly handlers: { accepted?: (client: Client) => void } = {},
  ) {
    this.version = options.version ?? 5;
    const properties: ConnectProperties = {
      ...options.properties,
      ...(options.receiveMaximum === undefined ? {} : { receiveMaximum: options.receiveMaximum }),
      ...(options.topicAliasMaximum === undefined ? {} : { topicAliasMaximum: options.topicAliasMaximum }),
    };
    this.session = new ClientSession(
      {
        keepAlive: options.keepAlive ?? 60,
        will: options.will,
        cleanStart: options.cleanStart ?? false,
        properties,
        outbox: options.outbox ?? roomy,
        maximumInflight: options.maximumInflight,
      },
      (packet, delivery) => this.given.push({ packet, delivery }),
      options.journal,
    );
  }

  /** Opens a connection and sends CONNECT; there is no CONNACK yet. */
  open(version = this.version): void {
    this.outlet = new KeptOutlet();
    const attempt = { version, clientId: "c", username: undefined, password: undefined };
    const server: ServerLink = {
      outlet: this.outlet,
      accepted: (packet, resumed, certain) => {
        this.events.push(`accepted ${packet.reasonCode} ${resumed ? "resumed" : "new"}${certain ? "" : "?"}`);
        this.handlers.accepted?.(this);
      },
      foreign: () => this.events.push("foreign"),
      refused: (packet) => this.events.push(`refused ${packet.reasonCode}`),
      authentication: (packet) => this.events.push(`auth ${packet.reasonCode}`),
      disconnected: (packet) => this.events.push(`disconnected ${packet.reasonCode}`),
    };
    this.session.connectionOpened(server, attempt, this.now);
  }

  request(request: FilterRequest): void {
    this.session.request(request, this.now);
  }
  withdraw(request: FilterRequest, error: MqttError): void {
    this.session.withdrawRequest(request, error, this.now);
  }

  connect(resumed = false, peerReceiveMaximum = this.options.peerReceiveMaximum): void {
    this.open();
    this.outlet.taken();
    const { peerMaximumPacketSize } = this.options;
    this.receive(
      connack(
        resumed && this.version !== 3,
        this.version === 5
          ? {
              ...(peerReceiveMaximum === undefined ? {} : { receiveMaximum: peerReceiveMaximum }),
              ...(peerMaximumPacketSize === undefined ? {} : { maximumPacketSize: peerMaximumPacketSize }),
            }
          : undefined,
      ),
    );
  }

  lose(): void {
    this.session.connectionLost(this.now);
  }
  receive(packet: Packet): void {
    this.session.receive(packet, this.now);
  }
  publish(message: OutgoingMessage): void {
    this.session.publish(message, this.now);
  }
  finish(given: Given | undefined, reasonCode = 0): void {
    if (given?.delivery === undefined) throw new Error("no delivery to finish");
    this.session.finished(given.delivery, reasonCode);
  }
  flushed(): void {
    this.session.flushed(this.now);
  }
  drained(): void {
    this.session.drained(this.now);
  }
  get pending(): number {
    return this.session.pending;
  }
}

export class Server implements Side {
  readonly given: Given[] = [];
  readonly events: Packet[] = [];
  /** Packets that were not sent, because they exceed the maximum packet size. */
  readonly unsent: [type: string, size: number][] = [];
  roomAgain = 0;
  readonly session: ServerSession;
  outlet = new KeptOutlet();
  now = 1_000_000;
  readonly version: ProtocolVersion;

  constructor(readonly options: SideOptions = {}) {
    this.version = options.version ?? 5;
    this.session = new ServerSession(
      {
        outbox: options.outbox ?? roomy,
        receiveMaximum: options.receiveMaximum ?? 65_535,
        topicAliasMaximum: options.topicAliasMaximum ?? 0,
      },
      {
        published: (packet, delivery) => this.given.push({ packet, delivery }),
        subscribe: (packet) => this.events.push(packet),
        unsubscribe: (packet) => this.events.push(packet),
        disconnect: (packet) => this.events.push(packet),
        unsendable: (type, size) => this.unsent.push([type, size]),
        roomAgain: () => {
          this.roomAgain++;
        },
      },
      options.messageJournal,
    );
  }

  connect(resumed = false, peerReceiveMaximum = this.options.peerReceiveMaximum, keepAlive = 60): void {
    const { peerMaximumPacketSize } = this.options;
    const connect: ConnectPacket = {
      type: "connect",
      protocolVersion: this.version,
      clientId: "c",
      cleanStart: false,
      keepAlive,
      properties: {
        ...(peerReceiveMaximum === undefined ? {} : { receiveMaximum: peerReceiveMaximum }),
        ...(peerMaximumPacketSize === undefined ? {} : { maximumPacketSize: peerMaximumPacketSize }),
      },
    };
    this.outlet = new KeptOutlet();
    this.session.connectionOpened(this.outlet, connect, keepAlive, resumed, this.now);
  }

  lose(): void {
    this.session.connectionLost();
  }
  receive(packet: Packet): void {
    this.session.receive(packet, this.now);
  }
  publish(message: OutgoingMessage): void {
    this.session.deliver(message, this.now);
  }
  finish(given: Given | undefined, reasonCode = 0): void {
    if (given?.delivery === undefined) throw new Error("no delivery to finish");
    this.session.finished(given.delivery, reasonCode);
  }
  flushed(): void {
    this.session.flushed();
  }
  drained(): void {
    this.session.drained(this.now);
  }
  get pending(): number {
    return this.session.pending;
  }
}

export const sides: [name: string, make: (options?: SideOptions) => Side][] = [
  ["a client", (options) => new Client(options)],
  ["a server", (options) => new Server(options)],
];

type AcknowledgementType = "puback" | "pubrec" | "pubrel" | "pubcomp";

export function ack(type: AcknowledgementType, packetIdentifier: number, reasonCode = 0): Packet {
  return { type, packetIdentifier, reasonCode };
}

export function publishPacket(topic: string, qos: QoS, packetIdentifier: number, extra = {}): PublishPacket {
  const payload = new Uint8Array(0);
  return { type: "publish", topic, payload, qos, retain: false, dup: false, packetIdentifier, ...extra };
}

/** The packets in hexadecimal, as they are sent. */
export function wire(version: ProtocolVersion, ...packets: Packet[]): string {
  return packets
    .flatMap((packet) => [...encode(packet, version)])
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}

/** The reason code of the ProtocolError that `action` throws; fails if it throws none. */
export function protocolFault(action: () => void): number {
  try {
    action();
  } catch (error) {
    if (error instanceof Error && error.name === "ProtocolError")
      return (error as unknown as { reasonCode: number }).reasonCode;
    throw error;
  }
  throw new Error("nothing was thrown");
}
