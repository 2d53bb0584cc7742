/**
 * A broker as a service: one configuration, its listeners, users and rules, which a reload replaces while clients stay. Uses only what the broker
 * offers to any application. Knows nothing of signals, files of configuration or command lines.
 */

import { platform } from "@aiko/mqtt";
import { Log } from "@aiko/mqtt-configuration";
import { isBridge } from "../bridge/bridge.js";
import { Broker } from "../broker.js";
import { prometheusText } from "../observing/prometheus.js";
import { SysTopics } from "../observing/sys-topics.js";
import { Rules } from "../rules/rules.js";
import { type ExchangeableRules, rulesHooks } from "../rules/rules-hooks.js";
import { Access } from "./access.js";
import { BridgeSet } from "./bridge-set.js";
import type { BrokerConfiguration } from "./broker-configuration.js";
import { CertificateWatch } from "./certificate-watch.js";
import { diskStore } from "./disk.js";
import { logEvents } from "./event-log.js";
import { ListenerSet } from "./listener-set.js";
import { MetricsServer } from "./metrics-server.js";
import { keysToRestart } from "./restart-keys.js";

/** Options of `BrokerService.start`. */
export interface BrokerServiceOptions {
  /** Receives each line of the log, without its end of line, and its format. Default: writes it to standard error. */
  readonly log?: ((line: string, format: "text" | "json") => void) | undefined;
  /** The text of the topic `$SYS/broker/version`. Default "aiko-mqtt". */
  readonly version?: string | undefined;
}

/**
 * A running broker that follows a configuration.
 *
 * @example
 * const { configuration } = readBrokerConfiguration(text, options);
 * const service = await BrokerService.start(configuration);
 * process.on("SIGHUP", () => service.reload(readAgain()));
 * process.once("SIGTERM", () => service.stop());
 */
export class BrokerService {
  private readonly listeners: ListenerSet;
  private readonly access: Access;
  private readonly bridges: BridgeSet;
  private readonly certificates: CertificateWatch;
  private sys: SysTopics | undefined;
  private metrics: MetricsServer | undefined;
  /** Why messages cannot be stored. */
  private fault: string | undefined;
  private changing: Promise<unknown> = Promise.resolve();

  private constructor(
    private configuration: BrokerConfiguration,
    /** The broker, for its events and statistics. */
    readonly broker: Broker,
    private readonly rules: ExchangeableRules,
    private readonly log: Log,
  ) {
    const access = new Access(configuration);
    this.access = access;
    this.bridges = new BridgeSet(broker, log);
    this.certificates = new CertificateWatch(platform.clock, () => Date.now(), log);
    broker.on("storeFailed", ({ error }) => {
      this.fault = error.message;
    });
    broker.on("storeRecovered", () => {
      this.fault = undefined;
    });
    this.listeners = new ListenerSet(broker, (settings) => ({
      authenticate: (request) => access.decide(request, settings()),
    }));
  }

  /**
   * Starts a broker. Resolves when all listeners accept connections.
   *
   * @throws UsageError OPTION_INVALID; TransportError LISTEN_FAILED if a port or path cannot be bound; StoreError
   * STORE_LOCKED if another process uses the directory, or STORE_FAILED
   */
  static async start(configuration: BrokerConfiguration, options: BrokerServiceOptions = {}): Promise<BrokerService> {
    const write = options.log ?? ((line: string) => void process.stderr.write(`${line}\n`));
    const log = new Log(configuration.log.level, configuration.log.format, write, () => Date.now());
    const rules = rulesHooks(new Rules(configuration.rules), {
      exempts: isBridge,
      onRefused: ({ clientId, identity }, action, topic, { reason }) =>
        log.info("refused by the rules", { client: clientId, identity, action, topic, reason }),
    });
    const { limits, options: fixed, persistence } = configuration;
    const store = persistence && diskStore(persistence, log);
    // Listeners are opened one by one, so that each of them can be changed or closed later.
    const broker = await Broker.listen({ ...fixed, ...limits, ...rules.hooks, store, listeners: [] });
    logEvents(broker, log);
    const service = new BrokerService(configuration, broker, rules, log);
    try {
      await service.listeners.follow(configuration.listeners);
      await service.observe(options.version ?? "aiko-mqtt");
      await service.bridges.follow(configuration.bridges);
      service.certificates.follow(configuration.listeners);
    } catch (error) {
      await broker.close();
      throw error;
    }
    return service;
  }

  /** The URLs of the listeners, for clients on this machine, in the order of the configuration. */
  get urls(): readonly string[] {
    return this.listeners.urls;
  }

  /** The same URLs with the hosts of the configuration, such as 0.0.0.0 for all addresses, and the ports that were chosen. */
  get addresses(): readonly string[] {
    return this.listeners.addresses;
  }

  /**
   * Follows another configuration: users, rules, certificates, limits, the log, and listeners. Connections of listeners that did not change stay,
   * unless the new configuration does not allow their clients, or their password has changed. If it rejects, the former configuration holds. Resolves to the keys that differ and need a restart, such as `broker.outbox`.
   *
   * @throws TransportError LISTEN_FAILED if a new listener cannot bind its port; UsageError OPTION_INVALID
   */
  reload(configuration: BrokerConfiguration): Promise<readonly string[]> {
    const reloaded = this.changing.then(() => this.follow(configuration));
    this.changing = reloaded.catch(() => undefined);
    return reloaded;
  }

  /**
   * Closes the listeners and ends all connections, with their wills. Resolves when that is done, and everything is on
   * disk.
   *
   * @throws StoreError if the rest could not be written
   */
  async stop(): Promise<void> {
    this.sys?.stop();
    this.certificates.stop();
    await Promise.all([this.bridges.stop(), this.metrics?.stop()]);
    await this.broker.close();
  }

  /** The URL of the metrics. Undefined if they are not served. */
  get metricsUrl(): string | undefined {
    const { metrics, configuration } = this;
    if (metrics === undefined || configuration.metrics === undefined) return undefined;
    const { listen, path } = configuration.metrics;
    const host = listen.host === "" ? "127.0.0.1" : listen.host;
    return `http://${host.includes(":") ? `[${host}]` : host}:${metrics.port}${path}`;
  }

  private async observe(version: string): Promise<void> {
    const { broker } = this;
    const { sys, metrics } = this.configuration;
    if (metrics !== undefined) {
      this.metrics = await MetricsServer.start(metrics, {
        metrics: () => prometheusText(broker.statistics, process.memoryUsage.rss()),
        fault: () => this.fault,
      });
    }
    if (sys.interval > 0) this.sys = new SysTopics(broker, platform.clock, version, sys.interval);
  }

  private async follow(configuration: BrokerConfiguration): Promise<readonly string[]> {
    const rules = new Rules(configuration.rules);
    const former = this.configuration;
    const listenerOf = this.listeners.lookup();
    // New listeners must not accept clients by former rules or passwords.
    this.rules.replace(rules);
    this.access.replace(configuration);
    try {
      await this.listeners.follow(configuration.listeners);
    } catch (error) {
      this.rules.replace(new Rules(former.rules));
      this.access.replace(former);
      throw error;
    }
    this.access.disconnectRevoked({ users: former.users, listenerOf }, this.broker.clients, this.listeners.lookup());
    const restart = keysToRestart(former, configuration);
    this.broker.setLimits(configuration.limits);
    this.log.configure(configuration.log.level, configuration.log.format);
    await this.bridges.follow(configuration.bridges);
    this.certificates.follow(configuration.listeners);
    this.configuration = configuration;
    return restart;
  }
}
