/** Short checks of topic names and topic filters. `topic` also reports which rule is broken, and where. */

/** [MQTT-4.7.3-1, MQTT-3.3.2-2] */
export function isTopicName(topic: string): boolean {
  return /^[^+#]+$/s.test(topic);
}

/** [MQTT-4.7.1-2, MQTT-4.7.1-3]; `$share/NAME/FILTER` too [MQTT5-4.8.2-1, 4.8.2-2]. */
export function isTopicFilter(filter: string): boolean {
  return filter.length < 65_536 && /^(?!$|\$share\/(?![^+#/]+\/.))(([^+#/]*|\+)\/)*([^+#/]*|\+|#)$/s.test(filter);
}

export function isShared(filter: string): boolean {
  return filter.startsWith("$share/");
}

/**
 * Returns a function that tells which topic names a valid filter matches [MQTT-4.7.1-2, 4.7.1-3, 4.7.2-1]. Not a
 * RegExp: engines reject very long ones.
 */
export function matcherOf(topicFilter: string): (topic: string) => boolean {
  const levels = topicFilter.replace(/^\$share\/[^/]*\//, "").split("/");
  return (topic) => {
    const names = topic.split("/", levels.length + 1); // splits only as many levels as are compared
    return (
      (names.length <= levels.length || topicFilter.endsWith("#")) &&
      levels.every(
        (level, i) =>
          level === names[i] ||
          // "a/#" matches "a"
          ((level === "#" || (level === "+" && i < names.length)) && (i > 0 || topic[0] !== "$")),
      )
    );
  };
}
