/**
 * A running gateway: the spool, the uplink and the sources of one configuration. Starts, reloads and stops them. Knows nothing of signals, files
 * of configuration or command lines.
 */

import type { Platform } from "@aiko/mqtt";
import { Log } from "@aiko/mqtt-configuration";
import type { SpooledRecord } from "@aiko/mqtt-store";
import type { Configuration, SourceSettings } from "../configuration/configuration.js";
import type { DropReason } from "../drop-reason.js";
import { createPipeline } from "../pipeline/pipeline.js";
import { Presence } from "../presence/presence.js";
import type { RecordSpool } from "../record-spool.js";
import { Intake, type IntakeParts } from "../source/intake.js";
import { MemoryBudget } from "../source/memory-budget.js";
import { ServerLink } from "../source/server-link.js";
import type { Source } from "../source/source.js";
import type { Announcement } from "../uplink/announcements.js";
import type { Inbound } from "../uplink/inbound.js";
import { Uplink } from "../uplink/uplink.js";
import { commandInbounds } from "./commands.js";
import type { GatewayOptions } from "./gateway-options.js";
import type { GatewayStatus } from "./gateway-status.js";
import { Histogram } from "./histogram.js";
import type { Machine, Served } from "./machine.js";
import type { MetricsView } from "./metrics.js";

interface RunningSource {
  readonly settings: SourceSettings;
  readonly source: Source;
  readonly intake: Intake;
  readonly inbounds: readonly Inbound[];
  /** Stops the source, once. */
  readonly stop: () => Promise<void>;
}

/** The bounds of the histogram of sync times, in seconds. */
const SYNC_BOUNDS = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3];

/**
 * A running gateway.
 *
 * @example
 * const gateway = await Gateway.start(configuration);
 * process.once("SIGTERM", () => gateway.stop());
 * await gateway.ended;
 */
export class Gateway {
  /** Resolves when the gateway has stopped: to the error if the spool failed, otherwise to undefined. */
  readonly ended: Promise<unknown>;
  private readonly sources = new Map<string, RunningSource>();
  private readonly startedAt: number;
  private uplink: Uplink;
  private failedReloads = 0;
  private served: Served | undefined;
  private stopping: Promise<void> | undefined;
  private readonly stopAsked = new AbortController();
  private failure: unknown;
  private end: (error: unknown) => void = () => {};
  private reloading: Promise<unknown> = Promise.resolve();
  private readonly budget: MemoryBudget;
  private readonly server: ServerLink;

  private constructor(
    private configuration: Configuration,
    private readonly options: GatewayOptions,
    private readonly machine: Machine,
    private readonly spool: RecordSpool,
    private readonly syncs: Histogram,
    private readonly log: Log,
    private readonly presence: Presence,
  ) {
    this.startedAt = Date.now();
    this.budget = new MemoryBudget(configuration.gateway.memoryLimit);
    this.server = new ServerLink(configuration.uplinks);
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
    this.uplink = this.makeUplink([]);
  }

  /**
   * Starts a gateway: opens its spool, its sources and the connection to the server. Sources and connections that fail are tried again for ever.
   *
   * @throws StoreError STORE_LOCKED if another gateway uses the spool; STORE_FULL or STORE_FAILED if the spool cannot be opened
   */
  static async start(configuration: Configuration, options: GatewayOptions = {}): Promise<Gateway> {
    const { gateway } = configuration;
    // Loaded when it is used: other machines do not have it.
    const machine = options.machine ?? (await import("./node-machine.js")).nodeMachine(options);
    const { platform } = machine;
    const log = new Log(gateway.log, gateway.logFormat, machine.write, () => Date.now());
    const syncs = new Histogram(SYNC_BOUNDS);
    const { spool, devices } = await machine.openStorage(configuration, log, (seconds) => syncs.add(seconds));
    const presence = await Presence.open({
      file: devices,
      version: options.version,
      clock: platform.clock,
      random: platform.random,
      log,
      announce: (announcement) => started.uplink.announce(announcement),
    });
    const started: Gateway = new Gateway(configuration, options, machine, spool, syncs, log, presence);
    try {
      await started.open();
    } catch (error) {
      await started.stop();
      throw error;
    }
    return started;
  }

