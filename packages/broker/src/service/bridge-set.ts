/** The bridges of a running broker, which follow its configuration: those that did not change stay. Knows nothing of files of configuration. */

import type { TlsOptions } from "@aiko/mqtt";
import { clientTls, type Log } from "@aiko/mqtt-configuration";
import { Bridge, type BridgedBroker } from "../bridge/bridge.js";
import type { BridgeConfiguration } from "./broker-configuration.js";

interface RunningBridge {
  /** The configuration as text, to find out whether it has changed. */
  readonly written: string;
  readonly bridge: Bridge;
}

export class BridgeSet {
  private running = new Map<string, RunningBridge>();

  constructor(
    private readonly broker: BridgedBroker,
    private readonly log: Log,
  ) {}

  /** Stops bridges that were removed or changed, and starts new and changed ones. */
  async follow(bridges: readonly BridgeConfiguration[]): Promise<void> {
    const written = new Map(bridges.map((each) => [each.settings.name, JSON.stringify(each)]));
    const leaving = [...this.running].filter(([name, each]) => written.get(name) !== each.written);
    for (const [name] of leaving) this.running.delete(name);
    await Promise.all(leaving.map(([, { bridge }]) => bridge.stop()));
    for (const each of bridges) {
      const { name } = each.settings;
      if (!this.running.has(name))
        this.running.set(name, { written: written.get(name) ?? "", bridge: this.start(each) });
    }
  }

  async stop(): Promise<void> {
    await this.follow([]);
  }

  private start({ settings, pem, alpn }: BridgeConfiguration): Bridge {
    const { log } = this;
    const { name: bridge, servers } = settings;
    const isEncrypted = servers.some((url) => /^(mqtts|wss):/i.test(url));
    // The files are read at each attempt, so that renewed certificates count.
    const tls = async (): Promise<TlsOptions> => ({ ...(await clientTls(pem)), alpn });
    const client = isEncrypted ? { ...settings.client, tls } : settings.client;
    return new Bridge(
      this.broker,
      { ...settings, client },
      {
        connected: (server) => log.info("bridge connected", { bridge, server }),
        disconnected: (reason) => log.warn("bridge disconnected", { bridge, reason }),
        dropped: (direction, topic, reason) =>
          log.warn("bridge dropped a message", { bridge, direction, topic, reason }),
      },
    );
  }
}
