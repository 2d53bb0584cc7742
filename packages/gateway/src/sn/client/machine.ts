/**
 * The client of MQTT-SN as a machine: its states, its keep-alive and its sleep [SN 6.14]. Time and datagrams are
 * arguments. Knows no socket, no promise and no subscriptions of an application.
 */

import { ClosedError, type MqttError, TransportError, UsageError } from "@aiko/mqtt";
import { decodeFrame, encodeFrame } from "../codec/frame.js";
import type { PublishPacket, SnPacket } from "../packets.js";
import { type ConnectData, ConnectExchange } from "./connect-exchange.js";
import { type Exchange, PlainExchange } from "./exchange.js";
import { type ExchangeLimits, Exchanges, type Settle } from "./exchanges.js";
import { Inbound } from "./inbound.js";
import { Topics } from "./topics.js";

/** Where a client stands towards its gateway [SN 6.14]. `lost`: the gateway did not answer. */
export type SnState = "disconnected" | "connecting" | "active" | "asleep" | "awake" | "lost";

export interface MachineSettings extends ConnectData, ExchangeLimits {
  /** The identifiers of topics that both sides know. */
  readonly predefined: ReadonlyMap<number, string>;
  /** The most bytes of a message. */
  readonly maximumDatagram: number;
}

/** Takes what the machine does. It must not call the machine before the machine has returned. */
export interface MachineSink {
  send(datagram: Uint8Array): void;
  /** A message has come; `topic` is its name if it is known. Call `handled` when the application is done with it. */
  message(packet: PublishPacket, topic: string | undefined): void;
  changed(state: SnState, error: MqttError | undefined): void;
  /** The bytes are not a message, or not one that gateways send. */
  malformed(detail: string): void;
}

/** The part of the keep-alive after which PINGREQ is repeated, so that all of them come within the gateway's tolerance. */
const PING_SHARE = 1 / 8;
const NOBODY: Settle = () => undefined;

export class Machine {
  readonly topics: Topics;
  private readonly exchanges: Exchanges;
  private readonly inbound: Inbound;
  private current: SnState = "disconnected";
  private lastId: number;
  private now = 0;
  private lastSent = 0;
  private lastReceived = 0;
  /** Milliseconds between two wakes, and when the next one is. */
  private sleep = 0;
  private wakeAt = Infinity;

  /**
   * @param random a number in [0, 1): message identifiers begin there, so that they differ from those of the process
   * before
   */
  constructor(
    private readonly settings: MachineSettings,
    private readonly sink: MachineSink,
    random: number,
  ) {
    this.lastId = Math.floor(random * 0xffff);
    this.topics = new Topics(settings.predefined);
    this.exchanges = new Exchanges(
      settings,
      (packet) => this.send(packet),
      (error) => this.become("lost", error),
    );
    this.inbound = new Inbound(
      this.topics,
      (packet) => void this.send(packet),
      (packet, topic) => sink.message(packet, topic),
    );
  }

  get state(): SnState {
    return this.current;
  }

  /** Returns the next message identifier, 1 … 65,535. */
  readonly nextId = (): number => {
    this.lastId = (this.lastId % 0xffff) + 1;
    return this.lastId;
  };

  /** Sets up a session, or ends the sleep. */
  connect(now: number, settle: Settle): void {
    this.now = now;
    const { state, settings, isSleeping } = this;
    if (state === "connecting" || state === "active") {
      const message = "connect: the client is connected, or is connecting; call disconnect first";
      settle(new UsageError("ALREADY_CONNECTED", message));
      return;
    }
    if (!isSleeping && settings.cleanSession) this.inbound.clear();
    // The session of a sleeping client continues, with its subscriptions and its will.
    const data = isSleeping ? { ...settings, cleanSession: false, will: undefined } : settings;
    const job = {
      exchange: new ConnectExchange(data),
      problem: () => undefined,
      begins: () => {
        this.topics.clear(); // the gateway may assign other identifiers
        this.become("connecting");
      },
      ended: () => this.become("active"),
      settle: (error: MqttError | undefined) => {
        if (error !== undefined && this.state === "connecting") this.become("disconnected", error);
        settle(error);
      },
    };
    this.exchanges.add(job, now);
  }

