/**
 * The placeholders `%u` and `%c` in the topics of rules: whether a topic has them, and what it becomes for a client.
 * Knows nothing of rules and decisions.
 */

/** Who a client is, for rules. A `BrokerClient` is one. */
export interface RuledClient {
  /** The client identifier. */
  readonly clientId: string;
  /** The user, as `authenticate` identified it. Undefined if the client has no identity. */
  readonly identity: string | undefined;
  /** The name or the URL of its listener. Undefined: only rules for all listeners hold. */
  readonly listener?: string | undefined;
}

export function hasPlaceholder(topic: string): boolean {
  return topic.includes("%u") || topic.includes("%c");
}

/**
 * Replaces levels with a placeholder by "+": the result matches whatever the topic matches for any client, and possibly
 * more.
 */
export function widened(topic: string): string {
  return topic
    .split("/")
    .map((level) => (hasPlaceholder(level) ? "+" : level))
    .join("/");
}

/**
 * Replaces the placeholders by the names of a client. Returns undefined if a name must not be inserted: it is empty or
 * absent, it contains a wildcard or a separator, or the topic would begin with "$" because of it.
 */
export function substituted(topic: string, client: RuledClient): string | undefined {
  let result = "";
  let from = 0;
  for (let at = topic.indexOf("%"); at >= 0; at = topic.indexOf("%", from)) {
    const letter = topic[at + 1];
    if (letter === "u" || letter === "c") {
      const name = letter === "u" ? client.identity : client.clientId;
      if (name === undefined || !isInsertable(name)) return undefined;
      result += topic.slice(from, at) + name;
      from = at + 2;
    } else {
      result += topic.slice(from, at + 1);
      from = at + 1;
    }
  }
  result += topic.slice(from);
  return result.startsWith("$") && !topic.startsWith("$") ? undefined : result;
}

function isInsertable(name: string): boolean {
  return name !== "" && !name.includes("+") && !name.includes("#") && !name.includes("/");
}
