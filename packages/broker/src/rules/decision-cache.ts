/** The latest decisions about topics, for each client. Limited by its approximate memory. Knows nothing of rules. */

import type { RuledClient } from "./placeholders.js";

/** In bytes, for all clients. Beyond that, all decisions are discarded. */
const MAXIMUM_BYTES = 8_388_608;
/** Topics with more characters are not kept. */
const LONGEST_TOPIC = 256;
/** The memory of an entry without its topic. */
const ENTRY = 96;

/** The decisions about one client. They are void if its identity has changed. */
interface OfClient<Decision> {
  readonly identity: string | undefined;
  readonly byTopic: Map<string, Decision>;
}

export class DecisionCache<Decision extends object> {
  private byClient = new WeakMap<RuledClient, OfClient<Decision>>();
  private bytes = 0;

  get(client: RuledClient, topic: string): Decision | undefined {
    const known = this.byClient.get(client);
    return known === undefined || known.identity !== client.identity ? undefined : known.byTopic.get(topic);
  }

  add(client: RuledClient, topic: string, decision: Decision): void {
    if (topic.length > LONGEST_TOPIC) return;
    this.bytes += ENTRY + topic.length;
    if (this.bytes > MAXIMUM_BYTES) {
      this.byClient = new WeakMap();
      this.bytes = ENTRY + topic.length;
    }
    const { identity } = client;
    let known = this.byClient.get(client);
    if (known === undefined || known.identity !== identity) {
      known = { identity, byTopic: new Map() };
      this.byClient.set(client, known);
    }
    known.byTopic.set(topic, decision);
  }
}
