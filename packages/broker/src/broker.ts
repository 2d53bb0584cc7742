/** The interface of the embedded broker, as applications use it. */

/// <reference lib="esnext.disposable" preserve="true" />

import type { Server as HttpServer } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Listener, Transport, WaitOptions } from "@aiko/mqtt";
import type {
  ApplicationHandler,
  BrokerHandlerOptions,
  BrokerIteratorOptions,
  BrokerSubscription,
  HandledBrokerSubscription,
} from "./application/broker-subscription.js";
import type { BrokerEvents, BrokerStatistics } from "./broker-events.js";
import type { BrokerClients } from "./clients/broker-clients.js";
import { EmbeddedBroker } from "./embedded-broker.js";
import type { AttachOptions } from "./listening/attachment.js";
import type { BrokerListener } from "./listening/broker-listener.js";
import type { BrokerPublishOptions } from "./messages/own-message.js";
import type { BrokerLimits } from "./options/broker-limits.js";
import { type BrokerOptions, parseBrokerOptions } from "./options/broker-options.js";
import type { ListenerOptions } from "./options/listener-options.js";
import type { ListenerTerms } from "./options/listener-terms.js";

/**
 * A broker for MQTT 3.1, 3.1.1 and 5.0 within this process. It keeps sessions and retained messages in memory, and in
 * the option `store`, if it is set. Start one with `Broker.listen`.
 */
export interface Broker {
  /** The port of the first listener. 0 if it listens at a Unix socket, or if there is no listener. */
  readonly port: number;
  /**
   * The URL of the first listener, such as `mqtt://127.0.0.1:41235`. Clients on other machines can use it only if
   * `host` allows them. Empty if there is no listener.
   */
  readonly url: string;
  /** The URLs of all listeners, in the order of the option `listeners`. */
  readonly urls: readonly string[];
  /**
   * The clients that have a session, with or without a connection.
   *
   * @example broker.clients.get("kitchen")?.disconnect(ReasonCode.ADMINISTRATIVE_ACTION);
   * @example for (const { clientId, connected } of broker.clients) console.log(clientId, connected);
   */
  readonly clients: BrokerClients;
  /** A snapshot of the broker's current contents. */
  readonly statistics: BrokerStatistics;

  /**
   * Registers a listener. Returns a function that removes it. If the listener throws, or returns a promise that
   * rejects, the broker emits an `error` event with the reason.
   */
  on<Name extends keyof BrokerEvents>(name: Name, listener: Listener<BrokerEvents[Name]>): () => void;
  /** Registers a listener for the next such event only. Returns a function that removes it. */
  once<Name extends keyof BrokerEvents>(name: Name, listener: Listener<BrokerEvents[Name]>): () => void;
  /** Removes a listener of `on`. Does nothing if the listener is not registered. */
  off<Name extends keyof BrokerEvents>(name: Name, listener: Listener<BrokerEvents[Name]>): void;
  /**
   * Resolves to the value of the next such event.
   *
   * @throws ClosedError BROKER_CLOSED if the broker is closed, or is closed before the event; AbortedError if `signal`
   * fires; UsageError OPTION_UNKNOWN if the event does not exist
   * @example const { clientId } = await broker.waitFor("connected", { signal: AbortSignal.timeout(5_000) });
   */
  waitFor<Name extends keyof BrokerEvents>(name: Name, options?: WaitOptions): Promise<BrokerEvents[Name]>;

