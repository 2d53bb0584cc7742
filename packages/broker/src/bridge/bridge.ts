/**
 * A bridge between the broker and another server: keeps a crossing open, and reports its state in the broker, as a
 * retained message, as mosquitto does.
 */

import { memoryPair, platform as ownPlatform, type Platform, type Transport } from "@aiko/mqtt";
import type { ConnectDecision } from "../options/authentication.js";
import type { BridgeReport, BridgeSettings } from "./bridge-settings.js";
import { Crossing } from "./crossing.js";

/** Milliseconds until the clients are made again, after one of them was closed by an error that reconnecting does not help. */
const PAUSE = 30_000;

/** The name of the listener of the clients that bridges have in the broker, and the beginning of their identities. */
const RESERVED = "$bridge";

/** Whether an identity is that of a bridge. Users and certificates must not have it. */
export function isBridge(identity: string): boolean {
  return identity.startsWith(RESERVED);
}

/** What a bridge needs of the broker. */
export interface BridgedBroker {
  accept(transport: Transport, terms: { readonly name: string; readonly authenticate: () => ConnectDecision }): void;
  publish(topic: string, payload: string, options: { readonly retain: true }): number;
}

export class Bridge {
  private crossing: Crossing | undefined;
  private stopped = false;
  private wake: () => void = () => undefined;
  private readonly running: Promise<void>;

  /**
   * Starts the bridge. It connects on its own, and again after errors.
   *
   * @throws UsageError if the settings are not valid
   */
  constructor(
    private readonly broker: BridgedBroker,
    private readonly settings: BridgeSettings,
    private readonly report: BridgeReport,
    private readonly platform: Platform = ownPlatform,
  ) {
    this.say("0");
    this.crossing = this.newCrossing();
    this.running = this.run(this.crossing);
  }

  /** Stops the bridge, within a second. The broker and the server keep what was not carried. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.wake();
    await this.crossing?.stop();
    await this.running;
    this.say("0");
  }

  private async run(first: Crossing): Promise<void> {
    for (let crossing = first; ; crossing = this.newCrossing()) {
      this.crossing = crossing;
      try {
        await crossing.run();
      } catch (error) {
        if (!this.stopped) this.disconnected((error as Error).message);
      }
      if (this.stopped) return;
      await crossing.stop();
      await this.pause();
      if (this.stopped) return;
    }
  }

  private newCrossing(): Crossing {
    const { name } = this.settings;
    const dial = async (): Promise<Transport> => {
      const [client, server] = memoryPair(this.platform.clock);
      this.broker.accept(server, { name: RESERVED, authenticate: () => ({ identity: `${RESERVED}:${name}` }) });
      return client;
    };
    return new Crossing(this.settings, this.platform, dial, {
      connected: (server) => {
        this.say("1");
        this.report.connected(server);
      },
      disconnected: (reason) => this.disconnected(reason),
      dropped: (direction, topic, reason) => this.report.dropped(direction, topic, reason),
    });
  }

  private disconnected(reason: string): void {
    this.say("0");
    this.report.disconnected(reason);
  }

  private say(state: "0" | "1"): void {
    const { statusTopic } = this.settings;
    if (statusTopic !== undefined) this.broker.publish(statusTopic, state, { retain: true });
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.platform.clock.schedule(PAUSE, resolve);
      this.wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}
