/**
 * The session of one client: its state, and what each event changes [SN 6.2 to 6.4, 6.11, 6.14]. Knows its own route, but no
 * other client, and no datagram.
 */

import type { Clock } from "@aiko/mqtt";
import {
  type ConnectPacket,
  type DisconnectPacket,
  RETURN_CODES,
  type SnPacket,
  type WillmsgPacket,
  type WilltopicPacket,
} from "../packets.js";
import { ClientTopics } from "./client-topics.js";
import { ClientWill } from "./client-will.js";
import { Deadline } from "./deadline.js";
import { Downlink } from "./downlink.js";
import type { KeptSession } from "./kept-session.js";
import type { PredefinedTopics } from "./predefined-topics.js";
import type { Route } from "./route.js";
import { budgetOf, type SessionState, toleranceOf } from "./session-state.js";
import type { SnReport } from "./sn-report.js";
import type { SnSettings } from "./sn-settings.js";
import type { SnConnection, SnOutcome, SnUplink, SnWill } from "./sn-uplink.js";
import { TopicIds } from "./topic-ids.js";
import { TopicRequests } from "./topic-requests.js";
import { OUTCOME_CODES, UplinkReceipts } from "./uplink-receipts.js";
import type { WillResult } from "./will-dialogue.js";

export interface SessionParts {
  readonly clock: Clock;
  readonly settings: SnSettings;
  readonly uplink: Pick<SnUplink, "connect" | "forget" | "filtersOf" | "restore">;
  readonly report: SnReport;
  /** Returns a number from 0 up to 1. */
  readonly random: () => number;
  send(route: Route, packet: SnPacket): void;
  /** Something of what is kept has changed. */
  changed(session: Session): void;
  /** Keeps the session now. Resolves when it would survive the process. Never rejects. */
  keep(session: Session): Promise<void>;
  /** The session has ended, or waits for its client to connect again. Is called in the state "disconnected" or "lost". */
  ended(session: Session): void;
}

interface LastConnect {
  readonly packet: ConnectPacket;
  readonly route: string;
  readonly at: number;
}

export class Session {
  readonly topics: ClientTopics;
  readonly downlink: Downlink;
  readonly receipts: UplinkReceipts;
  readonly requests: TopicRequests;
  private readonly will: ClientWill;
  /** When the client was last heard. */
  heardAt: number;
  private current: SessionState = { at: "disconnected" };
  private connection: SnConnection | undefined;
  private clean = true;
  /** In milliseconds; 0: the client may be silent for ever. */
  private keepAlive = 0;
  /** Undefined: whatever comes is not the same CONNECT again. */
  private lastConnect: LastConnect | undefined;
  /** Counts connections: outcomes of earlier ones do not count. */
  private attempt = 0;
  /** What the client of a session of an earlier process does, until the server has accepted its connection. */
  private restored: SessionState | undefined;
  private readonly redial: Deadline;
  private readonly silence: Deadline;
  private readonly budget: Deadline;

  constructor(
    readonly clientId: string,
    private way: Route,
    predefined: PredefinedTopics,
    private readonly parts: SessionParts,
  ) {
    const { clock, settings, report } = parts;
    const send = (packet: SnPacket): void => this.send(packet);
    const connection = (): SnConnection | undefined => this.connection;
    this.heardAt = clock.now();
    this.topics = new ClientTopics(new TopicIds(settings.maxTopics), predefined);
    this.downlink = new Downlink({
      clock,
      settings,
      report,
      send,
      topics: this.topics,
      drained: () => this.rest(),
      isHeld: () => this.requests.isSubscribing,
      lost: () => this.lost(),
    });
    this.receipts = new UplinkReceipts({ clock, report, send, connection, topics: this.topics });
    this.will = new ClientWill({
      clock,
      settings,
      report,
      send,
      replace: (will, settle) => this.replaceWill(will, settle),
      changed: () => parts.changed(this),
    });
    this.requests = new TopicRequests({
      settings,
      filters: () => parts.uplink.filtersOf(clientId),
      send,
      connection,
      topics: this.topics,
      keep: () => (this.clean ? Promise.resolve() : parts.keep(this)),
      subscribed: () => this.downlink.continue(),
    });
    this.silence = new Deadline(clock, () => this.lost());
    this.budget = new Deadline(clock, () => this.rest());
    this.redial = new Deadline(clock, () => this.dial());
  }

  get state(): SessionState {
    return this.current;
  }

  get route(): Route {
    return this.way;
  }

  /** Whether nothing is left of it when it ends. */
  get isClean(): boolean {
    return this.clean;
  }

  /** Whether the client has a keep-alive, so that the gateway notices when it is gone. */
  get isSupervised(): boolean {
    return this.keepAlive > 0;
  }

  /** Whether the client can send and receive: it is active, asleep or awake. */
  get isAlive(): boolean {
    return this.connection !== undefined;
  }

  /** Whether the session of an earlier process waits for its connection. */
  get isRestoring(): boolean {
    return this.restored !== undefined;
  }

