/** A source for MQTT-SN clients: a gateway's machine between what carries their messages and the server. Knows no rule of the protocol. */

import type { ConnectOptions, Platform } from "@aiko/mqtt";
import type { SnSourceSettings } from "../configuration/configuration.js";
import { decodeFrame, encodeFrame } from "../sn/codec/frame.js";
import type { KeptSession } from "../sn/gateway/kept-session.js";
import type { SnPeer } from "../sn/gateway/route.js";
import { SnGateway } from "../sn/gateway/sn-gateway.js";
import { Acceptance } from "../sn/uplink/acceptance.js";
import { AggregatingUplink } from "../sn/uplink/aggregating-uplink.js";
import { DialPace } from "../sn/uplink/dial-pace.js";
import { TransparentUplink } from "../sn/uplink/transparent-uplink.js";
import { firstOf, serverOptions } from "../uplink/uplink-options.js";
import { Health } from "./health.js";
import type { Intake } from "./intake.js";
import { type Attempt, Reopening } from "./reopening.js";
import type { ServerLink } from "./server-link.js";
import type { SnCarrier, SnCarrierListener } from "./sn-carrier.js";
import type { SnStore } from "./sn-store.js";
import type { SnStatus, Source, SourceStatus } from "./source.js";

/** Milliseconds from the wish to connect until CONNACK. */
const CONNECT_TIMEOUT = 60_000;

export interface SnSourceParts {
  readonly platform: Platform;
  readonly server: ServerLink;
  /** Whether a client with this identifier may be at this address. */
  mayBeAt(clientId: string, peer: SnPeer): boolean;
  /** Opens what carries the messages. It is called for each attempt. */
  carry(listener: SnCarrierListener): SnCarrier;
  /** Keeps sessions. Undefined: they end with the process. */
  readonly store: SnStore | undefined;
}

export class MqttSnSource implements Source {
  private readonly health: Health;
  private readonly reopening: Reopening;
  private readonly uplink: TransparentUplink | AggregatingUplink;
  private readonly machine: SnGateway;
  private readonly removeListener: () => void;
  private carrier: SnCarrier | undefined;
  private retries = 0;
  private isStopping = false;
  private readonly undelivered = new Map<string, number>();

  private readonly store: SnStore | undefined;

  constructor(
    private readonly settings: SnSourceSettings,
    private readonly intake: Intake,
    private readonly parts: SnSourceParts,
  ) {
    const { server, store } = parts;
    this.store = store;
    const { clock, log, condition, random } = intake.parts;
    this.health = new Health(settings.id, log, condition);
    this.uplink = this.makeUplink();
    this.machine = new SnGateway({
      clock,
      random,
      settings: settings.machine,
      mayBeAt: (clientId, peer) => parts.mayBeAt(clientId, peer),
      uplink: this.uplink,
      report: {
        dropped: (reason, detail) => intake.drop(reason, detail),
        undelivered: (reason) => this.undelivered.set(reason, (this.undelivered.get(reason) ?? 0) + 1),
        retried: () => this.retries++,
        failed: (error) =>
          log.error("a request of an MQTT-SN client failed", { source: settings.id, error: String(error) }),
      },
      send: ({ peer, encapsulation }, packet) => {
        const bytes = encodeFrame(packet, encapsulation);
        intake.traffic.send(bytes.length);
        this.carrier?.send(peer, bytes);
      },
      broadcast: (packet) => this.carrier?.broadcast(encodeFrame(packet)),
      changed: (clientId) => {
        if (!this.isStopping) store?.changed(clientId, this.kept);
      },
      keep: async (clientId) => {
        if (!this.isStopping) await store?.keep(clientId, this.kept);
      },
    });
    this.removeListener = server.onChange((isConnected) => {
      if (settings.mode === "transparent") this.connected(isConnected);
    });
    this.reopening = new Reopening(this.health, clock, (attempt) => this.open(attempt));
  }

  get status(): SourceStatus {
    const { active, asleep, awake } = this.machine.counts;
    const status = { ...this.health.status(active + asleep + awake), sn: this.snStatus };
    const drops = this.carrier?.kernelDrops;
    return drops === undefined ? status : { ...status, kernelDrops: drops };
  }