  /**
   * Publishes a message of the application to all subscribers of the topic. Returns the reason code that a client would
   * receive: `ReasonCode.SUCCESS` or `ReasonCode.NO_MATCHING_SUBSCRIBERS`. With a `store`, it returns before the message
   * is durable.
   *
   * @throws UsageError if an argument is not valid; ClosedError BROKER_CLOSED. In both cases nothing was published
   * @example broker.publish("kitchen/light", "on", { retain: true });
   */
  publish(topic: string, payload: string | Uint8Array, options?: BrokerPublishOptions): number;
  /**
   * Subscribes within this process, beginning with the retained messages that match. Each message is delivered once,
   * whatever the number of filters that match. With a handler, it is called for one message after the other. The
   * messages wait within limits: see the options for what happens to messages that find no room.
   *
   * @param filters one or several topic filters, not shared ones
   * @throws UsageError if an argument is not valid; ClosedError BROKER_CLOSED
   * @example broker.subscribe("sensors/#", (message) => console.log(message.topic, message.text()));
   */
  subscribe(
    filters: string | readonly string[],
    options: ApplicationHandler | BrokerHandlerOptions,
  ): HandledBrokerSubscription;
  /**
   * Subscribes within this process; the application iterates over the messages.
   *
   * @throws UsageError if an argument is not valid; ClosedError BROKER_CLOSED
   * @example for await (const message of broker.subscribe("sensors/#")) console.log(message.topic, message.text());
   */
  subscribe(filters: string | readonly string[], options?: BrokerIteratorOptions): BrokerSubscription;
  /**
   * Accepts a connection that the application made, for clients in this process or over any other medium. The client
   * uses the other end. The connection counts like those of listeners: it is destroyed if there are more than
   * `maximumConnections`, and when the broker is closed.
   *
   * @param terms the listener's name for such connections, and who decides about their clients. Default: no name, and
   * the broker's `authenticate`
   * @throws UsageError OPTION_UNKNOWN or OPTION_INVALID, also if a method of the transport is missing
   * @example
   * const dial = async () => {
   *   const [client, server] = memoryPair(platform.clock);
   *   broker.accept(server);
   *   return client;
   * };
   * const client = await connect("mqtt://broker", { dial });
   * @example
   * const link = new FaultyLink(clock, broker); // in a test, on a FakeClock: calls `accept` for each connection
   * const client = createClient("mqtt://broker", { platform: link.platform });
   */
  accept(transport: Transport, terms?: Pick<ListenerTerms, "name" | "authenticate">): void;

  /**
   * Accepts WebSockets on an HTTP or HTTPS server of the application, at one path. Web pages are checked as at listeners:
   * see `allowedOrigins`. Upgrade requests for other paths are left to other listeners of the server; if there are none,
   * they are answered with 404. A path can be attached to a server once. The server stays the application's: closing the
   * broker ends the WebSockets, but does not close the server. Resolves to a function that stops accepting WebSockets;
   * open ones stay.
   *
   * @throws UsageError OPTION_UNKNOWN or OPTION_INVALID; UsageError TRANSPORT_UNAVAILABLE if the broker cannot load `ws`;
   * ClosedError BROKER_CLOSED
   * @example const detach = await broker.attach(httpServer, { path: "/mqtt" });
   */
  attach(server: HttpServer | HttpsServer, options?: AttachOptions): Promise<() => void>;

  /**
   * Opens a listener in addition to the others. Resolves when it accepts connections.
   *
   * @throws UsageError OPTION_UNKNOWN or OPTION_INVALID; TransportError LISTEN_FAILED if the broker cannot bind the port
   * or path; UsageError TRANSPORT_UNAVAILABLE if it cannot load `ws`; ClosedError BROKER_CLOSED
   * @example const listener = await broker.openListener({ url: "mqtts://0.0.0.0:8883", tls: { certificate, key } });
   */
  openListener(options: ListenerOptions): Promise<BrokerListener>;

  /**
   * Replaces the limits from now on. A limit that is not set has its default, not its former value. What exceeds a lower
   * limit already is kept: connections and sessions stay.
   *
   * @throws UsageError OPTION_UNKNOWN or OPTION_INVALID, and nothing is changed
   * @example broker.setLimits({ maximumConnections: 20_000, maximumMemory: 2 ** 31 });
   */
  setLimits(limits: BrokerLimits): void;

  /** Returns what identifies this broker in logs. Contains no secrets. */
  toJSON(): Pick<Broker, "urls" | "statistics">;
  /**
   * Ends all connections and stops the broker. Wills are published before. Sessions and retained messages are discarded,
   * unless the broker has a `store`: then it closes the store when everything is written.
   *
   * @throws StoreError if something could not be written
   */
  close(): Promise<void>;
  /** Calls `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts brokers. */
export const Broker = {
  /**
   * Starts a broker. Resolves when it accepts connections.
   *
   * @throws UsageError OPTION_UNKNOWN or OPTION_INVALID; TransportError LISTEN_FAILED if the broker cannot bind a port
   * or path; UsageError TRANSPORT_UNAVAILABLE if it cannot load `ws`; StoreError if the store cannot be opened
   * @example
   * await using broker = await Broker.listen({ port: 0 });
   * console.log(broker.url); // mqtt://127.0.0.1:41235
   */
  async listen<Port extends number | undefined>(options: BrokerOptions<Port> = {}): Promise<Broker> {
    const broker = new EmbeddedBroker(parseBrokerOptions(options));
    await broker.listen();
    return broker;
  },
};
