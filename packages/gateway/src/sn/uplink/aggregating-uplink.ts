/**
 * An aggregating gateway's far side: all SN clients share one MQTT connection for what they receive, and the gateway's own
 * connection for what they publish [SN 4]. Wills are published by the gateway.
 */

import { type Client, type ConnectOptions, createClient } from "@aiko/mqtt";
import type { Log } from "@aiko/mqtt-configuration";
import type {
  SnConnected,
  SnConnection,
  SnConnectionListener,
  SnFilter,
  SnIdentity,
  SnMessage,
  SnOutcome,
  SnUplink,
  SnWill,
} from "../gateway/sn-uplink.js";
import type { Acceptance } from "./acceptance.js";
import { ClientFilters } from "./client-filters.js";
import type { MessageKeeper } from "./message-keeper.js";

export interface AggregatingParts {
  readonly urls: readonly [string, ...string[]];
  /** Those of the shared connection. */
  readonly options: ConnectOptions;
  readonly acceptance: Pick<Acceptance, "accept">;
  /** Keeps messages for clients that are not clean, so that they survive the process. Undefined: nothing does. */
  readonly keeper: Pick<MessageKeeper, "add"> | undefined;
  /** Messages that may be unacknowledged. */
  readonly concurrency: number;
  readonly log: Pick<Log, "warn" | "debug">;
  /** The shared connection is up, or is not any more. */
  changed(isConnected: boolean): void;
}

/** What one client has, also while it is away. */
interface Member {
  readonly filters: ClientFilters;
  isClean: boolean;
  listener: SnConnectionListener;
}

/** Milliseconds for what is under way when the gateway stops. */
const DRAIN = 500;

export class AggregatingUplink implements SnUplink {
  private readonly client: Client;
  private readonly members = new Map<string, Member>();
  private readonly stopping = new AbortController();
  private isStopped = false;

  constructor(private readonly parts: AggregatingParts) {
    this.client = createClient(parts.urls as [string, ...string[]], parts.options);
    this.client.on("connected", () => parts.changed(true));
    this.client.on("disconnected", () => parts.changed(false));
    this.client.on("error", (error) => parts.log.debug(String(error)));
  }

  get isConnected(): boolean {
    return this.client.connected;
  }

  /** Connects, for ever. */
  start(): void {
    const { signal } = this.stopping;
    this.client.connect({ retry: true, signal }).catch((error: unknown) => {
      if (!this.isStopped) this.parts.log.warn("the connection for MQTT-SN clients failed", { error: String(error) });
    });
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.stopping.abort();
    await this.client.disconnect({ drainTimeout: DRAIN }).catch(() => {});
  }

  /** Needs no server: the client is connected to the gateway, which keeps what it publishes. */
  connect(identity: SnIdentity, listener: SnConnectionListener): Promise<SnConnected> {
    const { clientId, cleanSession } = identity;
    if (cleanSession) this.forget(clientId);
    const member = this.memberOf(clientId, listener);
    member.isClean = cleanSession;
    return Promise.resolve({ outcome: "accepted", connection: this.connectionOf(identity, member) });
  }

  publish(message: SnMessage): Promise<SnOutcome> {
    return this.parts.acceptance.accept(message);
  }

  forget(clientId: string): void {
    this.members.get(clientId)?.filters.unsubscribeAll();
    this.members.delete(clientId);
  }

  filtersOf(clientId: string): readonly SnFilter[] {
    return this.members.get(clientId)?.filters.all ?? [];
  }

  restore(clientId: string, filters: readonly SnFilter[], listener: SnConnectionListener): void {
    const member = this.memberOf(clientId, listener);
    for (const [filter, qos] of filters) void member.filters.subscribe(filter, qos, true);
  }

  private memberOf(clientId: string, listener: SnConnectionListener): Member {
    const { concurrency, keeper } = this.parts;
    const found = this.members.get(clientId);
    if (found !== undefined) {
      found.listener = listener;
      return found;
    }
    const deliver = (message: SnMessage): Promise<void> | undefined => {
      const delivered = member.listener.deliver(message);
      if (message.qos === 0 || member.isClean) return undefined;
      return keeper?.add(clientId, message, delivered);
    };
    const filters = new ClientFilters({ client: this.client, isShared: true, concurrency, deliver });
    const member: Member = { filters, isClean: false, listener };
    this.members.set(clientId, member);
    return member;
  }

  private connectionOf({ clientId, cleanSession, will: first }: SnIdentity, member: Member): SnConnection {
    const { acceptance } = this.parts;
    const { filters } = member;
    let will: SnWill | undefined = first;
    const end = (): void => {
      if (cleanSession && this.members.get(clientId) === member) this.forget(clientId);
    };
    return {
      redelivers: false,
      publish: (message) => acceptance.accept(message),
      subscribe: async (filter, qos) =>
        this.isConnected ? await filters.subscribe(filter, qos) : { outcome: "congestion" },
      unsubscribe: async (filter) =>
        this.isConnected && (await filters.unsubscribe(filter)) ? "accepted" : "congestion",
      unsubscribeAll: () => filters.unsubscribeAll(),
      changeWill(next) {
        will = next;
        return Promise.resolve("accepted");
      },
      disconnect: end,
      cut() {
        if (will !== undefined) void acceptance.accept({ ...will, payload: will.message });
        end();
      },
    };
  }
}
