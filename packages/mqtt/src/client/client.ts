/** The client: what an application holds. Puts the parts together; each part does its own work. */

/// <reference lib="esnext.disposable" preserve="true" />

import { encodeClientPacket } from "../codec/encode.js";
import type { DisconnectPacket, ProtocolVersion, PublishPacket, QoS } from "../codec/packets.js";
import type { DisconnectProperties } from "../codec/properties.js";
import { assertPayload } from "../codec/publish-coder.js";
import { type MqttError, TimeoutError, UsageError } from "../errors.js";
import type { AbortSignalLike } from "../platform/abort.js";
import type { Clock, Timer } from "../platform/clock.js";
import type { Platform } from "../platform/platform.js";
import { ClientSession, type ClientSessionEvents } from "../session/client-session.js";
import { assertTopicName } from "../topic/topic-name.js";
import { assertNotAborted, onAbort } from "./abort-source.js";
import { AnswerWatch } from "./answer-watch.js";
import { Authenticator } from "./authenticator.js";
import { type ClientEvents, type ClientStatistics, type Connected, clientEvents } from "./client-events.js";
import {
  assertBoolean,
  assertKnown,
  assertQoS,
  type ClientSettings,
  type ConnectOptions,
  parseConnectOptions,
} from "./connect-options.js";
import { type Accepted, Connector, type ConnectorEvents } from "./connector.js";
import { EventEmitter, type Listener } from "./event-emitter.js";
import { Inbox, type InboxOwner } from "./inbox.js";
import type { Message } from "./message.js";
import {
  assertPublishProperties,
  Publishing,
  type PublishOptions,
  type PublishResult,
  RestoredPublishing,
} from "./publishing.js";
import { type RequestHandler, type RequestOptions, RequestResponse } from "./request-response.js";
import { Router, type RouterOwner } from "./router.js";
import { ServerList, type Servers } from "./server-list.js";
import { SessionStorage, type StorageOwner } from "./session-storage.js";
import type { Subscription } from "./subscription.js";
import { type Requester, type SubscribeOptions, Subscriptions } from "./subscriptions.js";

export interface DisconnectOptions {
  /** MQTT 5: default 0; 4 has the server publish the will. */
  readonly reasonCode?: number | undefined;
  /** MQTT 5. */
  readonly properties?: DisconnectProperties | undefined;
  /** Milliseconds to wait for what is still unacknowledged. Default 5,000; 0 does not wait. */
  readonly drainTimeout?: number | undefined;
}

const NO_OPTIONS: PublishOptions = Object.freeze({});
const PUBLISH_OPTIONS: ReadonlySet<string> = new Set<keyof PublishOptions>(["qos", "retain", "properties", "signal"]);
const DISCONNECT_OPTIONS: ReadonlySet<string> = new Set<keyof DisconnectOptions>([
  "reasonCode",
  "properties",
  "drainTimeout",
]);

/** Milliseconds. */
const EXPIRY_STEP = 1_000;

export class Client {
  private readonly settings: ClientSettings;
  private readonly clock: Clock;
  private readonly emitter = new EventEmitter<ClientEvents>();
  private readonly session: ClientSession;
  private readonly inbox: Inbox;
  private readonly router: Router;
  private readonly subscriptions: Subscriptions;
  private readonly connector: Connector;
  private readonly answerWatch: AnswerWatch;
  private readonly storage: SessionStorage | undefined;
  private readonly authenticator: Authenticator | undefined;
  /** Made with the first request or responder. */
  private requestResponse: RequestResponse | undefined;
  private responseInformation: string | undefined;
  private closing: Promise<void> | undefined;
  private finished = false;
  private whenDrained: (() => void) | undefined;
  private inboxFull = false;
  private readingStopped = false;
  private expiryTimer: Timer | undefined;
  private nextExpiry = Infinity;
  /** The topic that was published to last, and so is known to be one. */
  private lastTopic: string | null = null;
  /** Whether a message's fate may depend on when it was published. */
  private readonly needsTime: boolean;
  /** One for all messages. */
  private readonly onSettled = (): void => this.settled();
  private readonly newGroup = (topic: string): Publishing =>
    new Publishing(topic, "", 0, false, undefined, Infinity, this.onSettled);
  private readonly counts = { connections: 0, messagesPublished: 0, messagesReceived: 0, messagesDropped: 0 };