  /** The server can be reached: the connection of a session of an earlier process is made after so many milliseconds. */
  hurry(delay: number): void {
    if (this.redial.isSet) this.redial.set(delay);
  }

  /** What the next process needs. Undefined: nothing is kept. */
  get kept(): KeptSession | undefined {
    if (this.clean) return undefined;
    const { clientId, way: route, keepAlive, topics, receipts } = this;
    const { at } = this.restored ?? this.current;
    const state = at === "active" ? at : at === "asleep" || at === "awake" ? "asleep" : "away";
    const sleep = at === "asleep" || at === "awake" ? (this.restored ?? this.current) : undefined;
    return {
      clientId,
      route,
      state,
      sleep: sleep !== undefined && "sleep" in sleep ? sleep.sleep : 0,
      keepAlive,
      will: this.will.current,
      topics: topics.ids.entries,
      received: receipts.received,
      filters: this.parts.uplink.filtersOf(clientId),
    };
  }

  /** Continues a session of an earlier process. */
  restore({ state, sleep, keepAlive, will, topics, received, filters }: KeptSession): void {
    this.clean = false;
    this.keepAlive = keepAlive;
    this.will.current = will;
    for (const [name, id] of topics) this.topics.ids.restore(name, id);
    this.receipts.restore(received);
    this.parts.uplink.restore(this.clientId, filters, { deliver: this.downlink.add.bind(this.downlink), ended() {} });
    if (state === "away") return;
    this.restored = state === "asleep" ? { at: state, sleep } : { at: state };
    this.current = { at: "connecting" };
    this.dial();
  }

  /** When the will dialogue began that is open. Undefined: none is. */
  get dialogueBeganAt(): number | undefined {
    return this.will.beganAt;
  }

  /** The client has sent something: the time for which it may be silent begins again. */
  heard(): void {
    this.heardAt = this.parts.clock.now();
    this.supervise();
  }

  /** Answers are sent this way from now on. */
  moveTo(route: Route): void {
    this.way = route;
  }

  /** CONNECT. @param mayAsk whether a will dialogue may begin */
  connect(packet: ConnectPacket, route: Route, mayAsk: boolean): void {
    const { clock, settings } = this.parts;
    const { lastConnect } = this;
    const now = clock.now();
    if (
      lastConnect !== undefined &&
      now - lastConnect.at < 2 * settings.retry &&
      lastConnect.route === route.key &&
      isSame(lastConnect.packet, packet)
    ) {
      this.answerAgain();
      return;
    }
    if (route.key !== this.way.key && this.current.at !== "disconnected" && this.current.at !== "lost") {
      this.send({ type: "disconnect" }); // at the old address
    }
    this.way = route;
    const { at } = this.current;
    const isSleeping = at === "asleep" || at === "awake";
    if (!isSleeping && packet.will && !mayAsk) {
      this.send({ type: "connack", returnCode: RETURN_CODES.congestion });
      if (!this.isAlive && at !== "connecting") this.parts.ended(this);
      return;
    }
    this.lastConnect = { packet, route: route.key, at: now };
    this.keepAlive = packet.duration * 1_000;
    if (isSleeping) this.wake(packet.cleanSession);
    else if (at === "active" && !this.clean && !packet.cleanSession && !packet.will) this.resume();
    else this.begin(packet);
  }

  /** WILLTOPIC and WILLMSG, and their updates. */
  takeWill(packet: WilltopicPacket | WillmsgPacket): void {
    const isExpected = "message" in packet ? this.will.message(packet) : this.will.topic(packet);
    if (isExpected) return;
    this.parts.report.dropped("unsolicited", `${packet.type} does not fit the state "${this.current.at}"`);
  }

  /** DISCONNECT: the client leaves, or sleeps. */
  disconnect({ duration = 0 }: DisconnectPacket): void {
    if (duration > 0 && this.isAlive) {
      this.lastConnect = undefined;
      this.budget.clear();
      this.downlink.close();
      this.current = { at: "asleep", sleep: duration * 1_000 };
      this.supervise();
      this.send({ type: "disconnect" });
      this.parts.changed(this);
      return;
    }
    this.send({ type: "disconnect" });
    if (duration > 0 && this.isRestoring) this.restored = { at: "asleep", sleep: duration * 1_000 };
    else this.end("disconnected");
  }

  /** PINGREQ. A sleeping client receives its messages before the PINGRESP. */
  ping(): void {
    switch (this.current.at) {
      case "active":
        this.send({ type: "pingresp" });
        return;
      case "asleep": {
        const { sleep } = this.current;
        this.current = { at: "awake", sleep };
        this.budget.set(budgetOf(sleep));
        this.downlink.open();
      }
    }
  }

  /** The client was silent for too long. The server publishes its will. */
  lost(): void {
    this.end("lost");
  }

  /** The gateway ends the session, without the will. @param tell whether the client is told */
  close(tell: boolean): void {
    if (tell) this.send({ type: "disconnect" });
    this.end("disconnected");
  }

