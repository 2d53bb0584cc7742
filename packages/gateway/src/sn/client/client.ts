/**
 * The API of the MQTT-SN client: promises, subscriptions and reconnecting around the machine. Owns the timer and the
 * datagrams. Knows no messages of the protocol beyond what the exchanges are made of.
 */

/// <reference lib="esnext.disposable" preserve="true" />

import {
  AbortedError,
  type AbortSignalLike,
  ClosedError,
  type MqttError,
  RefusedError,
  TimeoutError,
  type Timer,
  UsageError,
} from "@aiko/mqtt";
import { assertTopicName } from "@aiko/mqtt/topic";
import type { PublishPacket } from "../packets.js";
import { bytesOf, readWill, type SnSettings, type SnWill } from "./client-options.js";
import type { Datagram } from "./datagram.js";
import { PlainExchange } from "./exchange.js";
import type { Settle } from "./exchanges.js";
import { filterOf, type SnTopic, topicOf } from "./given-topic.js";
import { Machine, type SnState } from "./machine.js";
import { SnMessage } from "./message.js";
import { PublishExchange, RegisterExchange, shownTopic, withoutSession } from "./publish-exchange.js";
import { SubscribeExchange } from "./subscribe-exchange.js";
import { type SnMessageHandler, SnSubscription } from "./subscription.js";
import { WillExchange } from "./will-exchange.js";

/** Options of `publish`. */
export interface SnPublishOptions {
  /** The QoS. −1 needs no connection, and a topic that is predefined or short. Default 0. */
  readonly qos?: -1 | 0 | 1 | 2 | undefined;
  /** Whether the server keeps the message for later subscriptions. Default false. */
  readonly retain?: boolean | undefined;
  /** Cancels the wait. The message may be sent all the same. */
  readonly signal?: AbortSignalLike | undefined;
}

/** Options of `subscribe`. */
export interface SnSubscribeOptions {
  /** The highest QoS of the messages. Default 0. */
  readonly qos?: 0 | 1 | 2 | undefined;
  /** Receives the messages. Default: the subscription is an async iterator. */
  readonly onMessage?: SnMessageHandler | undefined;
  /** Cancels the wait for SUBACK. */
  readonly signal?: AbortSignalLike | undefined;
}

/** Delays before connecting again: they double, with full jitter. Milliseconds. */
const FIRST_DELAY = 1_000;
const LONGEST_DELAY = 60_000;
/** How long `disconnect` waits for what was published before, and for the gateway. Milliseconds. */
const DRAIN = 5_000;
/** The longest sleep of MQTT-SN, in seconds. */
const LONGEST_SLEEP = 65_535;

/**
 * A client of an MQTT-SN gateway. Calls are carried out one after the other, since a client of MQTT-SN has one exchange
 * at a time. When the gateway is lost, calls fail, and the client connects again until `disconnect`; subscriptions
 * continue.
 *
 * @example
 * await using client = await connect("udp://gateway.example:10000", { clientId: "attic" });
 * await client.publish("attic/celsius", "21.5", { qos: 1 });
 */
export class SnClient {
  private readonly machine: Machine;
  private readonly subscriptions = new Set<SnSubscription>();
  private timer: { readonly at: number; readonly timer: Timer } | undefined;
  private opening: Promise<void> | undefined;
  private problem: Error | undefined;
  /** Whether the application wants a connection: the client re-establishes it. */
  private isWanted = false;
  /** Seconds, if the application wants the client to sleep. */
  private sleeping: number | undefined;
  private attempts = 0;
  private retrying: Timer | undefined;

  /** @internal Use `connect` or `createClient`. */
  constructor(
    private readonly settings: SnSettings,
    private readonly datagram: Datagram,
  ) {
    const sink = {
      send: (bytes: Uint8Array) => datagram.send(bytes),
      message: (packet: PublishPacket, topic: string | undefined) => void this.deliver(packet, topic),
      changed: (state: SnState, error: MqttError | undefined) => this.changed(state, error),
      malformed: (detail: string) => this.report(new TypeError(`a datagram was dropped: ${detail}`)),
    };
    this.machine = new Machine(settings.machine, sink, settings.options.random.next());
  }

  /** The client identifier. */
  get clientId(): string {
    return this.settings.machine.clientId;
  }