  /** Made by `connect` and `createClient`. */
  constructor(
    urls: Servers,
    private readonly options: ConnectOptions,
    platform: Platform,
  ) {
    const servers = new ServerList(urls);
    this.settings = parseConnectOptions(options, platform.random, servers.mayNameUser);
    this.clock = platform.clock;
    const { store, outbox } = this.settings;
    this.needsTime = store !== undefined || (outbox.maximumAge ?? Infinity) < Infinity;
    this.storage = store && new SessionStorage(store, this.settings.clientId, this.clock, this.storageOwner());
    const { timerLateness } = platform;
    this.session = new ClientSession({ ...this.settings, timerLateness }, this.sessionEvents(), this.storage?.journal);
    this.router = new Router(this.settings.inbox, this.clock, this.routerOwner());
    this.inbox = new Inbox(this.settings.inbox, this.clock, this.inboxOwner());
    this.answerWatch = new AnswerWatch(this.clock, {
      oldestUnanswered: () => this.session.oldestUnanswered,
      unanswered: (error) => {
        this.session.suspectRequests();
        this.connector.fail(error);
      },
    });
    this.subscriptions = new Subscriptions(this.requester(), this.router, this.inbox, (error) =>
      this.emitter.emit("error", error),
    );
    const { authentication } = this.settings;
    this.authenticator =
      authentication &&
      new Authenticator(
        authentication,
        (reasonCode, data) => this.session.sayAuth(reasonCode, data),
        (error) => this.connector.fail(error),
      );
    this.connector = new Connector(
      servers,
      this.settings,
      platform,
      this.session,
      this.storage?.writer,
      this.authenticator,
      this.connectorEvents(),
    );
  }

  /** The identifier that this client uses, its own or the one that the server assigned. */
  get clientId(): string {
    return this.connector.clientId;
  }

  /** The version in use; undefined before the first CONNACK. */
  get protocolVersion(): ProtocolVersion | undefined {
    return this.connector.protocolVersion;
  }

  get connected(): boolean {
    return this.connector.isOnline;
  }

  get statistics(): ClientStatistics {
    return {
      ...this.counts,
      pendingPublishes: this.session.pending,
      outbox: this.session.outboxCounts,
      pendingMessages: this.router.pending,
      subscriptions: this.subscriptions.size,
      slowConsumers: this.inbox.slowConsumers,
    };
  }

  /** Calls `listener` at each such event. Returns what takes it off again. */
  on<Name extends keyof ClientEvents>(name: Name, listener: Listener<ClientEvents[Name]>): () => void {
    if (!clientEvents.has(name)) throw new UsageError("OPTION_UNKNOWN", `event "${name}": there is no such event`);
    return this.emitter.on(name, listener);
  }

  off<Name extends keyof ClientEvents>(name: Name, listener: Listener<ClientEvents[Name]>): void {
    this.emitter.off(name, listener);
  }

  /**
   * Connects for the first time. Each server is tried once.
   *
   * @throws RefusedError, TransportError, TimeoutError or ProtocolError of the last server; UsageError ABORTED or
   * ALREADY_CONNECTED. After an error the client may try again.
   */
  async connect(signal: AbortSignalLike | undefined = this.options.signal): Promise<Connected> {
    if (this.isClosed) throw closedError("connect");
    await this.storage?.open();
    if (this.closing) throw closedError("connect");
    return connectedOf(await this.connector.start(signal));
  }

