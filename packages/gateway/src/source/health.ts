/** Whether a source is up, as the status and the log show it: one line a change, not one a try. Opens nothing. */

import type { Log } from "@aiko/mqtt-configuration";
import type { SourceCondition, SourceState, SourceStatus } from "./source.js";

export class Health {
  isUp = false;
  /** How often it was up again. */
  private reopens = 0;
  private lastError: string | undefined;
  private url: string | undefined;
  private wasUp = false;

  constructor(
    private readonly source: string,
    private readonly log: Log,
    private readonly changed: (condition: SourceCondition) => void,
  ) {}

  /** @param url where it is up */
  up(url: string | undefined): void {
    if (this.isUp) return;
    if (this.wasUp) this.reopens++;
    this.isUp = true;
    this.wasUp = true;
    this.url = url;
    this.lastError = undefined;
    this.log.info("the source is up", { source: this.source, url });
    this.changed("up");
  }

  /** It is down, or stays down. */
  down(why: string): void {
    const facts = { source: this.source, error: why };
    if (this.isUp || this.lastError === undefined) this.log.warn("the source is down; it is tried again", facts);
    else this.log.debug("the source is still down", facts);
    // What was up is lost; what was not could not be opened.
    this.changed(this.isUp ? "down" : "error");
    this.isUp = false;
    this.url = undefined;
    this.lastError = why;
  }

  /** It was closed on purpose. */
  closed(): void {
    this.isUp = false;
    this.url = undefined;
    this.changed("down");
  }

  status(connections: number, state: SourceState = this.isUp ? "up" : "down"): SourceStatus {
    const { reopens, lastError, url } = this;
    return { state, connections, reopens, lastError, url };
  }
}
