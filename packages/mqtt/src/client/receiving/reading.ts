/**
 * Whether the client reads from the network. If the inbox is full, it stops reading, so that the server has to wait. It
 * does not stop while it waits for the server: a handler that publishes would otherwise wait forever for an
 * acknowledgement that the client does not read.
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

  /**
   * Called when the inbox has reached its bound, so that reading should stop if possible; or when it has shrunk, so
   * that reading may resume.
   */
  setFull(full: boolean): void {
    this.full = full;
    this.update();
  }

  /** Called when the set of pending answers may have changed. */
  update(): void {
    const stop = this.full && !this.session.awaitsServer;
    if (stop === this.stopped) return;
    this.stopped = stop;
    this.connector.setPaused(stop);
  }
}