  /** Where the client stands towards its gateway. */
  get state(): SnState {
    return this.machine.state;
  }

  /**
   * Sets up a session, or ends the sleep. Tries once. Subscribes again for all subscriptions that are open.
   *
   * @throws RefusedError CONNECT_REFUSED with the gateway's return code; TimeoutError ANSWER_TIMEOUT if the gateway does
   * not answer; TransportError if the way to it cannot be opened; UsageError ALREADY_CONNECTED
   */
  async connect(options: { readonly signal?: AbortSignalLike | undefined } = {}): Promise<void> {
    await this.open();
    this.stopRetrying();
    this.sleeping = undefined;
    const isNew = this.state !== "asleep" && this.state !== "awake";
    try {
      await this.settled((now, settle) => this.machine.connect(now, settle), options.signal);
    } catch (error) {
      throw this.explained(error);
    }
    this.isWanted = true;
    this.attempts = 0;
    if (isNew) await this.subscribeAgain();
  }

  /**
   * Publishes a message. Resolves when it was sent (QoS −1 and 0), at PUBACK (1) or at PUBCOMP (2). A topic name is
   * registered first, once for each connection.
   *
   * @throws RefusedError PUBLISH_REFUSED with the gateway's return code; TimeoutError ANSWER_TIMEOUT or TransportError
   * CONNECTION_LOST if the gateway is lost, with `mayHaveArrived`; ClosedError NOT_CONNECTED; OutboxError OUTBOX_FULL;
   * UsageError
   */
  async publish(
    topic: SnTopic,
    payload: string | Uint8Array,
    { qos = 0, retain = false, signal }: SnPublishOptions = {},
  ): Promise<void> {
    if (![-1, 0, 1, 2].includes(qos)) throw optionError("qos", qos, "must be -1, 0, 1 or 2");
    if (typeof retain !== "boolean") throw optionError("retain", retain, "must be true or false");
    const publication = { topic: topicOf(topic), payload: bytesOf(payload), qos, retain };
    const { machine } = this;
    if (qos >= 0) {
      const exchange = new PublishExchange(publication, machine.topics, machine.nextId);
      await this.settled((now, settle) => machine.exchange(exchange, now, settle), signal);
      return;
    }
    const packet = withoutSession(publication);
    await this.open();
    if (machine.sendAlone(packet, this.now())) return;
    const rule = `is longer than maximumDatagram; send less, or raise the option`;
    throw new UsageError("PAYLOAD_INVALID", `payload of ${publication.payload.length} bytes: ${rule}`);
  }

  /**
   * Registers a topic name, so that its first message needs one exchange less. Optional.
   *
   * @throws the errors of `publish`
   */
  async register(topic: string): Promise<void> {
    assertTopicName(topic);
    const exchange = new RegisterExchange(topic, this.machine.topics, this.machine.nextId());
    await this.settled((now, settle) => this.machine.exchange(exchange, now, settle));
  }

  /**
   * Subscribes to a topic or a filter. Resolves at SUBACK.
   *
   * @throws RefusedError SUBSCRIBE_REFUSED with the gateway's return code, and the errors of `publish`
   */
  async subscribe(topic: SnTopic, { qos = 0, onMessage, signal }: SnSubscribeOptions = {}): Promise<SnSubscription> {
    if (![0, 1, 2].includes(qos)) throw optionError("qos", qos, "must be 0, 1 or 2");
    if (onMessage !== undefined && typeof onMessage !== "function") {
      throw optionError("onMessage", onMessage, "must be a function");
    }
    const owner = {
      leave: (subscription: SnSubscription) => this.leave(subscription),
      report: (error: unknown) => this.report(error),
    };
    const subscription = new SnSubscription(filterOf(topic), qos, onMessage, owner);
    // The first messages may come before SUBACK.
    this.subscriptions.add(subscription);
    try {
      await this.ask(subscription, signal);
    } catch (error) {
      this.subscriptions.delete(subscription);
      subscription.close(error as MqttError);
      throw error;
    }
    return subscription;
  }

