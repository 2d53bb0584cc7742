/**
 * The machine of an MQTT-SN gateway: what each message of each sender does. Pure: the clock, randomness, datagrams and MQTT
 * come in as arguments. Knows no bytes.
 */

import type { Clock } from "@aiko/mqtt";
import { TokenBucket } from "../../token-bucket.js";
import type { DecodedFrame } from "../codec/frame.js";
import {
  type AdvertisePacket,
  type ConnectPacket,
  type GwinfoPacket,
  type PingreqPacket,
  type PublishPacket,
  RETURN_CODES,
  type SnPacket,
} from "../packets.js";
import { ClientTopics } from "./client-topics.js";
import { Clients, type SessionCounts } from "./clients.js";
import { Discovery } from "./discovery.js";
import { GuardedUplink } from "./guarded-uplink.js";
import type { KeptSession } from "./kept-session.js";
import { PredefinedTopics } from "./predefined-topics.js";
import { isRisky } from "./risky-text.js";
import { type Route, routeOf, type SnPeer } from "./route.js";
import type { Session } from "./session.js";
import type { SnReport } from "./sn-report.js";
import type { SnSettings } from "./sn-settings.js";
import type { SnDelivery, SnMessage, SnUplink } from "./sn-uplink.js";
import { Strangers } from "./strangers.js";
import { TopicIds } from "./topic-ids.js";

export interface SnGatewayParts {
  readonly settings: SnSettings;
  readonly clock: Clock;
  /** Returns a number from 0 up to 1. */
  readonly random: () => number;
  readonly uplink: SnUplink;
  readonly report: SnReport;
  /** Whether a client with this identifier may be at this address. */
  mayBeAt(clientId: string, peer: SnPeer): boolean;
  /** Sends to one client. Must not throw. */
  send(route: Route, packet: SnPacket): void;
  /** Sends to all clients that can be reached without an address. */
  broadcast(packet: AdvertisePacket | GwinfoPacket): void;
  /** What is kept of a session has changed: see `kept`. */
  changed(clientId: string): void;
  /** Keeps a session now. Resolves when it would survive the process. Never rejects. */
  keep(clientId: string): Promise<void>;
}

/** The protocol identifier of MQTT-SN 1.2 [SN 5.3.7]. */
const PROTOCOL = 1;
/** Sessions of an earlier process that are connected in a second. */
const RESTORED = 50;
/** Frames a second of one client. */
const FRAMES = 1_000;
/** Connections a second that one client makes anew, and at once: each may be one at the server too. */
const CONNECTS = { perSecond: 1, burst: 10 };
/** Types of messages whose malformed forms are answered, by their octets [SN 5.2.2]. */
const REGISTER = 0x0a;
const SUBSCRIBE = 0x12;

export class SnGateway {
  private readonly uplink: GuardedUplink;
  private readonly clients: Clients;
  private readonly strangers = new Strangers();
  private readonly discovery: Discovery;
  /** The topics of messages without a session. */
  private readonly common: ClientTopics;
  private readonly buckets = new WeakMap<Session, TokenBucket>();
  private readonly connects = new WeakMap<Session, TokenBucket>();
  private isStopped = false;

  constructor(private readonly parts: SnGatewayParts) {
    const { settings, clock, report, random } = parts;
    const uplink = new GuardedUplink(parts.uplink, report);
    this.uplink = uplink;
    const predefined = PredefinedTopics.of(settings.predefined, settings.predefinedFor);
    const send = (route: Route, packet: SnPacket): void => parts.send(route, packet);
    const ended = (session: Session): void => this.ended(session);
    const changed = ({ clientId }: Session): void => parts.changed(clientId);
    const keep = ({ clientId }: Session): Promise<void> => parts.keep(clientId);
    this.clients = new Clients({ settings, clock, uplink, report, random, send, ended, changed, keep }, predefined.for);
    this.common = new ClientTopics(new TopicIds(1), predefined.all);
    this.discovery = new Discovery({ settings, clock, random, send, broadcast: (packet) => parts.broadcast(packet) });
  }

  /** How many sessions are in each state. */
  get counts(): SessionCounts {
    return this.clients.counts;
  }

  /** What the next process needs of a session. Undefined: nothing, or there is none. */
  kept(clientId: string): KeptSession | undefined {
    return this.clients.get(clientId)?.kept;
  }

  /** Continues the sessions of an earlier process. Returns how many had no room. */
  restore(sessions: readonly KeptSession[]): number {
    return sessions.filter((each) => !this.clients.restore(each)).length;
  }

