/** The client of the Lua library, method for method, on MQTT 3.1 with clean sessions and QoS 0. */

import type { Client } from "../client/client.js";
import { createClient } from "../client/connect.js";
import type { Message } from "../client/receiving/message.js";
import { ClosedError, type MqttError, UsageError } from "../errors.js";
import { integer } from "../options/option-rules.js";
import { Queue } from "../session/queue.js";
import { debug } from "./debug-log.js";

/** Receives each message when `handler()` is called. `message` has the bytes of the payload and the flags. */
export type ClassicCallback = (topic: string, payload: string, message: Message) => void;

/** The keep-alive in seconds. */
export const KEEP_ALIVE_TIME = 60;
const DEFAULT_PORT = 1883;
/** How many messages may wait for `handler()` before the server has to wait. */
const INBOX = 1_000;

/** A client with the API of the Lua library, made asynchronous. It uses MQTT 3.1 with clean sessions and QoS 0. */
export class ClassicClient {
  private client: Client | undefined;
  private readonly inbox = new Queue<Message>();
  /** Messages that are in the inbox for one subscription, and may arrive again for another that overlaps it. */
  private readonly seen = new WeakSet<Message>();
  private full: { readonly room: Promise<void>; readonly free: () => void } | undefined;
  private failure: MqttError | undefined;
  private destroyed = false;

  constructor(
    private readonly hostname: string,
    private readonly port: number = DEFAULT_PORT,
    private readonly callback: ClassicCallback = () => undefined,
  ) {
    integer(1, 65_535)("port", port);
  }

  /**
   * Connects to the server.
   *
   * @param identifier 1 to 23 characters, different for each client of a server
   * @param will_topic the topic of the will, which the server publishes if the connection ends without DISCONNECT.
   * Requires `will_message`
   * @throws ClosedError CLIENT_CLOSED after `destroy`; UsageError ALREADY_CONNECTED; the errors of `connect` of
   * `@aiko/mqtt`
   */
  async connect(
    identifier: string,
    will_topic?: string,
    will_qos: 0 | 1 | 2 = 0,
    will_retain: boolean | 0 | 1 = false,
    will_message?: string,
  ): Promise<void> {
    if (this.destroyed)
      throw new ClosedError("CLIENT_CLOSED", "connect: this client was destroyed; create another client");
    if (this.client?.connected) throw new UsageError("ALREADY_CONNECTED", "connect: this client is already connected");
    debug(`MQTT.client:connect(): ${identifier}`);
    const withWill = will_topic !== undefined && will_message !== undefined;
    const host = this.hostname.includes(":") ? `[${this.hostname}]` : this.hostname;
    const client = createClient(`mqtt://${host}:${this.port}`, {
      clientId: identifier,
      protocolVersion: 3,
      keepAlive: KEEP_ALIVE_TIME,
      reconnect: false,
      ...(withWill && {
        will: { topic: will_topic, payload: will_message, qos: will_qos, retain: Boolean(will_retain) },
      }),
    });
    this.failure = undefined;
    client.on("packet", (packet) => debug(`MQTT.client: received ${packet.type.toUpperCase()}`));
    client.on("closed", ({ error }) => {
      this.failure = error;
    });
    try {
      await client.connect();
    } catch (error) {
      await client.disconnect();
      throw error;
    }
    this.client = client;
  }

  /**
   * Publishes a message at QoS 0.
   *
   * @throws ClosedError NOT_CONNECTED before `connect`; the error that ended the connection
   */
  async publish(topic: string, payload: string | Uint8Array): Promise<void> {
    debug(`MQTT.client:publish(): ${topic}`);
    await this.online("publish").publish(topic, payload);
  }

  /**
   * Subscribes to topics.
   *
   * @throws RefusedError if the server denies all topics; ClosedError NOT_CONNECTED before `connect`
   */
  async subscribe(topics: readonly string[]): Promise<void> {
    debug(`MQTT.client:subscribe(): ${topics.join(", ")}`);
    await this.online("subscribe").subscribe(topics, { onMessage: (message) => this.receive(message) });
  }

  /**
   * Ends the subscriptions to these topics.
   *
   * @throws ClosedError NOT_CONNECTED before `connect`
   */
  async unsubscribe(topics: readonly string[]): Promise<void> {
    debug(`MQTT.client:unsubscribe(): ${topics.join(", ")}`);
    await this.online("unsubscribe").unsubscribe(topics);
  }

  /**
   * Passes the messages that arrived to the callback. Call it repeatedly: the callback receives messages only then.
   *
   * @throws the error that ended the connection; ClosedError NOT_CONNECTED before `connect`
   */
  async handler(): Promise<void> {
    for (let message = this.inbox.shift(); message !== undefined; message = this.inbox.shift()) {
      this.callback(message.topic, message.text(), message);
    }
    this.full?.free();
    this.full = undefined;
    this.online("handler");
  }

  /** Disconnects. Does nothing if the client is not connected. */
  async disconnect(): Promise<void> {
    debug("MQTT.client:disconnect()");
    const { client } = this;
    this.client = undefined;
    await client?.disconnect();
  }

  /** Disconnects for good: `connect` rejects afterwards. */
  async destroy(): Promise<void> {
    debug("MQTT.client:destroy()");
    this.destroyed = true;
    await this.disconnect();
  }

  private receive(message: Message): Promise<void> | undefined {
    if (this.seen.has(message)) return undefined;
    this.seen.add(message);
    this.inbox.push(message);
    if (this.inbox.length < INBOX) return undefined;
    if (this.full === undefined) {
      let free = (): void => undefined;
      const room = new Promise<void>((resolve) => {
        free = resolve;
      });
      this.full = { room, free };
    }
    return this.full.room;
  }

  private online(what: string): Client {
    if (this.failure !== undefined) throw this.failure;
    if (this.client === undefined) throw new ClosedError("NOT_CONNECTED", `${what}: not connected; call connect first`);
    return this.client;
  }
}
