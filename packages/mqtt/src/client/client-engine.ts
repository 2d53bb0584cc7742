/**
 * Connects the parts of a client, and passes events from one part to the others. Each part does its own work. The
 * application calls the client, not the engine.
 */

import { encodeClientPacket } from "../codec/encode.js";
import type { DisconnectPacket, Packet, PublishPacket } from "../codec/packets.js";
import { type ConnackProperties, withoutUndefined } from "../codec/properties.js";
import { assertPayload } from "../codec/publish-coder.js";
import { ClosedError, type MqttError, StoreError, TimeoutError, UsageError } from "../errors.js";
import { EventEmitter } from "../event-emitter.js";
import { anything, assertKnown, holds, readOptions } from "../options/option-rules.js";
import type { AbortSignalLike } from "../platform/abort.js";
import type { Clock, Timer } from "../platform/clock.js";
import type { Platform } from "../platform/platform.js";
import { ClientSession } from "../session/client-session.js";
import type { Delivery } from "../session/incoming/message-receiver.js";
import type { RestoredSession } from "../session/journal/session-journal.js";
import type { OutgoingMessage } from "../session/outgoing/outgoing-message.js";
import { quotable } from "../topic/mqtt-string.js";
import { assertTopicName } from "../topic/topic-name.js";
import { assertNotAborted, assertSignal, onAbort } from "./abort-source.js";
import type { DisconnectOptions } from "./client.js";
import type { ClientEvents, ClientStatistics, Connected } from "./client-events.js";
import type { ClientSettings } from "./connect-options.js";
import { Authenticator } from "./connecting/authenticator.js";
import { Connector, type ConnectorEvents } from "./connecting/connector.js";
import type { ServerList } from "./connecting/server-list.js";
import {
  assertPublishProperties,
  Publishing,
  type PublishOptions,
  type PublishResult,
  publishRules,
  RestoredPublishing,
} from "./publishing.js";
import { Receiving } from "./receiving/receiving.js";
import { SessionStorage } from "./storing/session-storage.js";
import { within } from "./within.js";

export const NO_OPTIONS: PublishOptions = Object.freeze({});
const disconnectRules = {
  reasonCode: anything<number | undefined>(),
  properties: anything<DisconnectOptions["properties"]>(),
  drainTimeout: holds<number>((value) => typeof value === "number" && value >= 0, "must be a number of at least 0"),
} satisfies Record<keyof DisconnectOptions, unknown>;

/** In milliseconds. */
const EXPIRY_STEP = 1_000;
/** Milliseconds for the last write to the store when the client ends, before pending messages are settled. */
const LAST_WRITE = 5_000;

const runtime = globalThis as { readonly console?: { error?(...values: unknown[]): void } };

export class ClientEngine implements ConnectorEvents {
  readonly clock: Clock;
  readonly emitter: EventEmitter<ClientEvents>;
  readonly connector: Connector;
  readonly storage: SessionStorage | undefined;
  readonly authenticator: Authenticator | undefined;
  /** The properties of the last CONNACK. */
  serverProperties: ConnackProperties = {};
  private readonly settings: ClientSettings;
  private readonly session: ClientSession;
  /** Created with the first subscription or message: many clients only publish. */
  private received: Receiving | undefined;
  private closing: Promise<void> | undefined;
  private leaving = false;
  /** True while `disconnect` waits for handlers, which may publish. */
  private handlersMayPublish = false;
  private finished = false;
  private whenDrained: (() => void) | undefined;
  private expiryTimer: Timer | undefined;
  private nextExpiry = Infinity;
  /** The last published topic, which is therefore known to be valid. */
  private lastTopic: string | null = null;
  /** Whether the outcome of a message may depend on when it was published. */
  private readonly needsTime: boolean;
  /** How many connections were accepted so far. */
  connections = 0;
  /**
   * The number of messages beyond the receive maximum before this connection; Infinity after `receiveMaximumExceeded`
   * was emitted for it.
   */
  private toleratedBefore = 0;
  private published = 0;