  /** A message that an earlier process has kept for a client. Resolves to what became of it. */
  deliver(clientId: string, message: SnMessage): Promise<SnDelivery> {
    return this.clients.get(clientId)?.downlink.add(message) ?? Promise.resolve("forgotten");
  }

  /** The server is connected, or is not any more. */
  connected(isConnected: boolean): void {
    if (this.isStopped) return;
    this.discovery.connected(isConnected);
    if (!isConnected) return;
    const restoring = [...this.clients.all].filter((session) => session.isRestoring);
    for (const each of restoring) each.hurry((this.parts.random() * restoring.length * 1_000) / RESTORED);
  }

  /** Datagrams can be sent from now on. */
  announce(): void {
    if (!this.isStopped) this.discovery.connected(this.parts.uplink.isConnected);
  }

  /** A frame has come. */
  receive(peer: SnPeer, frame: DecodedFrame): void {
    if (this.isStopped) return;
    const route = routeOf(peer, frame.encapsulation);
    const session = this.clients.at(route);
    const known = session?.isAlive === true || session?.state.at === "connecting" ? session : undefined;
    if (!this.isWithinRate(known, peer)) {
      this.parts.report.dropped("rate", "a sender has sent too many frames");
      return;
    }
    if (frame.encapsulation !== undefined && !this.parts.settings.forwarders) {
      this.malformed("the configuration does not allow forwarders");
    } else if (frame.packet === undefined) {
      this.malformed(frame.malformed);
      if (known?.isAlive === true) answerMalformed(frame, (packet) => this.parts.send(route, packet));
    } else {
      this.take(frame.packet, route, known);
    }
  }

  /** Ends all sessions. Active clients are told. */
  stop(): void {
    this.isStopped = true;
    this.discovery.stop();
    for (const session of [...this.clients.all]) {
      const { at } = session.state;
      if (at !== "disconnected" && at !== "lost") session.close(at === "active");
    }
  }

  private take(packet: SnPacket, route: Route, session: Session | undefined): void {
    switch (packet.type) {
      case "advertise":
        this.discovery.heard(packet);
        return;
      case "searchgw":
        this.discovery.search(route);
        return;
      case "gwinfo":
        return; // it is for clients
      case "connect":
        this.connect(packet, route);
        return;
      case "pingreq":
        this.ping(packet, route, session);
        return;
      case "publish":
        if (packet.qos === -1) this.publishAlone(packet);
        else this.serve(packet, route, session);
        return;
      default:
        this.serve(packet, route, session);
    }
  }

  /** A message that belongs to a session. */
  private serve(packet: SnPacket, route: Route, session: Session | undefined): void {
    if (session === undefined) {
      this.tellStranger(packet, route);
      return;
    }
    const isOfDialogue = packet.type === "willtopic" || packet.type === "willmsg" || packet.type === "disconnect";
    if (!session.isAlive && !isOfDialogue) {
      this.parts.report.dropped("unsolicited", `${packet.type} does not fit the state "${session.state.at}"`);
      return;
    }
    session.heard();
    if (CHANGES.has(packet.type)) this.parts.changed(session.clientId);
    switch (packet.type) {
      case "willtopic":
      case "willtopicupd":
      case "willmsg":
      case "willmsgupd":
        session.takeWill(packet);
        return;
      case "register":
        session.requests.register(packet);
        return;
      case "subscribe":
        session.requests.subscribe(packet);
        return;
      case "unsubscribe":
        session.requests.unsubscribe(packet);
        return;
      case "publish":
        session.receipts.publish(packet);
        return;
      case "pubrel":
        session.receipts.release(packet.messageId);
        return;
      case "regack":
      case "puback":
        session.downlink.acknowledged(packet);
        return;
      case "pubrec":
      case "pubcomp":
        session.downlink.handshake(packet);
        return;
      case "disconnect":
        session.disconnect(packet);
        return;
      default:
        this.malformed(`only gateways send ${packet.type}`);
    }
  }