  start(): Promise<void> {
    this.restore();
    if (this.uplink instanceof AggregatingUplink) this.uplink.start();
    return this.reopening.start();
  }

  async stop(): Promise<void> {
    this.reopening.stop();
    this.removeListener();
    this.isStopping = true;
    // As it is now: sessions continue in the next process.
    const closed = this.store?.close(this.kept);
    this.machine.stop();
    await closed;
    await this.uplink.stop();
    await this.intake.stop();
    await this.carrier?.close();
    this.carrier = undefined;
  }

  private readonly kept = (clientId: string): KeptSession | undefined => this.machine.kept(clientId);

  private restore(): void {
    const { store, machine } = this;
    if (store === undefined) return;
    const homeless = machine.restore(store.sessions);
    for (const { key, clientId, message } of store.messages) {
      store.messageKeeper.removeAfter(key, machine.deliver(clientId, message));
    }
    const facts = { source: this.settings.id, sessions: store.sessions.length, messages: store.messages.length };
    if (homeless > 0) this.intake.parts.log.warn("some sessions have no room: max_clients", { ...facts, homeless });
    else if (facts.sessions > 0) this.intake.parts.log.info("sessions of MQTT-SN clients continue", facts);
  }

  private get snStatus(): SnStatus {
    return { clients: this.machine.counts, retries: this.retries, undelivered: Object.fromEntries(this.undelivered) };
  }

  private open(attempt: Attempt): void {
    const { intake } = this;
    this.carrier = this.parts.carry({
      received: (bytes, from) => this.receive(bytes, from),
      broken: (reason, detail) => intake.drop(reason, detail),
      opened: (url) => {
        attempt.opened(url);
        this.machine.announce();
      },
      failed: (why) => attempt.closed(why),
    });
  }

  private receive(bytes: Uint8Array, from: SnPeer): void {
    this.intake.traffic.receive(bytes.length);
    this.machine.receive(from, decodeFrame(bytes));
  }

  /** What is announced before the socket is open would be lost. */
  private connected(isConnected: boolean): void {
    if (!isConnected || this.health.isUp) this.machine.connected(isConnected);
  }

  private makeUplink(): TransparentUplink | AggregatingUplink {
    const { settings, intake, store } = this;
    const { platform, server } = this.parts;
    const { uplinks } = server;
    const { queue } = settings.machine;
    const acceptance = new Acceptance(intake);
    const [first, ...others] = uplinks.map(({ url }) => url);
    const urls: [string, ...string[]] = [first ?? "", ...others];
    const common = serverOptions(uplinks, platform);
    const own: ConnectOptions = {
      ...common,
      properties: { ...common.properties, receiveMaximum: Math.min(queue.records, 0xffff) },
      // Messages wait in the machine, which has bounds of its own.
      inbox: { maximumCount: 2 * queue.records, maximumBytes: 2 * queue.bytes },
      outbox: { qos0: "drop", sessionLost: "resend" },
    };
    if (settings.mode === "transparent") {
      const { username, password } = settings;
      const login =
        username === undefined && password === undefined ? {} : { credentials: () => ({ username, password }) };
      return new TransparentUplink({
        urls,
        acceptance,
        // A connection may wait for its turn.
        options: { ...own, ...login, platform, connectTimeout: CONNECT_TIMEOUT },
        pace: new DialPace(platform.clock),
        concurrency: queue.records,
        isConnected: () => server.isConnected,
        clientIdOf: (clientId) => `${settings.clientIdPrefix}${clientId}`,
      });
    }
    const options = {
      ...own,
      clientId: `${firstOf(uplinks).clientId}-${settings.id}`,
      cleanStart: !store?.sessions.length,
    };
    const { log } = intake.parts;
    return new AggregatingUplink({
      urls,
      options,
      acceptance,
      log,
      keeper: store?.messageKeeper,
      concurrency: queue.records,
      changed: (isConnected) => this.connected(isConnected),
    });
  }
}
