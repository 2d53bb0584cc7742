/**
 * The MQTT connection of one SN client [SN 4, transparent gateway]: the same client identifier, its own will and session. It
 * is re-established behind the client. Knows no MQTT-SN.
 */

import {
  type Client,
  type ConnectOptions,
  createClient,
  type Dial,
  type DisconnectOptions,
  ReasonCode,
  RefusedError,
  type Transport,
  UsageError,
  type WillOptions,
} from "@aiko/mqtt";
import { publishOutcome } from "../../uplink/publish-outcome.js";
import type {
  SnConnection,
  SnConnectionListener,
  SnFilter,
  SnIdentity,
  SnMessage,
  SnOutcome,
  SnSubscribed,
  SnWill,
} from "../gateway/sn-uplink.js";
import type { Acceptance } from "./acceptance.js";
import { ClientFilters } from "./client-filters.js";
import type { DialPace } from "./dial-pace.js";

export interface TransparentParts {
  readonly urls: readonly [string, ...string[]];
  /** Those of all connections: everything but the client identifier, the session and the will. */
  readonly options: ConnectOptions & { readonly platform: NonNullable<ConnectOptions["platform"]> };
  readonly acceptance: Pick<Acceptance, "accept" | "count" | "hasSpooled">;
  readonly pace: Pick<DialPace, "turn">;
  /** Messages of one client that may be unacknowledged. */
  readonly concurrency: number;
}

/** Milliseconds for what is under way when the connection ends. */
const DRAIN = 1_000;
/** Reason codes after which the client should try again: first the return code of MQTT 3.1.1. */
const FOR_NOW: ReadonlySet<number> = new Set([
  3,
  ReasonCode.SERVER_UNAVAILABLE,
  ReasonCode.SERVER_BUSY,
  ReasonCode.QUOTA_EXCEEDED,
  ReasonCode.CONNECTION_RATE_EXCEEDED,
]);
/** DISCONNECT with the will [MQTT5-3.14.2.1]. */
const WITH_WILL = 0x04;

export class TransparentConnection implements SnConnection {
  readonly redelivers = true;
  private client: Client;
  private filters: ClientFilters;
  private transport: Transport | undefined;
  private isEnded = false;
  /** End the waits for acknowledgements when the connection is lost. One that is over is removed: the connection may last for years. */
  private readonly waits = new Set<() => void>();

  /**
   * @param known filters of an earlier connection, which the server may have
   * @param over is called when the connection is over, with what resolves when it is closed
   */
  constructor(
    private readonly parts: TransparentParts,
    private readonly identity: SnIdentity,
    private readonly listener: SnConnectionListener,
    known: readonly SnFilter[],
    private readonly over: (closing: Promise<void>) => void,
  ) {
    this.client = this.makeClient(identity.will, identity.cleanSession);
    this.filters = this.makeFilters(known);
  }

  /** The filters, for a later connection. */
  get known(): readonly SnFilter[] {
    return this.filters.all;
  }

  /** Resolves when the server has accepted the connection, or has not. */
  async open(): Promise<SnOutcome> {
    try {
      await this.client.connect();
      return "accepted";
    } catch (error) {
      this.finish({ drainTimeout: 0 });
      const isRefused = error instanceof RefusedError && !FOR_NOW.has(error.reasonCode);
      return isRefused || error instanceof UsageError ? "refused" : "congestion";
    }
  }

  async publish(message: SnMessage): Promise<SnOutcome> {
    const { acceptance } = this.parts;
    const { topic, payload, qos, retain } = message;
    if (!this.client.connected || (qos > 0 && acceptance.hasSpooled)) return acceptance.accept(message);
    const published = this.client.publish(topic, payload, { qos, retain }).then(
      () => "out" as const,
      (error: unknown) => publishOutcome(error),
    );
    const result = await (qos === 1 ? this.unlessLost(published) : published);
    // It may have arrived, and is sent again: QoS 1 allows that.
    if (result === "lost") return acceptance.accept(message);
    if (result === "out") {
      acceptance.count("out");
      return "accepted";
    }
    if (result.next !== "drop") return "congestion";
    acceptance.count(result.reason);
    return "refused";
  }

  async subscribe(filter: string, qos: 0 | 1 | 2): Promise<SnSubscribed> {
    return this.client.connected ? await this.filters.subscribe(filter, qos) : { outcome: "congestion" };
  }