  private connect(packet: ConnectPacket, route: Route): void {
    const { settings, clock } = this.parts;
    const { clientId, protocolId } = packet;
    const refuse = (returnCode: number): void => this.parts.send(route, { type: "connack", returnCode });
    if (protocolId !== PROTOCOL || !isClientId(clientId, settings.clientIdMax)) {
      refuse(RETURN_CODES.notSupported);
      return;
    }
    if (!this.parts.mayBeAt(clientId, route.peer)) {
      this.parts.report.dropped("unsolicited", "the configuration binds the client identifier to other addresses");
      refuse(RETURN_CODES.notSupported);
      return;
    }
    let session = this.clients.get(clientId);
    if (session === undefined) {
      session = this.strangers.mayConnect(clock.now()) ? this.clients.add(clientId, route) : undefined;
      if (session === undefined) {
        refuse(RETURN_CODES.congestion);
        return;
      }
    }
    const connects = this.connects.get(session) ?? new TokenBucket(CONNECTS.perSecond, CONNECTS.burst);
    this.connects.set(session, connects);
    if (!connects.takeOne(clock.now())) {
      refuse(RETURN_CODES.congestion);
      return;
    }
    this.clients.arrive(session, route);
    session.heard();
    session.connect(packet, route, !packet.will || this.clients.mayAsk(session));
  }

  private ping(packet: PingreqPacket, route: Route, session: Session | undefined): void {
    const named = packet.clientId === undefined ? session : this.clients.get(packet.clientId);
    if (named?.isRestoring === true) return; // the client repeats it
    if (named === undefined || (named !== session && named.state.at !== "asleep" && named.state.at !== "awake")) {
      this.tellStranger(packet, route);
      return;
    }
    if (named !== session && !this.parts.mayBeAt(named.clientId, route.peer)) {
      this.tellStranger(packet, route);
      return;
    }
    if (named !== session) {
      this.clients.arrive(named, route);
      named.moveTo(route);
      this.parts.changed(named.clientId);
    }
    named.heard();
    named.ping();
  }

  /** QoS −1: only topics that are known without a session [SN 6.8]. */
  private publishAlone({ topic, data: payload, retain }: PublishPacket): void {
    const { settings, report } = this.parts;
    const name = settings.qosMinusOne ? this.common.nameOf(topic) : undefined;
    if (name !== undefined) void this.uplink.publish({ topic: name, payload, qos: settings.qosMinusOneAs, retain });
    else if (settings.qosMinusOne) report.dropped("topic", "QoS −1 needs a predefined or short topic");
    else report.dropped("unsolicited", "the configuration does not allow QoS −1");
  }

  /** Somebody without a session. A DISCONNECT is answered only if its first answer may be lost. */
  private tellStranger(packet: SnPacket, route: Route): void {
    const { report, clock, send } = this.parts;
    report.dropped("unsolicited", `${packet.type} of a sender without a session`);
    const isLast = packet.type === "disconnect";
    if (isLast && !this.strangers.hasParted(route) && this.clients.at(route) === undefined) return;
    if (ASKS.has(packet.type) && this.strangers.mustTell(route, clock.now())) send(route, { type: "disconnect" });
  }

  private ended(session: Session): void {
    this.parts.changed(session.clientId);
    if (!session.isClean) return;
    this.clients.remove(session);
    this.strangers.part(session.route);
  }

  private isWithinRate(session: Session | undefined, peer: SnPeer): boolean {
    const now = this.parts.clock.now();
    if (session === undefined) return this.strangers.mayAsk(peer, now);
    const bucket = this.buckets.get(session) ?? new TokenBucket(FRAMES);
    this.buckets.set(session, bucket);
    return bucket.takeOne(now);
  }

  private malformed(rule: string): void {
    this.parts.report.dropped("malformed", rule);
  }
}

/** MQTT allows no U+0000 in an identifier [MQTT-1.5.3-2], and servers may refuse other control characters. */
function isClientId(text: string, most: number): boolean {
  return text.length > 0 && text.length <= most && !isRisky(text);
}

/** What changes what is kept of a session, apart from its state. */
const CHANGES: ReadonlySet<SnPacket["type"]> = new Set<SnPacket["type"]>([
  "register",
  "subscribe",
  "unsubscribe",
  "publish",
  "pubrel",
]);

/** What only a client sends that believes to have a session. */
const ASKS: ReadonlySet<SnPacket["type"]> = new Set<SnPacket["type"]>([
  "publish",
  "register",
  "subscribe",
  "unsubscribe",
  "pingreq",
  "disconnect",
  "willtopicupd",
  "willmsgupd",
]);

/** A name that is not well-formed is refused like another one that is not valid. */
function answerMalformed(
  { messageType, messageId }: { readonly messageType?: number | undefined; readonly messageId?: number | undefined },
  send: (packet: SnPacket) => void,
): void {
  const returnCode = RETURN_CODES.notSupported;
  if (messageId === undefined) return;
  if (messageType === REGISTER) send({ type: "regack", topicId: 0, messageId, returnCode });
  if (messageType === SUBSCRIBE) send({ type: "suback", qos: 0, topicId: 0, messageId, returnCode });
}
