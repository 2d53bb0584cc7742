/** A source that subscribes at another server: a remapping bridge. A message is acknowledged there when it is accepted here. */

import { type ConnectOptions, createClient, type Message, type Platform } from "@aiko/mqtt";
import { clientTls } from "@aiko/mqtt-configuration";
import type { MqttSettings } from "../configuration/configuration.js";
import type { Peer } from "../pipeline/outcome.js";
import { encodeProperties } from "../record-properties.js";
import { isEncrypted } from "../uplink/uplink-options.js";
import { DatagramIntake } from "./datagram-intake.js";
import { Health } from "./health.js";
import type { Intake } from "./intake.js";
import { type Attempt, Reopening } from "./reopening.js";
import type { Source, SourceStatus } from "./source.js";

/** The user property that counts the bridges that a message has passed, and the most of them. */
const HOPS = "aiko-hops";
const MOST_HOPS = 4;
/** Messages of a connection that may wait to be accepted, and the part of the memory for all sources that they may take. */
const RECEIVE_MAXIMUM = 100;
const MEMORY_SHARE = 1 / 4;
/** The most bytes of a packet beside its payload: the topic and the properties. */
const BESIDE_PAYLOAD = 2 ** 17;
/** A full spool is no reason to give a message up. */
const NO_TIMEOUT = 2 ** 31 - 1;
/** Milliseconds that the server has for the last acknowledgements. */
const LAST_ANSWERS = 250;

type Client = ReturnType<typeof createClient>;

export class MqttSource implements Source {
  private readonly health: Health;
  private readonly reopening: Reopening;
  private readonly datagrams: DatagramIntake;
  private readonly stopping = new AbortController();
  /** That of the open connection. */
  private client: Client | undefined;
  /** Whether the server speaks MQTT 3, as far as is known. */
  private isOld: boolean;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly settings: MqttSettings,
    private readonly intake: Intake,
    private readonly platform: Platform,
  ) {
    this.health = new Health(settings.id, intake.parts.log, intake.parts.condition);
    this.datagrams = new DatagramIntake(intake, true);
    this.isOld = settings.version === 3 || settings.version === 4;
    this.reopening = new Reopening(this.health, intake.parts.clock, (attempt) => {
      this.running = this.run(attempt);
    });
  }

  get status(): SourceStatus {
    return this.health.status(this.health.isUp ? 1 : 0);
  }

  start(): Promise<void> {
    return this.reopening.start();
  }

  async stop(): Promise<void> {
    this.reopening.stop();
    await this.intake.stop();
    await this.datagrams.close();
    const { client } = this;
    this.stopping.abort();
    await client?.disconnect({ drainTimeout: LAST_ANSWERS }).catch(() => {});
    await this.running;
  }

  /** Connects, subscribes, and resolves when the connection is over. */
  private async run(attempt: Attempt): Promise<void> {
    const { url, subscribe } = this.settings;
    const { signal } = this.stopping;
    let client: Client | undefined;
    try {
      client = createClient(url, this.options());
      this.client = client;
      client.on("connected", ({ protocolVersion }) => {
        this.isOld = protocolVersion !== 5;
      });
      client.on("error", (error) => this.intake.parts.log.debug(String(error), { source: this.settings.id }));
      const closed = client.waitFor("closed");
      closed.catch(() => {});
      // Before the connection: the server sends what it has kept as soon as there is one.
      const asked = ([0, 1, 2] as const).map((qos) => this.subscribe(client as Client, qos));
      await Promise.all([client.connect({ signal }), ...asked]);
      attempt.opened(url);
      this.intake.parts.log.debug("subscribed", { source: this.settings.id, filters: subscribe.length });
      const { error } = await closed;
      this.over(client);
      attempt.closed(error?.message ?? "the connection was closed");
    } catch (error) {
      this.over(client);
      attempt.closed(error instanceof Error ? error.message : String(error));
      await client?.disconnect({ drainTimeout: 0 }).catch(() => {});
    }
  }

  /** What was not acknowledged on a connection that is over comes again on the next one. */
  private over(client: Client | undefined): void {
    this.client = undefined;
    if (client !== undefined) this.datagrams.abandon(client);
  }

  /** So many messages, each as long as a frame may be, have room in memory. */
  private get receiveMaximum(): number {
    const most = (this.intake.parts.budget.maximum * MEMORY_SHARE) / this.settings.maxFrame;
    return Math.max(1, Math.min(RECEIVE_MAXIMUM, Math.floor(most)));
  }

  private options(): ConnectOptions {
    const { url, clientId, version, keepAlive, sessionExpiry, username, password, maxFrame } = this.settings;
    return {
      clientId,
      protocolVersion: version,
      cleanStart: false,
      keepAlive: keepAlive / 1_000,
      username,
      password,
      reconnect: false,
      properties: {
        sessionExpiryInterval: sessionExpiry / 1_000,
        receiveMaximum: this.receiveMaximum,
        // A server of MQTT 3 is not told: it would send a longer message again on each connection. It is dropped as "too-long" here.
        ...(this.isOld ? {} : { maximumPacketSize: maxFrame + BESIDE_PAYLOAD }),
      },
      ...(isEncrypted(url) ? { tls: () => clientTls(this.settings) } : {}),
      platform: this.platform,
    };
  }

  /** @throws Error if the server refuses a filter */
  private async subscribe(client: Client, qos: 0 | 1 | 2): Promise<void> {
    const [first, ...others] = this.settings.subscribe.filter((each) => each.qos === qos).map(({ filter }) => filter);
    if (first === undefined) return;
    const { granted } = await client.subscribe([first, ...others], {
      qos,
      concurrency: this.receiveMaximum,
      handlerTimeout: NO_TIMEOUT,
      onMessage: (message) => this.receive(message, client),
    });
    const refused = granted.find(({ error }) => error !== undefined);
    if (refused !== undefined) {
      throw new Error(`the server refused the filter ${refused.topicFilter}: ${refused.error?.message}`);
    }
  }

  /** Resolves when the message may be acknowledged. If it is not accepted, never: the server sends it again. */
  private async receive({ topic, payload, qos, properties }: Message, client: Client): Promise<void> {
    const hops = Number(properties.userProperties?.find(([name]) => name === HOPS)?.[1] ?? 0);
    if (!(hops < MOST_HOPS)) {
      this.intake.drop("loop", `the message to ${topic} has passed ${MOST_HOPS} bridges`);
      return;
    }
    const passed = encodeProperties([[HOPS, String(Math.max(0, Math.floor(hops)) + 1)]]);
    const peer: Peer = { peer: this.settings.id, port: 0, topic, ...(passed && { properties: passed }) };
    if (qos === 0 && !this.intake.parts.budget.hasRoom) {
      this.intake.drop("full", "more messages at QoS 0 came than could be accepted");
      return;
    }
    // What comes again is taken only while its connection is open. A message at QoS 0 does not.
    const isTaken = qos === 0 || this.client === client;
    const from = qos === 0 ? undefined : client;
    const wire = this.intake.pipeline.open(peer);
    const settled = isTaken ? await this.datagrams.receive(wire, peer, payload, from) : undefined;
    if (settled === undefined) await new Promise(() => {});
  }
}