  /** Called when a message has its outcome. */
  private readonly settled = (): void => {
    this.received?.reading.update();
    if (this.whenDrained && this.session.pending === 0) this.whenDrained();
  };

  /** Creates the object that represents the QoS 0 messages that are sent together. */
  private readonly newGroup = (topic: string): Publishing =>
    new Publishing(topic, "", 0, false, undefined, Infinity, this.settled);

  /** @param former the closed engine of the same client; its listeners are kept */
  constructor(servers: ServerList, settings: ClientSettings, platform: Platform, former?: ClientEngine) {
    const unheard = (error: unknown, failed: boolean): void => this.unheard(error, failed);
    this.emitter = former?.emitter ?? new EventEmitter<ClientEvents>(unheard);
    this.emitter.handOver(unheard);
    this.settings = settings;
    this.clock = platform.clock;
    const { store, outbox, authentication } = settings;
    this.needsTime = store !== undefined || (outbox.maximumAge ?? Infinity) < Infinity;
    this.storage =
      store &&
      new SessionStorage(
        store,
        settings.clientId,
        this.clock,
        (stored) => this.restore(stored),
        (messages, error) => this.refuse(messages, error),
      );
    this.session = new ClientSession(
      settings,
      (packet, delivery) => this.message(packet, delivery),
      this.storage?.journal,
    );
    this.authenticator =
      authentication &&
      new Authenticator(
        authentication,
        (reasonCode, data) => this.session.sayAuth(reasonCode, data),
        (error) => this.connector.fail(error),
      );
    const { session, storage, authenticator } = this;
    const context = { settings, platform, session, storeWriter: storage?.writer, authenticator };
    this.connector = new Connector(servers, context, this.emitter, this, former?.connector);
  }

  get statistics(): ClientStatistics {
    const { received, session } = this;
    return {
      connections: this.connections,
      messagesPublished: this.published,
      messagesReceived: received?.messagesReceived ?? 0,
      messagesDropped: received?.router.messagesDropped ?? 0,
      pendingPublishes: session.pending,
      outbox: session.outboxCounts,
      pendingMessages: received?.router.pending ?? 0,
      beyondReceiveMaximum: session.beyondReceiveMaximum,
      subscriptions: received?.subscriptions.size ?? 0,
      slowConsumers: received?.inbox.slowConsumers ?? [],
    };
  }

  /** Whether it is closed, and `disconnect` has finished. */
  get isOver(): boolean {
    return this.finished && !this.leaving;
  }

  /** Creates the engine that replaces this closed one. The new engine keeps the listeners and the client identifier. */
  renewed(): ClientEngine {
    const { servers, platform } = this.connector;
    return new ClientEngine(servers, this.settings, platform, this);
  }

  get isClosed(): boolean {
    return this.closing !== undefined || this.connector.isStopped;
  }

  get receiving(): Receiving {
    this.received ??= new Receiving(this.settings, this.clock, this.session, this.connector, this.emitter, this, () => {
      this.storage?.writeSoon(); // also stores messages that cannot be acknowledged yet
    });
    return this.received;
  }

  async connect(signal: AbortSignalLike | undefined, retry: boolean): Promise<Connected> {
    if (this.isClosed) throw closedError("connect");
    assertSignal(signal);
    if (this.storage !== undefined) await this.storage.open();
    if (this.closing) throw closedError("connect");
    return this.connector.start(signal, retry);
  }

