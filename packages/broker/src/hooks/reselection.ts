/**
 * Passes a message that a member of shared subscriptions must not receive to another member. Each member is asked once
 * for a message.
 */

import type { KnownClient } from "../clients/known-client.js";
import type { PublishedMessage, SharedMessage } from "../messages/published-message.js";
import type { Router } from "../messages/router.js";

export class Reselection {
  private readonly tried = new WeakMap<PublishedMessage, Set<KnownClient>>();
  /** Messages to pass on. A refusal may cause the next one, so they are not handled within each other. */
  private due: SharedMessage[] = [];
  private isPassing = false;

  constructor(private readonly router: Pick<Router, "transfer">) {}

  passOn(refused: KnownClient, message: PublishedMessage, sharedFilters: readonly string[]): void {
    const tried = this.tried.get(message) ?? new Set();
    this.tried.set(message, tried.add(refused));
    this.due.push({ message, sharedFilters });
    if (this.isPassing) return;
    this.isPassing = true;
    for (let next = this.due.shift(); next !== undefined; next = this.due.shift())
      this.router.transfer(next, this.tried.get(next.message));
    this.isPassing = false;
  }
}
