/** The gateway's servers, and whether one is connected, for sources that depend on it. Outlives uplinks, which a reload replaces. */

import type { UplinkSettings } from "../configuration/configuration.js";

type Listener = (isConnected: boolean) => void;

export class ServerLink {
  isConnected = false;
  private readonly listeners = new Set<Listener>();

  /** @param uplinks the servers, the preferred one first */
  constructor(public uplinks: readonly UplinkSettings[]) {}

  changed(isConnected: boolean): void {
    if (isConnected === this.isConnected) return;
    this.isConnected = isConnected;
    for (const listener of [...this.listeners]) listener(isConnected);
  }

  /** Registers a listener. Returns a function that removes it. */
  onChange(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
