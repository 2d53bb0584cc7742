/**
 * Sends the spool's records to a server, in order, with a window of unacknowledged messages. A record leaves the spool when the server has
 * acknowledged it, or has refused it for good. Connects for ever. Knows nothing of sources.
 */

import { type Client, type ConnectOptions, createClient, type Platform, type PublishOptions } from "@aiko/mqtt";
import type { Log } from "@aiko/mqtt-configuration";
import type { SpooledRecord } from "@aiko/mqtt-store";
import type { UplinkSettings } from "../configuration/configuration.js";
import type { DropReason } from "../drop-reason.js";
import { decodeProperties } from "../record-properties.js";
import type { RecordSpool } from "../record-spool.js";
import { TokenBucket } from "../token-bucket.js";
import { type Announcement, Announcements } from "./announcements.js";
import { type Watched, watchInbound } from "./inbound.js";
import { Inbounds } from "./inbounds.js";
import { MOST_TRIES, publishOutcome } from "./publish-outcome.js";
import { firstOf, uplinkOptions } from "./uplink-options.js";

/** What an uplink works with. */
export interface UplinkParts {
  readonly spool: RecordSpool;
  /** The servers, the preferred one first. The limits are those of the first. */
  readonly uplinks: readonly UplinkSettings[];
  /** Records that were read from the spool and have no outcome, in order: they are published first. */
  readonly backlog: readonly SpooledRecord[];
  /** The topic of the gateway's status: "online" or "offline", retained. */
  readonly statusTopic: string;
  /** What is published, retained, at each connection, before any record. */
  birth(): Iterable<Announcement>;
  /** Called for each message to a topic, that of Home Assistant's state. Undefined: there is none. */
  readonly watched: Watched | undefined;
  /** Called for each record that the server refused. */
  refused(record: SpooledRecord, reason: DropReason): void;
  /** The server is connected, or is not any more. */
  changed(isConnected: boolean): void;
  readonly platform: Platform;
  wallTime(): number;
  readonly log: Log;
}

/** The state of an uplink. */
export interface UplinkStatus {
  readonly connected: boolean;
  /** The server's URL, without credentials, while connected. */
  readonly server: string | undefined;
  /** Records that are published and have no outcome. */
  readonly inflight: number;
  readonly reconnects: number;
  /** Milliseconds from acceptance to acknowledgement, of the last delivered record. Undefined if there is none, or if it is unknown. */
  readonly lag: number | undefined;
  /** Why the last connection or attempt failed. Undefined while connected. */
  readonly lastError: string | undefined;
}

/** Records that are read from the spool at once. */
const BATCH = 256;
/** Milliseconds without publishing after "quota exceeded", doubled each time up to the most. */
const PAUSE = 1_000;
const MOST_PAUSE = 60_000;
/** Milliseconds that the connection may take to close. */
const MOST_CLOSING = 500;
/** Messages that are passed on at a time. */
const MOST_PASSING = 100;
/** How often the spool's cursor is written, in milliseconds. */
const CHECKPOINT = 1_000;

export class Uplink {
  /** What is received from the server. */
  readonly inbounds: Inbounds;
  private readonly client: Client;
  private readonly settings: UplinkSettings;
  private readonly rate: TokenBucket;
  private readonly bandwidth: TokenBucket;
  /** Records to be published again, in order. */
  private retries: SpooledRecord[];
  /** Records that are published and have no outcome, by sequence. */
  private readonly published = new Map<number, SpooledRecord>();
  private readonly tries = new Map<number, number>();
  private reconnects = 0;
  private lag: number | undefined;
  private server: string | undefined;
  private lastError: string | undefined;
  private maximumQos: 0 | 1 | 2 = 2;
  private isRetainAvailable = true;
  private sending: Promise<void> | undefined;
  private pause = PAUSE;
  private isPaused = false;
  private isSendDue = false;
  private isStopping = false;
  private isCheckpointDue = false;
  /** Messages that are being passed on, and what waits to be. */
  private passing = 0;
  private passWaits: (() => void)[] = [];
  private readonly stopped = new AbortController();
  private readonly waits = new Set<() => void>();
  private running: Promise<void> | undefined;
  private idle: (() => void) | undefined;
  /** Called when no record is left. */
  private empty: (() => void) | undefined;
  private readonly removeListener: () => void;
  private readonly announcements: Announcements;