  /** Forgets all that a session that has ended has kept. */
  discard(): void {
    this.forget();
    this.parts.uplink.forget(this.clientId);
  }

  private begin({ cleanSession, will }: ConnectPacket): void {
    this.hangUp((connection) => connection.disconnect());
    this.clean = cleanSession;
    if (cleanSession) this.forget();
    this.current = { at: "connecting" };
    if (!will) {
      this.dial();
      return;
    }
    this.will.ask((result) => this.asked(result));
  }

  private asked(result: WillResult): void {
    if (typeof result === "object") {
      this.dial();
      return;
    }
    if (result === "invalid") this.send({ type: "connack", returnCode: RETURN_CODES.notSupported });
    this.end("disconnected");
  }

  private dial(): void {
    const attempt = ++this.attempt;
    const { clientId, clean, parts } = this;
    const will = this.will.current;
    const listener = {
      deliver: this.downlink.add.bind(this.downlink),
      ended: (): void => {
        if (attempt === this.attempt) this.close(true);
      },
    };
    void parts.uplink.connect({ clientId, cleanSession: clean, will }, listener).then((result) => {
      if (attempt !== this.attempt) {
        if (result.outcome === "accepted") result.connection.disconnect();
        return;
      }
      const { restored } = this;
      if (result.outcome === "congestion" && restored !== undefined) {
        this.redial.set(parts.settings.retry * (0.5 + parts.random()));
        return;
      }
      if (result.outcome !== "accepted") {
        if (restored === undefined) this.send({ type: "connack", returnCode: OUTCOME_CODES[result.outcome] });
        this.end("disconnected");
        return;
      }
      this.connection = result.connection;
      this.restored = undefined;
      if (restored === undefined) this.activate();
      else this.continue(restored);
    });
  }

  /** A session of an earlier process has its connection. */
  private continue(state: SessionState): void {
    this.current = state;
    this.supervise();
    if (state.at === "active") this.downlink.open();
  }

  /** CONNECT of a sleeping client: its connection is kept. A clean one ends its subscriptions, because it knows nothing. */
  private wake(isClean: boolean): void {
    this.budget.clear();
    this.downlink.close();
    if (isClean) {
      this.connection?.unsubscribeAll();
      const { current } = this.will;
      this.forget();
      this.will.current = current;
    }
    this.activate();
  }

  /** An active client has connected again and keeps its session: there is nothing that the server needs to know. */
  private resume(): void {
    this.downlink.close();
    this.activate();
  }

  private activate(): void {
    this.current = { at: "active" };
    this.topics.ids.untoldAll();
    this.downlink.renew();
    this.supervise();
    this.send({ type: "connack", returnCode: RETURN_CODES.accepted });
    this.parts.changed(this);
    this.downlink.open();
  }

  /** A sleeping client has received what it should for now. */
  private rest(): void {
    if (this.current.at !== "awake") return;
    this.budget.clear();
    this.downlink.close();
    this.current = { at: "asleep", sleep: this.current.sleep };
    this.supervise();
    this.send({ type: "pingresp" });
  }

  private answerAgain(): void {
    if (this.will.prompt()) return;
    if (this.current.at === "active") this.send({ type: "connack", returnCode: RETURN_CODES.accepted });
  }

  private replaceWill(will: SnWill | undefined, settle: (outcome: SnOutcome) => void): void {
    const { attempt } = this;
    void this.connection?.changeWill(will).then((outcome) => {
      if (attempt === this.attempt) settle(outcome);
    });
  }

  private supervise(): void {
    const { current, silence } = this;
    if (current.at === "asleep" || current.at === "awake") silence.set(toleranceOf(current.sleep));
    else if (current.at === "active" && this.keepAlive > 0) silence.set(toleranceOf(this.keepAlive));
    else silence.clear();
  }

  private end(at: "disconnected" | "lost"): void {
    this.lastConnect = undefined;
    this.current = { at };
    this.hangUp((connection) => (at === "lost" ? connection.cut() : connection.disconnect()));
    if (this.clean) this.forget();
    this.parts.ended(this);
  }

  /** Ends the connection and all that depends on it. */
  private hangUp(how: (connection: SnConnection) => void): void {
    const { connection } = this;
    this.attempt++;
    this.connection = undefined;
    this.will.close();
    this.restored = undefined;
    this.redial.clear();
    this.silence.clear();
    this.budget.clear();
    this.downlink.close();
    this.requests.forget();
    if (connection === undefined) return;
    how(connection);
    if (connection.redelivers) this.downlink.forget();
  }

  /** Nothing is left of the session. */
  private forget(): void {
    this.will.current = undefined;
    this.topics.ids.clear();
    this.downlink.forget();
    this.receipts.forget();
  }

  private send(packet: SnPacket): void {
    this.parts.send(this.way, packet);
  }
}

function isSame(one: ConnectPacket, other: ConnectPacket): boolean {
  return (
    one.will === other.will &&
    one.cleanSession === other.cleanSession &&
    one.duration === other.duration &&
    one.protocolId === other.protocolId
  );
}