  /**
   * Falls asleep: the gateway keeps messages for this client. The client wakes each `seconds` by itself to take them.
   * Resolves when it is asleep. `connect` ends the sleep.
   *
   * @param seconds 1 … 65,535
   * @throws the errors of `publish`
   */
  async sleep(seconds: number): Promise<void> {
    if (!Number.isInteger(seconds) || seconds < 1 || seconds > LONGEST_SLEEP) {
      throw optionError("seconds", seconds, `must be an integer from 1 to ${LONGEST_SLEEP}`);
    }
    await this.settled((now, settle) => this.machine.fallAsleep(seconds, now, settle));
    this.sleeping = seconds;
  }

  /**
   * Takes the messages that the gateway keeps for a sleeping client, at once. Resolves when all of them have come.
   *
   * @throws ClosedError NOT_CONNECTED if the client does not sleep; TimeoutError ANSWER_TIMEOUT
   */
  async wake(): Promise<void> {
    await this.settled((now, settle) => this.machine.wake(now, settle));
  }

  /**
   * Replaces the will. `undefined` removes it. It holds for this session; a later `connect` uses the option `will`.
   *
   * @throws RefusedError PUBLISH_REFUSED if the gateway does not support it, and the errors of `publish`
   */
  async updateWill(will: SnWill | undefined): Promise<void> {
    const exchange = new WillExchange(will === undefined ? undefined : readWill(will));
    await this.settled((now, settle) => this.machine.exchange(exchange, now, settle));
  }

  /**
   * Ends the session after what was published before, and closes the way to the gateway. Ends all subscriptions. Waits
   * at most 5 seconds for the gateway. Never rejects.
   */
  async disconnect(): Promise<void> {
    this.isWanted = false;
    this.stopRetrying();
    const closed = new ClosedError("CLIENT_CLOSED", "the client was disconnected");
    const late = this.clock.schedule(DRAIN, () => this.step(() => this.machine.abandon(closed)));
    await this.settled((now, settle) => this.machine.disconnect(now, settle)).catch(() => undefined);
    late.cancel();
    this.machine.abandon(closed);
    this.closeSubscriptions(undefined);
    this.timer?.timer.cancel();
    this.timer = undefined;
    const { opening } = this;
    this.opening = undefined;
    await opening?.catch(() => undefined);
    await this.datagram.close();
  }

  /** Calls `disconnect` at the end of a block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.disconnect();
  }

  private get clock() {
    return this.settings.options.clock;
  }

  private now(): number {
    return this.clock.now();
  }

  private open(): Promise<void> {
    this.opening ??= this.datagram
      .open({
        onDatagram: (bytes) => this.step((now) => this.machine.receive(bytes, now)),
        onProblem: (error) => {
          this.problem = error;
        },
      })
      .catch((error: unknown) => {
        this.opening = undefined;
        throw error;
      });
    return this.opening;
  }

  private async leave(subscription: SnSubscription): Promise<void> {
    if (!this.subscriptions.delete(subscription)) return;
    subscription.close(undefined);
    const { machine } = this;
    const { filter } = subscription;
    if (this.state === "lost" || this.state === "disconnected") return; // nothing to end at the gateway
    const isUsed = [...this.subscriptions].some((each) => JSON.stringify(each.filter) === JSON.stringify(filter));
    if (isUsed) return; // another subscription has the same filter
    const messageId = machine.nextId();
    const what = `UNSUBSCRIBE from ${shownTopic(filter)}`;
    const exchange = new PlainExchange(what, { type: "unsubscribe", topic: filter, messageId }, "unsuback");
    await this.settled((now, settle) => machine.exchange(exchange, now, settle));
  }

  private async ask(subscription: SnSubscription, signal?: AbortSignalLike): Promise<void> {
    const { machine } = this;
    const exchange = new SubscribeExchange(subscription.filter, subscription.qos, machine.topics, machine.nextId());
    await this.settled((now, settle) => machine.exchange(exchange, now, settle), signal);
    subscription.granted = exchange.granted;
  }

  /** The gateway does not say whether it kept the session. */
  private async subscribeAgain(): Promise<void> {
    for (const subscription of [...this.subscriptions]) {
      try {
        await this.ask(subscription);
      } catch (error) {
        if (!(error instanceof RefusedError)) throw error;
        this.subscriptions.delete(subscription);
        subscription.close(error);
        this.report(error);
      }
    }
  }

