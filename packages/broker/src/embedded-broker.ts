/** The implementation of the broker: listens, and passes connections to the hub. */

import type { Server as HttpServer } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Duplex } from "node:stream";
import {
  AbortedError,
  type AbortSignalLike,
  ClosedError,
  type Listener as EventListener,
  type Transport,
  type WaitOptions,
} from "@aiko/mqtt";
import { ReasonCode } from "@aiko/mqtt/codec";
import { object, readOptions, wrongOption } from "@aiko/mqtt/options";
import type {
  ApplicationHandler,
  BrokerSubscribeOptions,
  BrokerSubscription,
} from "./application/broker-subscription.js";
import { assertEvent, assertListener, type BrokerEvents, type BrokerStatistics } from "./broker-events.js";
import type { BrokerClients } from "./clients/broker-clients.js";
import type { Arrival } from "./connecting/arrival.js";
import { ClientConnection } from "./connecting/client-connection.js";
import type { Visit } from "./connecting/visit.js";
import { Hub } from "./hub.js";
import { Addresses } from "./listening/addresses.js";
import { Attachment, type AttachOptions } from "./listening/attachment.js";
import type { BrokerListener } from "./listening/broker-listener.js";
import type { Entrance } from "./listening/entrance.js";
import { Listener } from "./listening/listener.js";
import { StreamTransport } from "./listening/stream-transport.js";
import { type BrokerPublishOptions, ownMessage } from "./messages/own-message.js";
import { type BrokerLimits, parseLimits } from "./options/broker-limits.js";
import type { BrokerSettings } from "./options/broker-options.js";
import { type ListenerOptions, readChange, readListener } from "./options/listener-options.js";
import { type ListenerTerms, termRules } from "./options/listener-terms.js";

const acceptRules = { name: termRules.name, authenticate: termRules.authenticate };
const waitRules = { signal: object<AbortSignalLike>() } satisfies Record<keyof WaitOptions, unknown>;

/** The method that `util.inspect` and `console.log` call. */
const inspected: unique symbol = Symbol.for("nodejs.util.inspect.custom") as never;

/** Applications see it as `Broker`. */
export class EmbeddedBroker implements Entrance {
  private readonly hub: Hub;
  private readonly addresses: Addresses;
  private readonly listeners: Listener[] = [];
  private readonly attachments = new Set<Attachment>();

  constructor(private readonly settings: BrokerSettings) {
    this.hub = new Hub(settings);
    this.addresses = new Addresses(settings.clock, settings.perAddress);
  }

  /** @throws UsageError OPTION_INVALID; StoreError; TransportError LISTEN_FAILED */
  async listen(): Promise<void> {
    try {
      await this.hub.open();
      for (const place of this.settings.places) this.listeners.push(await Listener.at(place, this.settings, this));
    } catch (error) {
      await this.close().catch(() => undefined); // the first error matters
      throw error;
    }
    this.hub.started();
  }

  get port(): number {
    return this.listeners[0]?.port ?? 0;
  }

  get url(): string {
    return this.listeners[0]?.url ?? "";
  }

  get urls(): readonly string[] {
    return this.listeners.map(({ url }) => url);
  }

  get statistics(): BrokerStatistics {
    return this.hub.statistics;
  }

  on<Name extends keyof BrokerEvents>(name: Name, listener: EventListener<BrokerEvents[Name]>): () => void {
    assertListener(name, listener);
    return this.hub.events.on(name, listener);
  }

  once<Name extends keyof BrokerEvents>(name: Name, listener: EventListener<BrokerEvents[Name]>): () => void {
    assertListener(name, listener);
    return this.hub.events.once(name, listener);
  }

  async waitFor<Name extends keyof BrokerEvents>(name: Name, options: WaitOptions = {}): Promise<BrokerEvents[Name]> {
    assertEvent(name);
    const { signal } = readOptions(waitRules, options);
    if (this.hub.isClosed) throw closedError();
    if (signal?.aborted) throw abortedBy(signal);
    return this.hub.events.waitFor(name, (giveUp) => {
      const abort = (): void => giveUp(abortedBy(signal));
      signal?.addEventListener("abort", abort);
      return () => signal?.removeEventListener("abort", abort);
    });
  }

  off<Name extends keyof BrokerEvents>(name: Name, listener: EventListener<BrokerEvents[Name]>): void {
    assertListener(name, listener);
    this.hub.events.off(name, listener);
  }

  publish(topic: string, payload: string | Uint8Array, options: BrokerPublishOptions = {}): number {
    if (this.hub.isClosed) throw closedError("publish");
    const { clock, maximumTopicLevels } = this.settings;
    return this.hub.intake.publishOwn(ownMessage(topic, payload, options, maximumTopicLevels, clock.now()));
  }

  get clients(): BrokerClients {
    return this.hub.clientList;
  }