  private get platform(): Platform {
    return this.machine.platform;
  }

  /** The state of the gateway. */
  get status(): GatewayStatus {
    const { configuration, startedAt, uplink, spool, failedReloads } = this;
    const sources = Object.fromEntries([...this.sources].map(([id, { source }]) => [id, source.status]));
    return {
      id: configuration.gateway.id,
      startedAt: new Date(startedAt).toISOString(),
      uplink: uplink.status,
      spool: spool.statistics,
      sources,
      failedReloads,
      metrics: this.served?.metrics,
    };
  }

  /**
   * Goes on with another configuration. What did not change is not touched: its connections stay open. Records of a removed source are still
   * delivered.
   *
   * @throws Error if the spool or the addresses of metrics and status changed: they need a restart. Nothing is changed then.
   */
  reload(configuration: Configuration): Promise<void> {
    const done = this.reloading.then(() => this.change(configuration));
    this.reloading = done.catch(() => {});
    return done;
  }

  /** Counts a reload whose configuration was not valid. */
  reloadFailed(): void {
    this.failedReloads++;
  }

  /**
   * Stops reading, accepts what was read, reports "offline" and disconnects. Records without an outcome stay in the spool. Takes no longer than
   * the configured time, unless the disk does.
   */
  stop(): Promise<void> {
    this.stopAsked.abort();
    this.stopping ??= this.close()
      .catch((error: unknown) => {
        this.failure ??= error;
      })
      .finally(() => this.end(this.failure));
    return this.stopping;
  }

  private async open(): Promise<void> {
    const { configuration, log } = this;
    const { sources } = configuration;
    const views = { status: () => this.status, metrics: () => this.metricsView() };
    this.served = await this.machine.serve(configuration, views, log);
    this.knowSources();
    const made = await Promise.all(
      sources.filter(({ enabled }) => enabled).map((settings) => this.makeSource(settings)),
    );
    this.startUplink(); // now: the server sends kept commands as soon as it is connected
    await Promise.all(made.map((each) => this.startSource(each)));
  }

  private async close(): Promise<void> {
    const { shutdown } = this.configuration.gateway;
    this.log.info("the gateway stops");
    const { clock } = this.platform;
    const began = clock.now();
    await this.within(shutdown / 4, this.reloading);
    const stopped = Promise.all([...this.sources.values()].map(({ stop }) => stop()));
    // A source that passes on what it reads waits for the network, until the uplink stops.
    await this.within((shutdown - (clock.now() - began)) / 2, stopped);
    const left = Math.max(0, shutdown - (clock.now() - began));
    try {
      await this.uplink.stop(left / 2);
      await stopped;
      await this.served?.stop();
    } finally {
      await this.presence.stop();
      await this.spool.close();
    }
  }