  /**
   * Publishes a message, now or as soon as it may be sent. The promise settles exactly once: when the message was handed to
   * the network (QoS 0), at PUBACK (QoS 1), at PUBCOMP (QoS 2), or with a typed error that says what became of it.
   *
   * @param payload text is sent as UTF-8; bytes must not change until the promise settles, and if `signal` rejects it while the
   * message is on its way (QoS 1 and 2), not until that has its acknowledgement
   * @example await client.publish("kitchen/light", "on", { qos: 1, retain: true })
   */
  publish(topic: string, payload: string | Uint8Array, options: PublishOptions = NO_OPTIONS): Promise<PublishResult> {
    try {
      if (this.storage === undefined || this.storage.isOpen || this.isClosed)
        return this.startPublishing(topic, payload, options);
      // What an earlier process left comes first.
      return this.storage.open().then(() => this.startPublishing(topic, payload, options));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Subscribes to one filter or several. Resolves at SUBACK; rejects with a RefusedError if the server denies all of them
   * (what it says to each is in `granted`).
   *
   * @example
   * const subscription = await client.subscribe("sensors/+/temperature", { qos: 1 });
   * for await (const message of subscription) console.log(message.topic, message.text());
   */
  async subscribe(topicFilters: string | readonly string[], options: SubscribeOptions = {}): Promise<Subscription> {
    if (this.isClosed) throw closedError("subscribe");
    return this.subscriptions.subscribe(typeof topicFilters === "string" ? [topicFilters] : topicFilters, options);
  }

  /** Ends all subscriptions of this client under these filters. Resolves at UNSUBACK. */
  async unsubscribe(topicFilters: string | readonly string[], signal?: AbortSignalLike): Promise<void> {
    if (this.isClosed) throw closedError("unsubscribe");
    const filters = typeof topicFilters === "string" ? [topicFilters] : topicFilters;
    return this.subscriptions.unsubscribeFilters(filters, undefined, signal);
  }

  /**
   * Publishes a request and resolves to the response. On MQTT 5 it travels with Response Topic and Correlation Data; before it
   * by a convention of topics: the request on `TOPIC/request/CLIENT/NUMBER`, the response on `TOPIC/response/CLIENT/NUMBER`.
   *
   * @throws TimeoutError REQUEST_TIMEOUT, and whatever `publish` and `subscribe` throw
   * @example
   * const answer = await client.request("lamp/state", "?", { timeout: 2_000 });
   */
  request(topic: string, payload: string | Uint8Array, options: RequestOptions = {}): Promise<Message> {
    return this.requests.request(topic, payload, options);
  }

  /**
   * Answers requests under a filter with what `handler` returns. The subscription that it resolves to ends it.
   *
   * @param qos at which requests may come; a response goes out as its request came. Default 0
   * @example await client.respond("lamp/state", () => "on")
   */
  respond(topicFilter: string, handler: RequestHandler, qos: QoS = 0): Promise<Subscription> {
    return this.requests.respond(topicFilter, handler, qos);
  }

  /**
   * Authenticates again over the open connection, by the option `authentication` (MQTT 5). Resolves when the server is
   * content.
   *
   * @throws UsageError NOT_CONNECTED or OPTION_INVALID; RefusedError if the server is not content: it ends the connection then
   */
  async reauthenticate(): Promise<void> {
    if (this.authenticator === undefined) {
      throw new UsageError("OPTION_INVALID", "reauthenticate: needs the option authentication, and MQTT 5");
    }
    if (!this.connected) throw new UsageError("NOT_CONNECTED", "reauthenticate: there is no connection");
    await this.authenticator.authenticateAgain();
  }

  /**
   * Waits, within a bound, for what is unacknowledged, says DISCONNECT and closes. Whatever is still pending then is
   * rejected; with a store it stays there for the next process. Offline it does not wait.
   */
  disconnect(options: DisconnectOptions = {}): Promise<void> {
    try {
      assertKnown(options, DISCONNECT_OPTIONS);
      this.closing ??= this.leave(options, this.farewell(options));
      return this.closing;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.disconnect();
  }

  private get requests(): RequestResponse {
    this.requestResponse ??= new RequestResponse(this, this.clock, () => this.responseInformation);
    return this.requestResponse;
  }

  private get isClosed(): boolean {
    return this.closing !== undefined || this.connector.isStopped;
  }

  private startPublishing(
    topic: string,
    payload: string | Uint8Array,
    options: PublishOptions,
  ): Promise<PublishResult> {
    if (this.isClosed) throw closedError("publish");
    if (options !== NO_OPTIONS) assertKnown(options, PUBLISH_OPTIONS);
    const { qos = 0, retain = false, properties, signal } = options;
    if (topic !== this.lastTopic) assertTopicName(topic);
    this.lastTopic = topic;
    assertPayload(payload);
    assertQoS("qos", qos);
    assertBoolean("retain", retain);
    if (qos === 0 && properties === undefined && signal === undefined) {
      const group = this.session.sendAtOnce(topic, payload, retain, this.newGroup);
      if (group !== undefined) {
        this.counts.messagesPublished++;
        return (group as Publishing).result;
      }
    }
    assertPublishProperties(properties);
    assertNotAborted(signal);
    // For most messages nothing depends on the time, and a look at the clock is not free.
    const now = properties !== undefined || this.needsTime ? this.clock.now() : 0;
    const expiry = properties?.messageExpiryInterval;
    const expiresAt = expiry === undefined ? Infinity : now + expiry * 1000;
    const publishing = new Publishing(topic, payload, qos, retain, properties, expiresAt, this.onSettled);
    if (signal !== undefined) {
      publishing.release = onAbort(signal, (error) => {
        if (!this.session.withdraw(publishing, error)) publishing.giveUp(error);
      });
    }
    this.counts.messagesPublished++;
    this.session.publish(publishing, now);
    if (this.inboxFull) this.updateReading();
    if (publishing.state === "queued") {
      const waitsUntil = this.session.waitsUntil(publishing);
      if (waitsUntil < this.nextExpiry) this.watchExpiry(waitsUntil, now);
    }
    if (!this.connector.isOnline) this.storage?.write();
    return publishing.result;
  }

  /** Queued messages expire whether or not there is a connection; a second late, so that many do not cost a timer each. */
  private watchExpiry(waitsUntil: number, now: number): void {
    this.expiryTimer?.cancel();
    this.nextExpiry = waitsUntil;
    if (waitsUntil === Infinity || this.isClosed) return;
    this.expiryTimer = this.clock.schedule(Math.max(EXPIRY_STEP, waitsUntil - now), () => this.expire());
  }

  private expire(): void {
    const now = this.clock.now();
    this.watchExpiry(this.session.expire(now), now);
    if (!this.connector.isOnline) this.storage?.write();
  }

  /**
   * With a full inbox the client stops reading, so that the server has to wait. But not while it waits for the server itself:
   * a handler that publishes would wait for ever for an acknowledgement that nobody reads.
   */
  private updateReading(): void {
    const stop = this.inboxFull && !this.session.awaitsServer;
    if (stop === this.readingStopped) return;
    this.readingStopped = stop;
    this.connector.setPaused(stop);
  }

  private settled(): void {
    if (this.inboxFull) this.updateReading();
    if (this.whenDrained && this.session.pending === 0) this.whenDrained();
  }

  private async leave(options: DisconnectOptions, farewell: Omit<DisconnectPacket, "type">): Promise<void> {
    const { drainTimeout = 5_000 } = options;
    let drained = true;
    if (this.connector.isOnline && this.session.pending > 0 && drainTimeout > 0)
      drained = await this.drain(drainTimeout);
    this.session.sayDisconnect(farewell);
    const closed = this.connector.stop(drainTimeout);
    this.finish(undefined, (what) =>
      drained
        ? new UsageError("CLIENT_CLOSED", `disconnect: ${what} was still pending when the client closed`)
        : new TimeoutError(
            "DRAIN_TIMEOUT",
            `disconnect: ${what} was not acknowledged within drainTimeout ${drainTimeout} ms`,
          ),
    );
    await closed;
    await this.storage?.close();
  }

  /**
   * DISCONNECT's fields; on MQTT 5 it also ends a session that was only meant to outlast lost connections.
   *
   * @throws UsageError if they cannot be sent
   */
  private farewell(options: DisconnectOptions): Omit<DisconnectPacket, "type"> {
    const { reasonCode = 0, properties } = options;
    const fields = this.settings.endsWithClient
      ? { reasonCode, properties: { sessionExpiryInterval: 0, ...properties } }
      : { reasonCode, properties };
    encodeClientPacket({ type: "disconnect", ...fields }, 5);
    return fields;
  }

  private drain(timeout: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = this.clock.schedule(timeout, () => resolve(false));
      this.whenDrained = () => {
        timer.cancel();
        resolve(true);
      };
    });
  }

  /** Nothing will come or go any more. */
  private finish(error: MqttError | undefined, reason: (what: string) => MqttError): void {
    this.expiryTimer?.cancel();
    this.session.abandon(reason);
    this.subscriptions.close(error);
    this.router.forgetUnclaimed();
    this.inbox.close();
    if (this.finished) return;
    this.finished = true;
    this.emitter.emit("closed", { error });
  }

  private requester(): Requester {
    return {
      request: (request) => {
        this.session.request(request);
        this.answerWatch.look();
        if (this.inboxFull) this.updateReading();
      },
      withdrawRequest: (request, error) => this.session.withdrawRequest(request, error),
      settled: () => this.answerWatch.look(),
    };
  }

  private sessionEvents(): ClientSessionEvents {
    return {
      accepted: (connack, resumed) => {
        if (resumed && !this.settings.cleanStart) this.router.awaitClaims();
        this.connector.connackAccepted(connack);
        if (!resumed || this.connector.protocolVersion === 3) this.subscriptions.subscribeAgain();
      },
      refused: (connack) => this.connector.connackRefused(connack),
      message: (packet: PublishPacket, delivery) => {
        this.counts.messagesReceived++;
        this.router.route(packet, delivery);
      },
      authentication: (packet) => this.authenticator?.received(packet),
      disconnected: (packet) => this.connector.disconnected(packet),
    };
  }

  private storageOwner(): StorageOwner {
    return {
      restored: ({ messages, incoming }) => {
        const publishings = messages.map(
          (stored) =>
            new RestoredPublishing(stored, (error) => {
              if (error) this.emitter.emit("error", error);
              this.settled();
            }),
        );
        this.session.restore(publishings, incoming);
        this.expire(); // what one process left may be too old for the next
      },
      refused: (messages, error) => {
        this.session.refuseUnstored(messages, error);
        // A connection that waited for the store ends with this error; without one, nobody else would tell.
        if (this.connector.isOnline || this.isClosed) return;
        this.emitter.emit("error", error);
        this.storage?.write();
      },
    };
  }

  private routerOwner(): RouterOwner {
    return {
      returned: (delivery) => this.session.returned(delivery),
      finished: (delivery, failed) => this.session.finished(delivery, failed ? 0x83 : 0),
      handlerFailed: (error) => this.emitter.emit("error", error),
      unclaimed: (message) => this.emitter.emit("unclaimed", message),
      dropped: (message) => {
        this.counts.messagesDropped++;
        this.emitter.emit("dropped", message);
      },
    };
  }

  private inboxOwner(): InboxOwner {
    return {
      setFull: (full) => {
        this.inboxFull = full;
        this.updateReading();
      },
      slowConsumer: (slow) => this.emitter.emit("slowConsumer", slow),
      hasSeveralSubscriptions: () => this.subscriptions.size > 1,
    };
  }

  private connectorEvents(): ConnectorEvents {
    return {
      accepted: (accepted) => {
        this.counts.connections++;
        this.responseInformation = accepted.connack.properties?.responseInformation;
        this.authenticator?.accepted(accepted.connack);
        this.clock.defer(() => this.answerWatch.look()); // when what waited for the connection has been asked
        this.emitter.emit("connected", connectedOf(accepted));
      },
      lost: (error) => {
        this.authenticator?.lost(error);
        this.router.forgetUnclaimed();
        this.answerWatch.look();
        this.emitter.emit("disconnected", { error });
      },
      reconnecting: (attempt, delay, error) => this.emitter.emit("reconnecting", { attempt, delay, error }),
      takenOver: (certain, error) => this.emitter.emit("takenOver", { clientId: this.clientId, certain, error }),
      gaveUp: (error) => {
        this.finish(
          error,
          (what) =>
            new UsageError("CLIENT_CLOSED", `${what} is given up, because the client is: ${error.message}`, {
              cause: error,
            }),
        );
        this.storage?.close().catch((failure: unknown) => this.emitter.emit("error", failure));
      },
      packet: (packet) => {
        if (this.emitter.has("packet")) this.emitter.emit("packet", packet);
        if (this.inboxFull) this.clock.defer(() => this.updateReading()); // it may have been what we waited for
      },
    };
  }
}

function connectedOf(accepted: Accepted): Connected {
  const { server, protocolVersion, clientId, sessionPresent, connack } = accepted;
  return { server, protocolVersion, clientId, sessionPresent, properties: connack.properties ?? {} };
}

function closedError(what: string): UsageError {
  return new UsageError("CLIENT_CLOSED", `${what}: the client is closed; make a new one`);
}