  /** Adds an exchange of a connected client. It begins when all before it have ended. */
  exchange(exchange: Exchange, now: number, settle: Settle): void {
    this.now = now;
    const isExpected = this.state === "active" || this.state === "connecting";
    const problem = () => (this.state === "active" ? undefined : this.notConnected(exchange));
    if (isExpected) this.exchanges.add({ exchange, problem, settle }, now);
    else settle(this.notConnected(exchange));
  }

  /** Sends a message that needs no session. Returns false if it is too long. */
  sendAlone(packet: SnPacket, now: number): boolean {
    this.now = now;
    return this.send(packet);
  }

  /** Falls asleep, and wakes each `seconds` for the messages that the gateway keeps. */
  fallAsleep(seconds: number, now: number, settle: Settle): void {
    this.now = now;
    const packet: SnPacket = { type: "disconnect", duration: seconds };
    const exchange = new PlainExchange("DISCONNECT with a duration", packet, "disconnect");
    const isPossible = () => this.state === "active" || this.isSleeping;
    if (!isPossible() && this.state !== "connecting") {
      settle(this.notConnected(exchange));
      return;
    }
    const job = {
      exchange,
      problem: () => (isPossible() ? undefined : this.notConnected(exchange)),
      ended: (at: number) => {
        this.sleep = seconds * 1000;
        this.rest(at);
      },
      settle,
    };
    this.exchanges.add(job, now);
  }

  /** Asks for the messages that the gateway keeps for this client. Settles when all of them have come. */
  wake(now: number, settle: Settle): void {
    this.now = now;
    const packet: SnPacket = { type: "pingreq", clientId: this.settings.clientId };
    const exchange = new PlainExchange("PINGREQ of a sleeping client", packet, "pingresp");
    const problem = () => {
      if (this.isSleeping) return undefined;
      return new ClosedError("NOT_CONNECTED", `wake: the client is ${this.state}; call sleep first`);
    };
    const early = problem();
    if (early !== undefined) {
      settle(early);
      return;
    }
    const job = {
      exchange,
      problem,
      begins: () => this.become("awake"),
      ended: (at: number) => this.rest(at),
      settle,
    };
    this.exchanges.add(job, now);
  }

  /** Ends the session: the gateway does not publish the will. What waits is sent first. */
  disconnect(now: number, settle: Settle): void {
    this.now = now;
    if (!this.isConnected) {
      settle(undefined);
      return;
    }
    const job = {
      exchange: new PlainExchange("DISCONNECT", { type: "disconnect" }, "disconnect"),
      problem: () => undefined,
      ended: () => this.close(new ClosedError("CLIENT_CLOSED", "the client was disconnected")),
      settle,
    };
    this.exchanges.add(job, now);
  }

  /** Ends everything at once, without a message to the gateway: it publishes the will after a time. */
  abandon(error: ClosedError): void {
    if (this.isConnected) this.become("disconnected", error);
    this.exchanges.fail(error);
  }

  /** The application is done with a message. */
  handled(packet: PublishPacket, now: number): void {
    this.now = now;
    if (this.isConnected) this.inbound.handled(packet);
  }

  receive(datagram: Uint8Array, now: number): void {
    this.now = now;
    const { packet, malformed } = decodeFrame(datagram);
    if (packet === undefined) {
      this.sink.malformed(malformed ?? "");
      return;
    }
    if (!this.isConnected) return;
    this.lastReceived = now;
    if (!this.exchanges.receive(packet, now)) this.take(packet);
    this.exchanges.next(now);
  }

  /** When `advance` must be called; Infinity if never. */
  deadline(): number {
    return this.exchanges.isIdle ? Math.min(this.pingAt(), this.wakesAt()) : this.exchanges.deadline();
  }