  /** Resolves when the work is over, but after so many milliseconds at the latest. */
  private within(timeout: number, work: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.platform.clock.schedule(Math.max(0, timeout), resolve);
      const over = (): void => {
        timer.cancel();
        resolve();
      };
      work.then(over, over);
    });
  }

  /** Resolves when the source is up, at its first failure, or when the gateway is being stopped. */
  private async startSource({ source }: RunningSource): Promise<void> {
    const { signal } = this.stopAsked;
    if (signal.aborted) return;
    await new Promise<void>((resolve, reject) => {
      const stopped = (): void => resolve();
      signal.addEventListener("abort", stopped);
      source
        .start()
        .then(resolve, reject)
        .finally(() => signal.removeEventListener("abort", stopped));
    });
  }

  /** @throws Error if the gateway is being stopped: a reload must open nothing any more */
  private checkRunning(): void {
    if (this.stopAsked.signal.aborted) throw new Error("the gateway is stopping");
  }

  private async change(next: Configuration): Promise<void> {
    const before = this.configuration;
    this.checkRunning();
    for (const name of ["spool", "metrics", "adminSocket"] as const) {
      if (isSame(before[name], next[name])) continue;
      throw new Error(`${name} has changed; restart the gateway to use the new value`);
    }
    this.configuration = next;
    this.server.uplinks = next.uplinks;
    const { id, base, timestamps, shutdown, log, logFormat, memoryLimit } = next.gateway;
    this.log.configure(log, logFormat);
    this.budget.maximum = memoryLimit;
    const isSameState = base === before.gateway.base && isSame(before.homeAssistant, next.homeAssistant);
    if (!isSameState || !isSame(before.uplinks, next.uplinks)) {
      const backlog = await this.uplink.stop(shutdown / 2);
      this.checkRunning();
      this.uplink = this.makeUplink(backlog);
      for (const { inbounds } of this.sources.values()) this.uplink.inbounds.change([], inbounds);
      this.startUplink();
    }
    const isSamePipeline = isSameState && id === before.gateway.id && timestamps === before.gateway.timestamps;
    const wanted = new Map(next.sources.filter(({ enabled }) => enabled).map((each) => [each.id, each]));
    const ended = [...this.sources].filter(
      ([source, { settings }]) =>
        !isSamePipeline ||
        !isSame(settings, wanted.get(source)) ||
        // Its clients have connections to the servers.
        (settings.kind === "mqtt-sn" && !isSame(before.uplinks, next.uplinks)),
    );
    await Promise.all(
      ended.map(async ([name, { stop }]) => {
        await stop();
        this.sources.delete(name);
        if (!wanted.has(name)) this.log.info("the source was removed", { source: name });
      }),
    );
    await Promise.all([...this.sources].map(([name, { source }]) => this.refresh(name, source)));
    this.checkRunning();
    this.knowSources();
    const started = [...wanted.values()].filter((settings) => !this.sources.has(settings.id));
    const replaced = new Map(ended.map(([name, { inbounds }]) => [name, inbounds]));
    const made = await Promise.all(started.map((settings) => this.makeSource(settings, replaced.get(settings.id))));
    for (const [name, inbounds] of replaced) if (!wanted.has(name)) this.uplink.inbounds.change(inbounds, []);
    await Promise.all(made.map((source) => this.startSource(source)));
    this.log.info("the configuration was reloaded", { started: started.length, stopped: ended.length });
  }

  private async refresh(name: string, source: Source): Promise<void> {
    try {
      await source.refresh?.();
    } catch (error) {
      const facts = { source: name, error: error instanceof Error ? error.message : String(error) };
      this.log.warn("cannot read the source's files again; the previous files stay in use", facts);
    }
  }

  /** @param backlog what the uplink before it has read and not delivered */
  private makeUplink(backlog: readonly SpooledRecord[]): Uplink {
    const { spool, log, platform } = this;
    const { uplinks, gateway, homeAssistant } = this.configuration;
    return new Uplink({
      spool,
      uplinks,
      backlog,
      platform,
      log,
      statusTopic: `${gateway.base}/status`,
      birth: () => this.birth(),
      watched: homeAssistant && {
        topic: homeAssistant.statusTopic,
        heard: (payload) => payload === "online" && this.presence.announceAgain(),
      },
      refused: (record, reason) => this.refused(record, reason),
      changed: (isConnected) => this.server.changed(isConnected),
      wallTime: () => Date.now(),
    });
  }

  private startUplink(): void {
    if (this.options.connects !== false) this.uplink.start();
  }

  private *birth(): Generator<Announcement> {
    yield { topic: `${this.configuration.gateway.base}/info`, payload: this.info() };
    yield* this.presence.all();
  }

  private info(): string {
    const started = new Date(this.startedAt).toISOString();
    return JSON.stringify({ version: this.options.version, started, sources: [...this.sources.keys()] });
  }

  private refused(record: SpooledRecord, reason: DropReason): void {
    const { source, topic } = record;
    this.log.warn("the server refused a record", { source, topic, reason });
    this.sources.get(source)?.intake.refused(record, reason);
  }

  /** What was published of sources that are not configured any more is removed. Those that are not enabled have a state too. */
  private knowSources(): void {
    const { configuration, presence } = this;
    presence.retain(new Set(configuration.sources.map(({ id }) => id)));
    for (const each of configuration.sources) if (!each.enabled) presence.source(each, configuration);
  }

  /** @param before what the source has received from the server before it was changed */
  private async makeSource(settings: SourceSettings, before: readonly Inbound[] = []): Promise<RunningSource> {
    const { spool, log, configuration, platform } = this;
    const { clock, random } = platform;
    const presence = this.presence.source(settings, configuration);
    const parts: IntakeParts = {
      spool,
      spoolSettings: configuration.spool,
      budget: this.budget,
      clock,
      random: () => random.next(),
      log,
      pass: (topic, payload, retain) => this.uplink.pass(topic, payload, retain),
      condition: (condition) => presence.changed(condition),
      failed: (error) => this.fail(error),
    };
    const pipeline = createPipeline(settings, configuration.gateway, {
      wallTime: () => Date.now(),
      devices: presence.sink,
      polled: (index, result) => intake.polled(index, result),
    });
    const recorded = this.options.recorder?.tap(pipeline, settings.id, () => clock.now()) ?? pipeline;
    const intake: Intake = new Intake(parts, settings, recorded);
    const source = await this.machine.createSource(settings, intake, () => this.sourceEnded(), this.server);
    const inbounds = commandInbounds({
      source: settings.id,
      pipeline,
      wires: intake.wires,
      traffic: intake.traffic,
      clock,
      log,
      publish: (topic, payload, properties) => this.uplink.report(topic, payload, properties),
    });
    if (this.options.connects !== false) this.uplink.inbounds.change(before, inbounds);
    let stopped: Promise<void> | undefined;
    const stop = (): Promise<void> => {
      stopped ??= source.stop();
      return stopped;
    };
    const running = { settings, source, intake, inbounds, stop };
    this.sources.set(settings.id, running);
    return running;
  }

  /** Without any source that may still bring something, the gateway is done. */
  private sourceEnded(): void {
    if ([...this.sources.values()].some(({ source }) => source.status.state !== "ended")) return;
    const { records } = this.spool.statistics;
    this.log.info("all sources have ended", { spooled: records });
    void this.delivered().then(() => this.stop());
  }

  /**
   * Resolves when all records are delivered, or when the gateway is being stopped. If the spool is on a disk, also when nothing was delivered for
   * the time that a shutdown may take: the records are delivered when the gateway is started again.
   */
  private async delivered(): Promise<void> {
    const { mode } = this.configuration.spool;
    for (let before = Infinity; this.stopping === undefined; ) {
      const { records } = this.spool.statistics;
      if (records === 0 || (mode === "disk" && records >= before)) return;
      before = records;
      await this.uplink.drained(this.configuration.gateway.shutdown);
    }
  }

  private fail(error: unknown): void {
    if (this.failure !== undefined) return;
    this.failure = error;
    this.log.error("nothing can be accepted any more; the gateway stops", {
      error: error instanceof Error ? error.message : String(error),
    });
    void this.stop();
  }

  private metricsView(): Omit<MetricsView, "residentBytes"> {
    const { spool, uplink, sources, presence, failedReloads, syncs, budget } = this;
    return {
      spool: spool.statistics,
      syncs: syncs.counts,
      uplink: uplink.status,
      sources: new Map(
        [...sources].map(([id, { source, intake }]) => [
          id,
          { ...source.status, ...intake.traffic.counts, devices: presence.counts(id) },
        ]),
      ),
      queuedBytes: budget.bytes,
      failedReloads,
      now: Date.now(),
    };
  }
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
