/** The predefined topics of one client [SN 3, 6.7]: those of all clients, and those that match its identifier. */

import { matchesClient } from "./client-pattern.js";
import type { PredefinedFor, PredefinedNames } from "./sn-settings.js";

export class PredefinedTopics {
  private readonly ids = new Map<string, number>();

  private constructor(private readonly names: ReadonlyMap<number, string>) {
    for (const [id, name] of names) if (!this.ids.has(name)) this.ids.set(name, id);
  }

  /** Returns the topics of each client. Clients without topics of their own share one object. */
  static of(
    common: PredefinedNames,
    special: readonly PredefinedFor[],
  ): { readonly all: PredefinedTopics; for(clientId: string): PredefinedTopics } {
    const all = new PredefinedTopics(new Map(common));
    const made = special.map(({ clientId, topics }) => ({
      clientId,
      predefined: new PredefinedTopics(new Map([...common, ...topics])),
    }));
    return {
      all,
      for: (clientId) => made.find((each) => matchesClient(each.clientId, clientId))?.predefined ?? all,
    };
  }

  nameOf(id: number): string | undefined {
    return this.names.get(id);
  }

  idOf(name: string): number | undefined {
    return this.ids.get(name);
  }
}