  constructor(private readonly parts: UplinkParts) {
    const { uplinks, statusTopic, platform, spool, backlog, watched } = parts;
    this.retries = [...backlog];
    this.settings = firstOf(uplinks);
    this.rate = new TokenBucket(this.settings.rate);
    this.bandwidth = new TokenBucket(this.settings.bandwidth);
    const urls = uplinks.map(({ url }) => url);
    const options: ConnectOptions = uplinkOptions(uplinks, statusTopic, platform);
    this.client = createClient(urls as [string, ...string[]], options);
    this.inbounds = new Inbounds(this.client, parts.log);
    this.client.on("connected", ({ server, properties, protocolVersion }) => {
      this.maximumQos = properties.maximumQoS ?? 2;
      this.isRetainAvailable = properties.retainAvailable ?? true;
      this.connected(server, protocolVersion);
      parts.changed(true);
    });
    this.client.on("disconnected", ({ error }) => {
      this.disconnected(error.message);
      parts.changed(false);
    });
    this.client.on("reconnecting", ({ error, attempt }) => this.waiting(error.message, attempt));
    this.client.on("takenOver", ({ error }) => parts.log.error(error.message));
    this.client.on("error", (error) => parts.log.error(String(error)));
    this.announcements = new Announcements((each) => this.publishOwn(each));
    if (watched !== undefined) this.inbounds.change([], [watchInbound(watched)]);
    this.removeListener = spool.onRecords(() => this.sendSoon());
  }

  get status(): UplinkStatus {
    const { server, published, reconnects, lag, lastError } = this;
    return { connected: this.client.connected, server, inflight: published.size, reconnects, lag, lastError };
  }

  /** Resolves when no record is left to send, or after so many milliseconds, or when the uplink is stopped. */
  async drained(timeout: number): Promise<void> {
    if (this.parts.spool.statistics.records === 0) return;
    await this.wait(timeout, (wake) => {
      this.empty = wake;
    });
    this.empty = undefined;
  }

  /** Connects, for ever. */
  start(): void {
    this.running ??= this.run();
  }

  /**
   * Publishes a message at QoS 0 without spooling it. Resolves to whether it was handed to the network: not if there is no connection. What is
   * passed keeps its order.
   *
   * @param retain default false
   */
  async pass(topic: string, payload: string | Uint8Array, retain = false): Promise<boolean> {
    while (this.passing >= MOST_PASSING && this.client.connected && !this.isStopping) {
      await new Promise<void>((resolve) => this.passWaits.push(resolve));
    }
    if (!this.client.connected || this.isStopping) return false;
    this.passing++;
    try {
      await this.client.publish(topic, payload, { retain });
      return true;
    } catch (error) {
      this.parts.log.debug("a QoS 0 message was lost", { topic, error: String(error) });
      return false;
    } finally {
      this.passing--;
      this.passWaits.shift()?.();
    }
  }

  /**
   * Publishes a message at QoS 1 without spooling it. Resolves when the server has acknowledged it, or when it is lost: the client keeps a few
   * while there is no connection.
   */
  async report(topic: string, payload: string, properties?: PublishOptions["properties"]): Promise<void> {
    try {
      await this.client.publish(topic, payload, {
        qos: this.acknowledgedQos,
        ...(properties && { properties }),
      });
    } catch (error) {
      this.parts.log.warn("a message of the gateway was lost", { topic, error: String(error) });
    }
  }

  /**
   * Publishes "offline" and disconnects. Records that have no outcome stay in the spool. Resolves to those of them that were read: the spool
   * does not return them again before it is opened again.
   *
   * @param timeout the most milliseconds to wait for acknowledgements, and then for the connection to close
   */
  async stop(timeout: number): Promise<readonly SpooledRecord[]> {
    this.isStopping = true;
    this.wakePassing();
    this.removeListener();
    const { clock } = this.parts.platform;
    await new Promise<void>((resolve) => {
      const timer = clock.schedule(this.client.connected ? timeout : 0, resolve);
      this.idle = () => {
        timer.cancel();
        resolve();
      };
      if (this.published.size === 0) this.idle();
    });
    this.stopped.abort();
    for (const wake of [...this.waits]) wake();
    if (this.client.connected) {
      this.publishOwn({ topic: this.parts.statusTopic, payload: "offline" }).catch(() => {}); // the will says so too
    }
    await this.disconnect(Math.max(1, Math.min(timeout, MOST_CLOSING)));
    await this.running;
    await this.sending;
    for (const record of this.published.values()) this.retry(record);
    this.published.clear();
    return this.retries;
  }

