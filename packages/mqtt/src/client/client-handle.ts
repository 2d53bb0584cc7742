/** The object that the application holds. It checks calls, hides secrets, and passes calls to the engine. */

/// <reference lib="esnext.disposable" preserve="true" />

import type { ProtocolVersion } from "../codec/packets.js";
import { ClosedError } from "../errors.js";
import type { Listener } from "../event-emitter.js";
import { assertNoCallback, wrongOption } from "../options/option-error.js";
import { boolean, readOptions } from "../options/option-rules.js";
import type { AbortSignalLike } from "../platform/abort.js";
import type { Platform } from "../platform/platform.js";
import { assertNotAborted, onAbort, signalRule } from "./abort-source.js";
import type { Client, DisconnectOptions, FirstConnectOptions, WaitOptions } from "./client.js";
import { ClientEngine, closedError, NO_OPTIONS } from "./client-engine.js";
import {
  assertEvent,
  assertListener,
  type ClientEvents,
  type ClientStatistics,
  type Connected,
} from "./client-events.js";
import { type ConnectOptions, parseConnectOptions } from "./connect-options.js";
import { ServerList, type Servers } from "./connecting/server-list.js";
import type { PublishOptions, PublishResult } from "./publishing.js";
import type { Message } from "./receiving/message.js";
import type { HandledSubscription, Subscription, UnsubscribeOptions } from "./receiving/subscription.js";
import type { SubscribeOptions } from "./receiving/subscriptions.js";
import type { RequestHandler, RequestOptions, RespondOptions } from "./requesting/request-options.js";
import { RequestResponse } from "./requesting/request-response.js";

const waitRules = { signal: signalRule } satisfies Record<keyof WaitOptions, unknown>;
const firstConnectRules = { signal: signalRule, retry: boolean() } satisfies Record<keyof FirstConnectOptions, unknown>;

/** The method that Node's `util.inspect` and `console.log` call. */
const inspected: unique symbol = Symbol.for("nodejs.util.inspect.custom") as never;

/** All state, passwords and keys included, is in private fields, which loggers, `console.dir` and JSON do not print. */
export class ClientHandle implements Client {
  #engine: ClientEngine;
  /** The options of `connect`. */
  readonly #signal: AbortSignalLike | undefined;
  readonly #retry: boolean;
  /** Created with the first request or responder. */
  #requestResponse: RequestResponse | undefined;

  constructor(urls: Servers, options: ConnectOptions, platform: Platform) {
    const servers = new ServerList(urls);
    this.#engine = new ClientEngine(servers, parseConnectOptions(options, platform, servers.mayNameUser), platform);
    this.#signal = options.signal;
    this.#retry = options.retry === true;
  }

  get clientId(): string {
    return this.#engine.connector.clientId;
  }

  get protocolVersion(): ProtocolVersion | undefined {
    return this.#engine.connector.protocolVersion;
  }

  get connected(): boolean {
    return this.#engine.connector.isOnline;
  }

  get statistics(): ClientStatistics {
    return this.#engine.statistics;
  }

  on<Name extends keyof ClientEvents>(name: Name, listener: Listener<ClientEvents[Name]>): () => void {
    assertListener(name, listener);
    return this.#engine.emitter.on(name, listener);
  }

  off<Name extends keyof ClientEvents>(name: Name, listener: Listener<ClientEvents[Name]>): void {
    assertListener(name, listener);
    this.#engine.emitter.off(name, listener);
  }

  once<Name extends keyof ClientEvents>(name: Name, listener: Listener<ClientEvents[Name]>): () => void {
    assertListener(name, listener);
    return this.#engine.emitter.once(name, listener);
  }

  async waitFor<Name extends keyof ClientEvents>(name: Name, options: WaitOptions = {}): Promise<ClientEvents[Name]> {
    assertEvent(name);
    const { signal } = readOptions(waitRules, options);
    assertNotAborted(signal);
    if (this.#engine.isClosed && name !== "closed") throw closedError("waitFor");
    return this.#engine.emitter.waitFor(name, (giveUp) => onAbort(signal, giveUp));
  }

  connect(options: FirstConnectOptions = {}): Promise<Connected> {
    try {
      readOptions(firstConnectRules, options);
    } catch (error) {
      return Promise.reject(error);
    }
    const { signal = this.#signal, retry = this.#retry } = options;
    if (this.#engine.isOver) {
      this.#engine = this.#engine.renewed();
      this.#requestResponse = undefined;
    }
    return this.#engine.connect(signal, retry);
  }

  publish(topic: string, payload: string | Uint8Array, options?: PublishOptions): Promise<PublishResult>;
  publish(
    topic: string,
    payload: string | Uint8Array,
    options: PublishOptions = NO_OPTIONS,
    callback?: unknown,
  ): Promise<PublishResult> {
    const engine = this.#engine;
    try {
      if (callback !== undefined || typeof options === "function") assertNoCallback(callback ?? options);
      const { storage } = engine;
      if (storage === undefined || storage.isOpen || engine.isClosed) return engine.publish(topic, payload, options);
      // Messages of an earlier process are restored first.
      return storage.open().then(() => engine.publish(topic, payload, options));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  stored(): Promise<void> {
    return this.#engine.stored();
  }

  subscribe(topicFilters: string | readonly string[], options?: SubscribeOptions): Promise<Subscription>;
  async subscribe(
    topicFilters: string | readonly string[],
    options: SubscribeOptions = {},
    callback?: unknown,
  ): Promise<Subscription> {
    if (this.#engine.isClosed) throw closedError("subscribe");
    if (callback !== undefined) throw wrongOption("callback", "is not supported; pass the handler as { onMessage }");
    return this.#engine.receiving.subscriptions.subscribe(topicFilters, options);
  }

  async unsubscribe(topicFilters: string | readonly string[], options?: UnsubscribeOptions): Promise<void> {
    if (this.#engine.isClosed) throw closedError("unsubscribe");
    return this.#engine.receiving.subscriptions.unsubscribeFilters(topicFilters, options);
  }

  request(topic: string, payload: string | Uint8Array, options: RequestOptions = {}): Promise<Message> {
    return this.#requests.request(topic, payload, options);
  }

  respond(topicFilter: string, handler: RequestHandler, options: RespondOptions = {}): Promise<HandledSubscription> {
    return this.#requests.respond(topicFilter, handler, options);
  }

  async reauthenticate(): Promise<void> {
    const { authenticator } = this.#engine;
    if (authenticator === undefined) {
      throw wrongOption("authentication", "is required by reauthenticate, together with MQTT 5");
    }
    if (!this.connected) throw new ClosedError("NOT_CONNECTED", "reauthenticate: the client is not connected");
    await authenticator.authenticateAgain();
  }

  disconnect(options: DisconnectOptions = {}): Promise<void> {
    try {
      return this.#engine.disconnect(options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  toJSON(): Pick<Client, "clientId" | "connected" | "protocolVersion"> {
    const { clientId, connected, protocolVersion } = this;
    return { clientId, connected, protocolVersion };
  }

  [inspected](_depth: number, options: object, inspect?: (value: unknown, options: object) => string): unknown {
    return inspect === undefined ? this.toJSON() : `Client ${inspect(this.toJSON(), options)}`;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.disconnect();
  }

  get #requests(): RequestResponse {
    const engine = this.#engine;
    this.#requestResponse ??= new RequestResponse(this, engine.connector.platform, () => this.#engine.serverProperties);
    return this.#requestResponse;
  }
}