  async unsubscribe(filter: string): Promise<SnOutcome> {
    if (!this.client.connected) return "congestion";
    return (await this.filters.unsubscribe(filter)) ? "accepted" : "congestion";
  }

  unsubscribeAll(): void {
    this.filters.unsubscribeAll();
  }

  /** MQTT cannot change a will: the session continues on another connection, which has the new one. */
  async changeWill(will: SnWill | undefined): Promise<SnOutcome> {
    const before = this.client;
    if (!before.connected) return "congestion";
    try {
      // Before MQTT 5, a clean session ends with its connection.
      this.client = this.makeClient(will, this.identity.cleanSession && before.protocolVersion !== 5);
    } catch {
      return "refused"; // MQTT does not allow this will, so the earlier one stays
    }
    this.filters = this.makeFilters(this.filters.all);
    await before.disconnect({ drainTimeout: DRAIN }).catch(() => {});
    if (this.isEnded) return "congestion";
    try {
      await this.client.connect({ retry: true });
      return "accepted";
    } catch {
      if (!this.isEnded) this.end();
      return "refused";
    }
  }

  disconnect(): void {
    this.finish({ drainTimeout: DRAIN, ...this.farewell(this.client) });
  }

  cut(): void {
    const { client } = this;
    // Before MQTT 5, only a connection that breaks has the server publish the will.
    if (client.protocolVersion !== 5) this.transport?.destroy();
    const reason = client.protocolVersion === 5 ? { reasonCode: WITH_WILL } : {};
    this.finish({ drainTimeout: 0, ...this.farewell(client), ...reason });
  }

  /** A clean session ends with the client, although it survives lost connections. */
  private farewell({ protocolVersion }: Client): DisconnectOptions {
    return this.identity.cleanSession && protocolVersion === 5 ? { properties: { sessionExpiryInterval: 0 } } : {};
  }

  private makeClient(will: SnWill | undefined, cleanStart: boolean): Client {
    const { options, urls, pace } = this.parts;
    const { clientId } = this.identity;
    const { platform } = options;
    const dial: Dial = async (...request) => {
      await pace.turn();
      const transport = await platform.dial(...request);
      this.transport = transport;
      return transport;
    };
    const client = createClient(urls as [string, ...string[]], {
      ...options,
      clientId,
      cleanStart,
      platform: { ...platform, dial },
      ...(will === undefined ? {} : { will: willOptions(will) }),
    });
    client.on("disconnected", () => {
      for (const lost of [...this.waits]) lost();
    });
    client.on(
      "unclaimed",
      ({ topic, payload, qos, retain }) => void this.listener.deliver({ topic, payload, qos, retain }),
    );
    client.on("closed", () => {
      if (!this.isEnded && client === this.client) this.end();
    });
    client.on("error", () => {}); // each is an outcome too
    return client;
  }

  private makeFilters(known: readonly SnFilter[]): ClientFilters {
    const { concurrency } = this.parts;
    const deliver = (message: SnMessage): Promise<void> | undefined => {
      const delivered = this.listener.deliver(message);
      if (message.qos === 0) return undefined;
      // What is forgotten here is not acknowledged, so that the server sends it again.
      return delivered.then((outcome) => (outcome === "forgotten" ? new Promise<void>(() => {}) : undefined));
    };
    const filters = new ClientFilters({ client: this.client, isShared: false, concurrency, deliver });
    for (const [filter, qos] of known) void filters.subscribe(filter, qos, true);
    return filters;
  }

  /** The server has ended the connection for good. */
  private end(): void {
    this.finish({ drainTimeout: 0 });
    this.listener.ended();
  }

  private finish(how: DisconnectOptions): void {
    this.isEnded = true;
    this.over(this.client.disconnect(how).catch(() => {}));
  }

  /** Resolves to the result, or to "lost" when the connection is lost before. */
  private unlessLost<Result>(result: Promise<Result>): Promise<Result | "lost"> {
    return new Promise((resolve) => {
      const lost = (): void => end("lost");
      const end = (value: Result | "lost"): void => {
        this.waits.delete(lost);
        resolve(value);
      };
      this.waits.add(lost);
      void result.then(end);
    });
  }
}

function willOptions({ topic, message: payload, qos, retain }: SnWill): WillOptions {
  return { topic, payload, qos, retain };
}