  /** Resolves after the timeout at the latest: a server that does not read cannot delay it. */
  private async disconnect(timeout: number): Promise<void> {
    const disconnected = this.client.disconnect({ drainTimeout: Math.max(1, timeout / 2) });
    await new Promise<void>((resolve) => {
      const timer = this.parts.platform.clock.schedule(timeout, resolve);
      void disconnected
        .catch((error: unknown) => this.parts.log.debug(String(error)))
        .finally(() => {
          timer.cancel();
          resolve();
        });
    });
  }

  private async run(): Promise<void> {
    const { signal } = this.stopped;
    for (let attempt = 0; !this.isStopping; attempt++) {
      try {
        if (attempt > 0) this.inbounds.renew();
        await this.client.connect({ retry: true, signal });
        const began = this.parts.platform.clock.now();
        const { error } = await this.client.waitFor("closed", { signal });
        // Two gateways with one client identifier end each other's connections: that they were accepted is no success.
        if (this.parts.platform.clock.now() - began >= this.settings.reconnect.max) attempt = 0;
        if (error !== undefined) this.waiting(error.message, attempt);
      } catch (error) {
        if (!this.isStopping) this.waiting(error instanceof Error ? error.message : String(error), attempt);
      }
      // A refusal that the client takes for final may be mended at the server.
      if (!this.isStopping)
        await this.wait(
          Math.min(this.settings.reconnect.max, this.settings.reconnect.min * 2 ** Math.min(attempt, 20)),
        );
    }
  }