  advance(now: number): void {
    this.now = now;
    this.exchanges.advance(now);
    if (this.exchanges.isIdle && now >= this.pingAt()) {
      const exchange = new PlainExchange("PINGREQ", { type: "pingreq" }, "pingresp");
      const { retry, keepAlive } = this.settings;
      const pause = Math.min(retry, keepAlive * 1000 * PING_SHARE);
      this.exchanges.begin({ exchange, problem: () => undefined, settle: NOBODY }, now, pause);
    }
    if (this.exchanges.isIdle && now >= this.wakesAt()) this.wake(now, NOBODY);
    this.exchanges.next(now);
  }

  private get isConnected(): boolean {
    return this.state !== "disconnected" && this.state !== "lost";
  }

  private get isSleeping(): boolean {
    return this.state === "asleep" || this.state === "awake";
  }

  /** What no exchange has asked for. */
  private take(packet: SnPacket): void {
    switch (packet.type) {
      case "publish":
        if (packet.qos < 0) break;
        this.keepAwake();
        this.inbound.published(packet, this.now);
        return;
      case "register":
        this.keepAwake();
        this.inbound.registered(packet);
        return;
      case "pubrel":
        this.keepAwake();
        this.inbound.released(packet.messageId, this.now);
        return;
      case "pingreq":
        if (this.state === "active") this.send({ type: "pingresp" });
        return;
      case "puback":
        // A message of QoS 0 went to an identifier that the gateway does not know: the next one registers its name.
        if (packet.returnCode !== 0) this.topics.forget(packet.topicId);
        return;
      case "disconnect":
        this.dismissed();
        return;
      default:
        if (DOWNWARD.has(packet.type)) return; // a repetition that came late
    }
    this.sink.malformed(`${packet.type}: a gateway does not send this message`);
  }

  /** While the gateway sends what it has kept, PINGRESP is not late. */
  private keepAwake(): void {
    if (this.state === "awake") this.exchanges.extend(this.now);
  }

  /** DISCONNECT without being asked: the gateway does not know the session. While asleep, it is a late repetition. */
  private dismissed(): void {
    if (this.state !== "active" && this.state !== "awake") return;
    this.close(new TransportError("CONNECTION_LOST", "the gateway ended the session; connect again"));
  }

  private close(error: ClosedError | TransportError): void {
    this.become("disconnected", error instanceof ClosedError ? undefined : error);
    this.exchanges.fail(error);
  }

  private rest(now: number): void {
    this.wakeAt = now + this.sleep;
    this.become("asleep");
  }

  private become(state: SnState, error?: MqttError): void {
    if (this.current === state) return;
    this.current = state;
    this.sink.changed(state, error);
  }

  private wakesAt(): number {
    return this.state === "asleep" ? this.wakeAt : Infinity;
  }

  /** PINGREQ is due if nothing was sent, or if nothing has come, for the keep-alive. */
  private pingAt(): number {
    const { keepAlive } = this.settings;
    if (this.state !== "active" || keepAlive === 0) return Infinity;
    return Math.min(this.lastSent, this.lastReceived) + keepAlive * 1000;
  }

  /** Returns false if the message is too long. */
  private send(packet: SnPacket): boolean {
    const datagram = encodeFrame(packet);
    if (datagram.length > this.settings.maximumDatagram) return false;
    this.lastSent = this.now;
    this.sink.send(datagram);
    return true;
  }

  private notConnected({ what, topic }: Exchange): ClosedError {
    const cure = this.isSleeping ? "connect, which ends the sleep" : "connect first";
    return new ClosedError("NOT_CONNECTED", `${what}: the client is ${this.state}; call ${cure}`, { topic });
  }
}

/** The answers of a gateway. They may come again when nobody waits for them any more. */
const DOWNWARD: ReadonlySet<SnPacket["type"]> = new Set([
  "connack",
  "willtopicreq",
  "willmsgreq",
  "regack",
  "pubrec",
  "pubcomp",
  "suback",
  "unsuback",
  "pingresp",
  "willtopicresp",
  "willmsgresp",
  "advertise",
  "gwinfo",
]);
