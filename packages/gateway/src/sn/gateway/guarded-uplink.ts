/**
 * The far side, with an outcome for everything: what is thrown or rejected there is reported and counts as congestion. One
 * fault for one client must not end the gateway for all. Knows no session.
 */

import type { SnReport } from "./sn-report.js";
import type {
  SnConnected,
  SnConnection,
  SnConnectionListener,
  SnFilter,
  SnIdentity,
  SnMessage,
  SnOutcome,
  SnSubscribed,
  SnUplink,
} from "./sn-uplink.js";

const CONGESTION = { outcome: "congestion" } as const;

export class GuardedUplink implements SnUplink {
  constructor(
    private readonly uplink: SnUplink,
    private readonly report: Pick<SnReport, "failed">,
  ) {}

  get isConnected(): boolean {
    return this.uplink.isConnected;
  }

  connect(identity: SnIdentity, listener: SnConnectionListener): Promise<SnConnected> {
    return this.ask<SnConnected>(async () => {
      const result = await this.uplink.connect(identity, listener);
      return result.outcome === "accepted" ? { ...result, connection: this.guarded(result.connection) } : result;
    }, CONGESTION);
  }

  publish(message: SnMessage): Promise<SnOutcome> {
    return this.ask<SnOutcome>(() => this.uplink.publish(message), "congestion");
  }

  forget(clientId: string): void {
    this.tell(() => this.uplink.forget(clientId));
  }

  filtersOf(clientId: string): readonly SnFilter[] {
    return this.uplink.filtersOf(clientId);
  }

  restore(clientId: string, filters: readonly SnFilter[], listener: SnConnectionListener): void {
    this.tell(() => this.uplink.restore(clientId, filters, listener));
  }

  private guarded(connection: SnConnection): SnConnection {
    return {
      get redelivers() {
        return connection.redelivers;
      },
      publish: (message) => this.ask<SnOutcome>(() => connection.publish(message), "congestion"),
      subscribe: (filter, qos) => this.ask<SnSubscribed>(() => connection.subscribe(filter, qos), CONGESTION),
      unsubscribe: (filter) => this.ask<SnOutcome>(() => connection.unsubscribe(filter), "congestion"),
      changeWill: (will) => this.ask<SnOutcome>(() => connection.changeWill(will), "congestion"),
      unsubscribeAll: () => this.tell(() => connection.unsubscribeAll()),
      disconnect: () => this.tell(() => connection.disconnect()),
      cut: () => this.tell(() => connection.cut()),
    };
  }

  private async ask<Result>(request: () => Promise<Result>, otherwise: Result): Promise<Result> {
    try {
      return await request();
    } catch (error) {
      this.report.failed(error);
      return otherwise;
    }
  }

  private tell(request: () => void): void {
    try {
      request();
    } catch (error) {
      this.report.failed(error);
    }
  }
}