  /** Resolves after the delay, or when the uplink is stopped. @param early receives a function that ends the wait */
  private wait(delay: number, early?: (wake: () => void) => void): Promise<void> {
    if (this.stopped.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.waits.delete(wake);
        timer.cancel();
        resolve();
      };
      const timer = this.parts.platform.clock.schedule(delay, wake);
      this.waits.add(wake);
      early?.(wake);
    });
  }

  private connected(server: string, version: number): void {
    const { log } = this.parts;
    log.info("connected to the server", { server, version });
    this.server = server;
    this.lastError = undefined;
    this.announcements.begin(this.births(), () => this.send());
  }

  private *births(): Generator<Announcement> {
    const { statusTopic, birth } = this.parts;
    yield { topic: statusTopic, payload: "online" };
    yield* birth();
  }

  /** Publishes something of the gateway itself that has changed. Without a connection, it is published as a part of `birth`. */
  announce(announcement: Announcement): void {
    if (this.client.connected && !this.isStopping) this.announcements.add(announcement);
    else announcement.done?.(false);
  }

  private async publishOwn({ topic, payload, done }: Announcement): Promise<void> {
    try {
      const qos = done === undefined ? 0 : this.acknowledgedQos;
      await this.client.publish(topic, payload, { retain: this.isRetainAvailable, qos });
    } catch (error) {
      if (this.client.connected)
        this.parts.log.warn("the gateway's own state was not published", { topic, error: String(error) });
      throw error;
    }
  }

  /** The QoS of the gateway's own messages whose outcome matters: 1, unless the server has only QoS 0. */
  private get acknowledgedQos(): 0 | 1 {
    return this.maximumQos === 0 ? 0 : 1;
  }

  private wakePassing(): void {
    for (const wake of this.passWaits.splice(0)) wake();
  }

  private disconnected(why: string): void {
    this.wakePassing();
    this.announcements.end();
    this.server = undefined;
    this.lastError = why;
    this.parts.log.warn("the connection to the server was lost", { error: why });
  }

  /** Logged once a failure, not once an attempt. */
  private waiting(why: string, attempt: number): void {
    if (this.lastError !== why)
      this.parts.log.warn("there is no connection to the server; records are spooled", { error: why });
    this.lastError = why;
    if (attempt > 0 || this.server === undefined) this.reconnects++;
  }

  /** Sends once for all records that are settled or accepted in one go. */
  private sendSoon(): void {
    if (this.isSendDue) return;
    this.isSendDue = true;
    this.parts.platform.clock.defer(() => {
      this.isSendDue = false;
      this.send();
    });
  }

  private send(): void {
    if (this.isPaused || this.isStopping || !this.client.connected || this.announcements.isRunning) return;
    if (this.free <= 0) return;
    if (this.sending) {
      this.isSendDue = true; // what is being read may end just before what has come
      return;
    }
    this.sending = this.sendAll().finally(() => {
      this.sending = undefined;
      if (this.published.size === 0) this.idle?.();
      if (!this.isSendDue) return;
      this.isSendDue = false;
      this.sendSoon();
    });
  }

  private async sendAll(): Promise<void> {
    const { log, platform } = this.parts;
    try {
      while (this.client.connected && !this.isPaused && !this.isStopping) {
        const { free } = this;
        if (free <= 0) return;
        const now = platform.clock.now();
        const delay = Math.max(this.rate.delay(now), this.bandwidth.delay(now));
        if (delay > 0) {
          await this.wait(delay);
          continue;
        }
        const limited = this.settings.rate > 0 || this.settings.bandwidth > 0;
        const records = await this.next(limited ? 1 : Math.min(free, BATCH));
        if (records.length === 0) return;
        for (const record of records) this.publish(record);
      }
    } catch (error) {
      log.error("the spool could not be read", { error: error instanceof Error ? error.message : String(error) });
    }
  }

  /** What the window has room for. What is acknowledged counts until that is written down: a kill repeats no more than the window. */
  private get free(): number {
    return this.settings.inflight - this.published.size - this.parts.spool.unwritten;
  }

  private async next(limit: number): Promise<SpooledRecord[]> {
    return this.retries.length > 0 ? this.retries.splice(0, limit) : await this.parts.spool.read(limit);
  }

  private publish(record: SpooledRecord): void {
    const { topic, payload, qos, retain, sequence, properties } = record;
    if (this.isStopping) {
      this.retry(record);
      return;
    }
    const now = this.parts.platform.clock.now();
    this.rate.take(now, 1);
    this.bandwidth.take(now, topic.length + payload.length);
    const left = this.expiryOf(record);
    if (left !== undefined && left <= 0) {
      this.settle(record, "expired");
      return;
    }
    this.published.set(sequence, record);
    const options: PublishOptions = {
      qos: qos > this.maximumQos ? this.maximumQos : qos,
      retain,
      ...(left === undefined && properties === undefined
        ? {}
        : { properties: { messageExpiryInterval: left, userProperties: properties && decodeProperties(properties) } }),
    };
    this.client.publish(topic, payload, options).then(
      () => {
        this.pause = PAUSE;
        this.published.delete(sequence);
        this.settle(record, "out");
        if (record.acceptedAt > 0) this.lag = Math.max(0, this.parts.wallTime() - record.acceptedAt);
      },
      (error: unknown) => {
        if (this.published.delete(sequence)) this.failed(record, error); // otherwise another uplink has the record
      },
    );
  }

  /** The seconds that are left until the record expires. */
  private expiryOf({ expiry, acceptedAt }: SpooledRecord): number | undefined {
    if (expiry === undefined || acceptedAt === 0) return expiry;
    const age = Math.max(0, this.parts.wallTime() - acceptedAt) / 1_000;
    return Math.ceil(expiry - age);
  }

  private failed(record: SpooledRecord, error: unknown): void {
    const outcome = publishOutcome(error);
    switch (outcome.next) {
      case "drop":
        this.refuse(record, outcome.reason);
        return;
      case "retry-few": {
        const tries = (this.tries.get(record.sequence) ?? 0) + 1;
        if (tries >= MOST_TRIES) {
          this.refuse(record, outcome.reason);
          return;
        }
        this.tries.set(record.sequence, tries);
        this.retry(record);
        this.rest();
        return;
      }
      case "pause":
        this.retry(record);
        this.rest();
        return;
      case "retry":
        this.retry(record);
        if (this.client.connected) this.rest();
    }
  }

  private retry(record: SpooledRecord): void {
    let at = this.retries.length;
    while (at > 0 && (this.retries[at - 1]?.sequence ?? 0) > record.sequence) at--;
    this.retries.splice(at, 0, record);
    if (this.isStopping && this.published.size === 0) this.idle?.();
  }

  private rest(): void {
    if (this.isPaused) return;
    this.isPaused = true;
    this.parts.log.warn("the server takes no more for now", { milliseconds: this.pause });
    void this.wait(this.pause).then(() => {
      this.isPaused = false;
      this.send();
    });
    this.pause = Math.min(MOST_PAUSE, this.pause * 2);
  }

  private refuse(record: SpooledRecord, reason: DropReason): void {
    this.settle(record, reason);
    this.parts.refused(record, reason);
  }

  private settle(record: SpooledRecord, outcome: "out" | DropReason): void {
    this.tries.delete(record.sequence);
    this.parts.spool.settle(record.sequence, outcome);
    if (!this.isCheckpointDue) {
      this.isCheckpointDue = true;
      this.parts.platform.clock.schedule(CHECKPOINT, () => {
        this.isCheckpointDue = false;
        this.parts.spool.checkpoint().catch((error: unknown) => this.parts.log.warn(String(error)));
      });
    }
    if (this.isStopping && this.published.size === 0) this.idle?.();
    else this.sendSoon();
    if (this.empty !== undefined && this.parts.spool.statistics.records === 0) this.empty();
  }
}