  publish(topic: string, payload: string | Uint8Array, options: PublishOptions): Promise<PublishResult> {
    if (this.isClosed && !this.handlersMayPublish) throw closedError("publish");
    if (options !== NO_OPTIONS) assertKnown(options, publishRules);
    const { qos = 0, retain = false, properties, signal } = options;
    if (qos !== 0) publishRules.qos("qos", qos);
    if (retain !== false) publishRules.retain("retain", retain);
    if (topic !== this.lastTopic) assertTopicName(topic);
    this.lastTopic = topic;
    assertPayload(payload);
    if (qos === 0 && properties === undefined && signal === undefined) {
      const group = this.session.sendAtOnce(topic, payload, retain, this.newGroup);
      if (group !== undefined) {
        this.published++;
        return (group as Publishing).result;
      }
    }
    assertPublishProperties(properties);
    assertNotAborted(signal);
    // Most messages do not depend on the time, and reading the clock takes time.
    const now = properties !== undefined || this.needsTime ? this.clock.now() : 0;
    const expiry = properties?.messageExpiryInterval;
    const expiresAt = expiry === undefined ? Infinity : now + expiry * 1000;
    const publishing = new Publishing(topic, payload, qos, retain, properties, expiresAt, this.settled);
    if (signal !== undefined) {
      publishing.release = onAbort(signal, (error) => {
        if (!this.session.withdraw(publishing, error)) publishing.giveUp(error);
      });
    }
    this.published++;
    this.session.publish(publishing, now);
    this.received?.reading.update();
    if (publishing.state === "queued") {
      const waitsUntil = this.session.waitsUntil(publishing);
      if (waitsUntil < this.nextExpiry) this.watchExpiry(waitsUntil, now);
    }
    // A message that is sent immediately is stored before it is sent.
    if (this.storage !== undefined && qos > 0 && publishing.state === "queued") this.storage.writeSoon();
    return publishing.result;
  }

  /** @throws UsageError OPTION_INVALID if there is no store; ClosedError; MqttError of the store */
  async stored(): Promise<void> {
    if (this.storage === undefined) throw new UsageError("OPTION_INVALID", "stored: requires the option store");
    if (this.isClosed) throw closedError("stored");
    await this.storage.open();
    await this.storage.settled();
  }

  /** Disconnects once. Further calls return the same promise. */
  disconnect(options: DisconnectOptions): Promise<void> {
    readOptions(disconnectRules, options);
    if (this.closing === undefined) {
      this.leaving = true;
      this.closing = this.leave(options, this.farewell(options)).finally(() => {
        this.leaving = false;
      });
    }
    return this.closing;
  }

  // Callbacks of the parts.

  private message(packet: PublishPacket, delivery: Delivery | undefined): void {
    if (this.session.beyondReceiveMaximum > this.toleratedBefore) this.reportExcess();
    this.receiving.message(packet, delivery);
  }

  connected(connected: Connected, resumed: boolean, certain: boolean): void {
    const { protocolVersion, properties } = connected;
    this.connections++;
    this.toleratedBefore = this.session.beyondReceiveMaximum;
    this.serverProperties = properties;
    if (resumed && !this.settings.cleanStart) this.receiving.router.awaitClaims();
    this.emitter.emit("connected", connected);
    if (!resumed || !certain || protocolVersion === 3)
      this.received?.subscriptions.subscribeAgain(resumed, resumed && protocolVersion === 5);
  }

  lost(): void {
    this.received?.lost();
  }

  gaveUp(cause: MqttError): void {
    void this.end(cause);
  }

  private async end(cause: MqttError): Promise<void> {
    const durable = await this.isDurable();
    this.finish(cause, (what, kept) => {
      if (kept && durable) return keptError(what);
      return new ClosedError("CLIENT_CLOSED", `${what} was abandoned because the client stopped: ${cause.message}`, {
        cause,
      });
    });
    await this.storage?.close().catch((failure: unknown) => this.emitter.emit("error", failure));
  }

  packet(packet: Packet): void {
    if (this.emitter.has("packet")) this.emitter.emit("packet", packet);
    this.received?.heard();
  }

  private unheard(error: unknown, failed: boolean): void {
    const why = failed ? 'an "error" listener threw:' : 'no "error" listener is registered; logging the first error:';
    runtime.console?.error?.(`client "${quotable(this.connector.clientId)}": ${why}`, error);
  }

  private reportExcess(): void {
    this.toleratedBefore = Infinity;
    const { receiveMaximum = 65_535 } = this.settings.properties;
    this.emitter.emit("receiveMaximumExceeded", { receiveMaximum });
  }

  /**
   * Expires queued messages whether or not there is a connection. It is up to a second late, so that not every message
   * needs a timer.
   */
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