  private async deliver(packet: PublishPacket, topic: string | undefined): Promise<void> {
    const message = new SnMessage(packet, topic);
    const takers = [...this.subscriptions].filter((each) => each.matches(message));
    await Promise.resolve(); // the machine is not called back before it has returned
    const { onMessage } = this.settings.options;
    if (takers.length > 0) await Promise.all(takers.map((each) => each.take(message)));
    else await this.unclaimed(message, onMessage);
    this.step((now) => this.machine.handled(packet, now));
  }

  private async unclaimed(message: SnMessage, onMessage: SnMessageHandler | undefined): Promise<void> {
    if (onMessage === undefined) {
      const { topic, predefinedId } = message;
      const what = topic === undefined ? `the predefined topic ${predefinedId}` : JSON.stringify(topic);
      this.report(new TypeError(`a message was dropped: no subscription has ${what}; set the option onMessage`));
      return;
    }
    try {
      await onMessage(message);
    } catch (error) {
      this.report(error);
    }
  }

  private changed(state: SnState, error: MqttError | undefined): void {
    const { onState } = this.settings.options;
    if (onState !== undefined) this.clock.defer(() => this.guarded(() => onState(state, error)));
    if (!this.isWanted || (state !== "lost" && state !== "disconnected")) return;
    if (this.settings.options.reconnect) this.clock.defer(() => this.connectLater());
    else this.closeSubscriptions(error);
  }

  private connectLater(): void {
    if (!this.isWanted || this.retrying !== undefined) return;
    const bound = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** Math.min(this.attempts++, 10));
    this.retrying = this.clock.schedule(Math.ceil(bound * this.settings.options.random.next()), () => {
      this.retrying = undefined;
      void this.connectAgain();
    });
  }

  private async connectAgain(): Promise<void> {
    const { sleeping } = this;
    try {
      await this.settled((now, settle) => this.machine.connect(now, settle));
      this.attempts = 0;
      await this.subscribeAgain();
      if (sleeping !== undefined) await this.sleep(sleeping);
    } catch (error) {
      this.report(this.explained(error));
      if (this.state === "lost" || this.state === "disconnected") this.connectLater();
    }
  }

  private stopRetrying(): void {
    this.retrying?.cancel();
    this.retrying = undefined;
  }

  private closeSubscriptions(error: MqttError | undefined): void {
    for (const subscription of this.subscriptions) subscription.close(error);
    this.subscriptions.clear();
  }

  /** What the network said last may be the reason why the gateway did not answer. */
  private explained(error: unknown): unknown {
    const { problem } = this;
    if (!(error instanceof TimeoutError) || problem === undefined) return error;
    const message = `${error.message}; the network reported: ${problem.message}`;
    return new TimeoutError(error.code, message, { cause: problem });
  }

  private async settled(
    call: (now: number, settle: Settle) => void,
    signal?: AbortSignalLike | undefined,
  ): Promise<void> {
    if (signal?.aborted === true) throw aborted(signal);
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => reject(aborted(signal));
      signal?.addEventListener("abort", abort);
      const settle: Settle = (error) => {
        signal?.removeEventListener("abort", abort);
        if (error === undefined) resolve();
        else reject(error);
      };
      this.step((now) => call(now, settle));
    });
  }

  /** Everything that the machine does happens here, so that its deadline is known afterwards. */
  private step(call: (now: number) => void): void {
    call(this.now());
    const at = this.machine.deadline();
    if (this.timer?.at === at) return;
    this.timer?.timer.cancel();
    this.timer = undefined;
    if (at === Infinity) return;
    // Whole milliseconds: the rest of a fraction would never pass.
    const timer = this.clock.schedule(Math.max(0, Math.ceil(at - this.now())), () => {
      this.timer = undefined;
      this.step((now) => this.machine.advance(now));
    });
    this.timer = { at, timer };
  }

  private report(error: unknown): void {
    const { onProblem } = this.settings.options;
    if (onProblem !== undefined) this.guarded(() => onProblem(error));
  }

  /** An error of a callback must not stop the client. */
  private guarded(call: () => void): void {
    try {
      call();
    } catch {
      // the callback is the place where problems are reported
    }
  }
}

function optionError(option: string, value: unknown, rule: string): UsageError {
  return new UsageError("OPTION_INVALID", `${option} ${JSON.stringify(value)}: ${rule}`, { option });
}

function aborted(signal: AbortSignalLike | undefined): AbortedError {
  return new AbortedError("ABORTED", "the operation was aborted by its signal", { cause: signal?.reason });
}
