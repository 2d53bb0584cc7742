/**
 * The two clients of a bridge, one at the broker and one at the server, until one of them is closed. What one receives,
 * the other publishes, and it is acknowledged where it came from when it is acknowledged where it goes. So the queues
 * are those of the broker and of the server, and only the messages in flight are here.
 */

import {
  type Client,
  type ConnectOptions,
  createClient,
  type Message,
  type MqttError,
  OutboxError,
  type Platform,
  type PublishOptions,
  type PublishProperties,
  type QoS,
  ReasonCode,
  RefusedError,
  UsageError,
} from "@aiko/mqtt";
import type { BridgeReport, BridgeSettings } from "./bridge-settings.js";
import { type Route, routeOf } from "./bridge-topics.js";
import { Echoes } from "./echoes.js";

/** Handlers wait as long as the other side is not connected: 24 days, the longest time that an option takes. */
const FOR_EVER = 2 ** 31 - 1;
/** Milliseconds until a message is published again that the other side has no room for. */
const PAUSE = 1_000;
/** Milliseconds that each client may take to finish what is in flight when the bridge is stopped. */
const DRAIN = 500;

export class Crossing {
  private readonly local: Client;
  private readonly remote: Client;
  private readonly out: Route;
  private readonly in: Route;
  private readonly echoes = new Echoes();
  /** Whether it was reported that the server is not connected. */
  private isLost = false;

  /** @throws UsageError if an option of the client at the server is not valid */
  constructor(
    private readonly settings: BridgeSettings,
    private readonly platform: Platform,
    dial: ConnectOptions["dial"],
    private readonly report: BridgeReport,
  ) {
    const { name, servers, client, topics, inflight, sessionExpiry, remoteStatusTopic } = settings;
    this.out = routeOf(topics, "out");
    this.in = routeOf(topics, "in");
    const common = {
      platform,
      cleanStart: false,
      retry: true,
      properties: { sessionExpiryInterval: sessionExpiry, receiveMaximum: inflight },
    } as const;
    this.local = createClient("mqtt://broker", {
      ...common,
      clientId: `bridge-${name}`,
      protocolVersion: 5,
      keepAlive: 0,
      dial,
    });
    // A message that the server may have is sent again if the server loses the session: at least once.
    this.remote = createClient(servers, {
      clientId: `bridge-${name}`,
      ...client,
      ...common,
      // Before MQTT 5, a session that is not clean would not end with the connection.
      cleanStart: sessionExpiry === 0,
      outbox: { sessionLost: "resend" },
      ...(remoteStatusTopic !== undefined && {
        will: { topic: remoteStatusTopic, payload: "0", qos: 1, retain: true },
      }),
    });
    this.remote.on("connected", ({ server }) => {
      this.isLost = false;
      this.say("1");
      report.connected(server);
    });
    this.remote.on("disconnected", ({ error }) => this.lost(error));
    this.remote.on("reconnecting", ({ error }) => this.lost(error));
  }

  /**
   * Carries messages until `stop`.
   *
   * @throws MqttError if one of the clients cannot connect and does not try again
   */
  async run(): Promise<void> {
    const closed = [this.local, this.remote].map((client) => endOf(client));
    const failed = (error: unknown): void => this.report.disconnected((error as Error).message);
    // The error of a handler is that of a client that closes: the message is not acknowledged, and sent again.
    for (const client of [this.local, this.remote]) client.on("error", failed);
    await Promise.race([Promise.all([this.carryOut(), this.carryIn()]), ...closed]);
    const error = await Promise.race(closed);
    if (error !== undefined) throw error;
  }

  async stop(): Promise<void> {
    await this.local.disconnect({ drainTimeout: DRAIN });
    if (this.remote.connected) this.say("0");
    await this.remote.disconnect({ drainTimeout: DRAIN });
  }