  private async leave(options: DisconnectOptions, farewell: Omit<DisconnectPacket, "type">): Promise<void> {
    const { drainTimeout = 5_000 } = options;
    const deadline = this.clock.now() + drainTimeout;
    if (this.received !== undefined) {
      const handlers = this.received.stop();
      this.handlersMayPublish = handlers !== undefined && drainTimeout > 0 && !this.connector.isStopped;
      await undefined; // lets a handler that calls `disconnect` return first
      if (handlers !== undefined && drainTimeout > 0) await within(this.clock, drainTimeout, handlers);
      this.handlersMayPublish = false;
    }
    let drained = true;
    const left = deadline - this.clock.now();
    if (this.connector.isOnline && this.session.pending > 0)
      drained = left > 0 ? await this.drain(left) : drainTimeout === 0;
    this.session.sayDisconnect(farewell);
    const closed = this.connector.stop(drainTimeout);
    const durable = await this.isDurable();
    this.finish(undefined, (what, kept) => {
      if (kept && durable) return keptError(what);
      return drained
        ? new ClosedError("CLIENT_CLOSED", `disconnect: ${what} was still pending when the client closed`)
        : new TimeoutError(
            "DRAIN_TIMEOUT",
            `disconnect: ${what} was not acknowledged within drainTimeout ${drainTimeout} ms`,
          );
    });
    await closed;
    await this.storage?.close();
  }

  /** Returns whether the store has written everything. If it has not, `close` reports the error. */
  private async isDurable(): Promise<boolean> {
    if (this.storage === undefined) return false;
    return this.storage.settled(LAST_WRITE).then(
      () => true,
      () => false,
    );
  }

  /**
   * Builds DISCONNECT. On MQTT 5 it also ends a session that was only kept to survive lost connections.
   *
   * @throws UsageError if the fields cannot be sent
   */
  private farewell(options: DisconnectOptions): Omit<DisconnectPacket, "type"> {
    const { reasonCode = 0, properties } = options;
    if (properties?.serverReference !== undefined) {
      const what = "disconnect: only servers may send serverReference; remove it [MQTT5-3.14.2.2.5]";
      throw new UsageError("PROPERTY_INVALID", what, { option: "properties.serverReference" });
    }
    const fields = this.settings.endsWithClient
      ? { reasonCode, properties: { sessionExpiryInterval: 0, ...withoutUndefined(properties ?? {}) } }
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

  /** Called when nothing more will be sent or received. */
  private finish(error: MqttError | undefined, reason: (what: string, kept: boolean) => MqttError): void {
    this.expiryTimer?.cancel();
    this.session.abandon(reason);
    this.received?.close(error);
    if (this.finished) return;
    this.finished = true;
    this.emitter.emit("closed", { error });
    this.emitter.giveUp(() => closedError("waitFor", error));
  }

  /** Restores what an earlier process left. */
  private restore({ messages, incoming }: RestoredSession): void {
    const publishings = messages.map(
      (stored) =>
        new RestoredPublishing(stored, (error) => {
          if (error && error.code !== "MESSAGE_KEPT") this.emitter.emit("error", error);
          this.settled();
        }),
    );
    this.session.restore(publishings, incoming);
    this.expire(); // messages may have expired between the processes
  }

  /** Handles messages that the store did not take. */
  private refuse(messages: readonly OutgoingMessage[], error: MqttError): void {
    this.session.refuseUnstored(messages, error);
    // If a connection waited for the store, it ends with this error. Otherwise the error is emitted here.
    if (this.connector.isOnline || this.isClosed) return;
    this.emitter.emit("error", error);
    this.storage?.write();
  }
}

function keptError(what: string): StoreError {
  return new StoreError("MESSAGE_KEPT", `${what} is kept in the store; the next client with this session sends it`);
}

export function closedError(what: string, cause?: MqttError): ClosedError {
  return new ClosedError("CLIENT_CLOSED", `${what}: the client is closed; call connect() first`, { cause });
}
