/** A transparent gateway's far side: each SN client has an MQTT connection of its own [SN 4]. */

import { UsageError } from "@aiko/mqtt";
import type {
  SnConnected,
  SnConnectionListener,
  SnFilter,
  SnIdentity,
  SnMessage,
  SnOutcome,
  SnUplink,
} from "../gateway/sn-uplink.js";
import { TransparentConnection, type TransparentParts } from "./transparent-connection.js";

export interface TransparentUplinkParts extends TransparentParts {
  /** Whether the gateway's own connection is up. */
  isConnected(): boolean;
  /** The MQTT client identifier of an SN client. */
  clientIdOf(clientId: string): string;
}

export class TransparentUplink implements SnUplink {
  private readonly connections = new Map<string, TransparentConnection>();

  /** Connections that are being closed. */
  private readonly closing = new Set<Promise<void>>();
  /** The filters of clients that are away and have not ended their session. The server has them too. */
  private readonly known = new Map<string, readonly SnFilter[]>();

  constructor(private readonly parts: TransparentUplinkParts) {}

  get isConnected(): boolean {
    return this.parts.isConnected();
  }

  async connect(identity: SnIdentity, listener: SnConnectionListener): Promise<SnConnected> {
    const { clientId, cleanSession } = identity;
    if (!this.isConnected) return { outcome: "congestion" };
    const known = cleanSession ? [] : (this.known.get(clientId) ?? []);
    const renamed = { ...identity, clientId: this.parts.clientIdOf(clientId) };
    const keep = (closed: Promise<void>): void => {
      this.closing.add(closed);
      void closed.then(() => this.closing.delete(closed));
      if (this.connections.get(clientId) !== connection) return;
      this.connections.delete(clientId);
      if (cleanSession) this.known.delete(clientId);
      else this.known.set(clientId, connection.known);
    };
    let connection: TransparentConnection;
    try {
      connection = new TransparentConnection(this.parts, renamed, listener, known, keep);
    } catch (error) {
      if (error instanceof UsageError) return { outcome: "refused" }; // MQTT does not allow the identifier or the will
      throw error;
    }
    this.connections.set(clientId, connection);
    const outcome = await connection.open();
    return outcome === "accepted" ? { outcome, connection } : { outcome };
  }

  /** Resolves when all connections that have ended are closed. */
  async stop(): Promise<void> {
    await Promise.all(this.closing);
  }

  publish(message: SnMessage): Promise<SnOutcome> {
    return this.parts.acceptance.accept(message);
  }

  forget(clientId: string): void {
    this.known.delete(clientId);
  }

  filtersOf(clientId: string): readonly SnFilter[] {
    return this.connections.get(clientId)?.known ?? this.known.get(clientId) ?? [];
  }

  restore(clientId: string, filters: readonly SnFilter[]): void {
    this.known.set(clientId, filters);
  }
}