  /** Publishes the state at the server. */
  private say(state: "0" | "1"): void {
    const { remoteStatusTopic } = this.settings;
    if (remoteStatusTopic === undefined) return;
    this.remote.publish(remoteStatusTopic, state, { qos: 1, retain: true }).catch((error: MqttError) => {
      if (isFinal(error)) this.report.dropped("out", remoteStatusTopic, error.message);
    });
  }

  /** Reports the first failure only, not each attempt. */
  private lost({ message }: MqttError): void {
    if (!this.isLost) this.report.disconnected(message);
    this.isLost = true;
  }

  private async carryOut(): Promise<void> {
    await this.local.connect();
    await subscribe(this.local, this.out, this.settings.inflight, (message) => this.publishOut(message));
  }

  private async carryIn(): Promise<void> {
    await this.remote.connect();
    await subscribe(this.remote, this.in, this.settings.inflight, (message) => this.publishIn(message));
  }

  private async publishOut(message: Message): Promise<void> {
    const target = this.out.find(message.topic);
    if (target === undefined) return;
    const { remote, platform } = this;
    // The server of MQTT 5 does not send it back, because of noLocal.
    if ((remote.protocolVersion ?? 5) < 5 && this.in.find(target.topic) !== undefined)
      this.echoes.expect(target.topic, message.payload, platform.clock.now());
    await this.publish(remote, "out", message, target, message.retain && this.settings.outgoingRetain);
  }

  private async publishIn(message: Message): Promise<void> {
    const target = this.in.find(message.topic);
    if (target === undefined) return;
    if (this.echoes.take(message.topic, message.payload, this.platform.clock.now())) return;
    await this.publish(this.local, "in", message, target, message.retain);
  }

  /** @throws MqttError if the message has to be carried later */
  private async publish(
    client: Client,
    direction: "in" | "out",
    { payload, qos, properties }: Message,
    target: { readonly topic: string; readonly qos: QoS },
    retain: boolean,
  ): Promise<void> {
    const highest = Math.min(qos, target.qos) as QoS;
    const options = { qos: highest, retain, properties: passedOn(properties) };
    for (;;) {
      try {
        await client.publish(target.topic, payload, options);
        return;
      } catch (error) {
        if (isTemporary(error)) {
          await new Promise<void>((resolve) => this.platform.clock.schedule(PAUSE, resolve));
          continue; // rejects if the bridge was stopped meanwhile
        }
        if (!isFinal(error)) throw error;
        this.report.dropped(direction, target.topic, error.message);
        return;
      }
    }
  }
}

async function subscribe(
  client: Client,
  { topicFilters, qos }: Route,
  concurrency: number,
  onMessage: (message: Message) => Promise<void>,
): Promise<void> {
  if (topicFilters.length === 0) return;
  const flags =
    client.protocolVersion === 5 ? ({ noLocal: true, retainAsPublished: true, retainHandling: 1 } as const) : {};
  await client.subscribe(topicFilters, { ...flags, qos, concurrency, handlerTimeout: FOR_EVER, onMessage });
}

/** Resolves to the error with which the client was closed; undefined if it was disconnected. */
function endOf(client: Client): Promise<MqttError | undefined> {
  return new Promise((resolve) => client.once("closed", ({ error }) => resolve(error)));
}

/** Whether the other side may take the message later: its disk is full, or a queue. */
function isTemporary(error: unknown): boolean {
  return error instanceof RefusedError && error.reasonCode === ReasonCode.QUOTA_EXCEEDED;
}

/** Whether it is certain that the other side will not take the message later. */
function isFinal(error: unknown): error is MqttError {
  return error instanceof RefusedError || error instanceof UsageError || error instanceof OutboxError;
}

/** The properties of the message that do not belong to one connection. */
function passedOn(properties: PublishProperties | undefined): PublishOptions["properties"] {
  if (properties === undefined) return undefined;
  const { topicAlias: _, subscriptionIdentifiers: __, ...own } = properties;
  return own;
}