  subscribe(
    filters: string | readonly string[],
    options?: ApplicationHandler | BrokerSubscribeOptions,
  ): BrokerSubscription {
    return this.hub.application.subscribe(filters, options);
  }

  async attach(server: HttpServer | HttpsServer, options: AttachOptions = {}): Promise<() => void> {
    if (this.hub.isClosed) throw closedError("attach");
    const attachment = await Attachment.to(server, options, this.settings, this);
    if (this.hub.isClosed) {
      attachment.detach();
      throw closedError("attach");
    }
    this.attachments.add(attachment);
    return () => {
      attachment.detach();
      if (attachment.isUnused) this.attachments.delete(attachment);
    };
  }

  async openListener(options: ListenerOptions): Promise<BrokerListener> {
    if (this.hub.isClosed) throw closedError("openListener");
    const listener = await Listener.at(readListener("", options), this.settings, this);
    if (this.hub.isClosed) {
      await listener.close();
      throw closedError("openListener");
    }
    this.listeners.push(listener);
    const { url, port } = listener;
    return {
      url,
      port,
      change: (change) => listener.change(readChange(change)),
      close: () => this.closeListener(listener),
    };
  }

  setLimits(limits: BrokerLimits): void {
    const { settings } = this;
    // The hub, its connections and the listeners share this object.
    Object.assign(settings, parseLimits(limits, settings.maximumShare));
    this.addresses.limits = settings.perAddress;
    this.hub.limitsChanged();
    for (const listener of this.listeners) listener.limitsChanged();
  }

  accept(transport: Transport, terms: Pick<ListenerTerms, "name" | "authenticate"> = {}): void {
    assertTransport(transport);
    const { name, authenticate } = readOptions(acceptRules, terms);
    this.admit(transport, { listener: name, authenticate });
  }

  async close(): Promise<void> {
    this.hub.close();
    this.hub.events.giveUp(() => closedError());
    await Promise.all([...this.listeners, ...this.attachments].map((place) => place.close()));
    await this.hub.settled();
  }

  toJSON(): Pick<EmbeddedBroker, "urls" | "statistics"> {
    const { urls, statistics } = this;
    return { urls, statistics };
  }

  /** The options contain passwords and keys, so none of them is printed. */
  [inspected](_depth: number, options: object, inspect?: (value: unknown, options: object) => string): unknown {
    return inspect === undefined ? this.toJSON() : `Broker ${inspect(this.toJSON(), options)}`;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  take(stream: Duplex, arrival: Arrival): ClientConnection | undefined {
    return this.admit(new StreamTransport(stream), arrival);
  }

  enter(address: string | undefined): Visit | undefined {
    const entered = this.addresses.enter(address);
    if (typeof entered === "object") return entered;
    this.refused(entered);
    return undefined;
  }

  full(maximumConnections: number): void {
    this.refused(`the limit maximumConnections ${maximumConnections} is reached`);
  }

  refused(reason: string): void {
    this.hub.refused(reason);
  }

  private async closeListener(listener: Listener): Promise<void> {
    const at = this.listeners.indexOf(listener);
    if (at >= 0) this.listeners.splice(at, 1);
    const closed = listener.close();
    this.hub.closeEntrance(listener.place, ReasonCode.ADMINISTRATIVE_ACTION, "the listener was closed");
    await closed;
  }

  private admit(transport: Transport, arrival: Arrival): ClientConnection | undefined {
    const { hub, settings } = this;
    if (hub.isClosed || hub.connectionCount >= settings.maximumConnections) {
      transport.destroy();
      if (!hub.isClosed) this.full(settings.maximumConnections);
      return undefined;
    }
    const visit = arrival.visit ?? this.enter(arrival.address);
    if (visit === undefined) {
      transport.destroy();
      return undefined;
    }
    const link = settings.faults?.wrap(transport, settings.clock) ?? transport;
    const { address, origin, listener, place, certificate, authenticate, deadline } = arrival;
    // Without a spread, which takes 300 bytes more.
    const counted = { address, origin, listener, place, certificate, authenticate, deadline, visit };
    const connection = new ClientConnection(link, settings.clock, settings, hub, counted);
    hub.opened(connection);
    return connection;
  }
}

const methods = ["start", "write", "pause", "resume", "end", "destroy"] satisfies (keyof Transport)[];

/** @throws UsageError OPTION_INVALID. Otherwise, a missing method would fail later, in a timer. */
function assertTransport(transport: unknown): void {
  const given = Object(transport) as Partial<Record<string, unknown>>;
  const missing = methods.find((method) => typeof given[method] !== "function");
  if (missing !== undefined)
    throw wrongOption("transport", `must be a Transport; its method ${missing} is not a function`);
}

function closedError(what = "waitFor"): ClosedError {
  return new ClosedError("BROKER_CLOSED", `${what}: the broker is closed`);
}

function abortedBy(signal: AbortSignalLike | undefined): AbortedError {
  return new AbortedError("ABORTED", "the operation was aborted by its signal", { cause: signal?.reason });
}
