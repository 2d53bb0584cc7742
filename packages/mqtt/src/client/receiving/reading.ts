/**
 * Whether the client reads from the network. With a full inbox it stops, so that the server has to wait. But not while it waits for the
 * server itself: a handler that publishes would wait for ever for an acknowledgement that nobody reads.
 */

import type { ClientSession } from "../../session/client-session.js";
import type { Connector } from "../connecting/connector.js";

export class Reading {
  private full = false;
  private stopped = false;

  constructor(
    private readonly session: Pick<ClientSession, "awaitsServer">,
    private readonly connector: Pick<Connector, "setPaused">,
  ) {}

  get isWanted(): boolean {
    return !this.full;
  }

  /** The inbox is at its bound: reading should stop if it can. Or it has shrunk, and reading may go on. */
  setFull(full: boolean): void {
    this.full = full;
    this.update();
  }

  /** What the client waits for may be another thing now. */
  update(): void {
    const stop = this.full && !this.session.awaitsServer;
    if (stop === this.stopped) return;
    this.stopped = stop;
    this.connector.setPaused(stop);
  }
}
