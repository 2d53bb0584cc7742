/** Which topics a bridge carries, and their names on the other side. Pure. */

import type { QoS } from "@aiko/mqtt";
import { topicFilterMatches } from "@aiko/mqtt/topic";

/** A topic filter that a bridge carries. */
export interface BridgeTopic {
  /** The topic filter, without the prefixes. May be empty if both prefixes are set: one topic gets another name. */
  readonly filter: string;
  /** "out": from the broker to the server; "in": from the server to the broker; or "both". */
  readonly direction: "in" | "out" | "both";
  /** The highest QoS on both sides. */
  readonly qos: QoS;
  /** What precedes the filter in the broker, such as "house/". May be empty. */
  readonly localPrefix: string;
  /** What precedes the filter at the server. May be empty. */
  readonly remotePrefix: string;
}

/** One direction of a bridge. */
export interface Route {
  /** The topic filters to subscribe to on the side where messages come from. */
  readonly topicFilters: readonly string[];
  /** The highest QoS of its topics. */
  readonly qos: QoS;
  /** Returns what a message is called on the other side, and its highest QoS. Undefined if the bridge does not carry it. */
  find(topic: string): { readonly topic: string; readonly qos: QoS } | undefined;
}

export function routeOf(topics: readonly BridgeTopic[], direction: "in" | "out"): Route {
  const entries = topics
    .filter((each) => each.direction === direction || each.direction === "both")
    .map(({ filter, qos, localPrefix, remotePrefix }) => {
      const [from, to] = direction === "out" ? [localPrefix, remotePrefix] : [remotePrefix, localPrefix];
      return { topicFilter: from + filter, from, to, qos };
    });
  return {
    topicFilters: [...new Set(entries.map(({ topicFilter }) => topicFilter))],
    qos: entries.reduce<QoS>((most, { qos }) => (qos > most ? qos : most), 0),
    find(topic) {
      const entry = entries.find(({ topicFilter }) => topicFilterMatches(topicFilter, topic));
      if (entry === undefined) return undefined;
      return { topic: entry.to + topic.slice(entry.from.length), qos: entry.qos };
    },
  };
}
