/**
 * The topic aliases that this side sets on one network connection [MQTT5 3.3.2.3.4]. A topic name gets an alias when it
 * is published for the second time, if the peer's topicAliasMaximum allows another one. It keeps the alias until the
 * connection ends. Topics that are published once use no alias, and no alias is ever reassigned.
 */

/** A shorter name saves nothing: the alias itself takes three bytes. */
const WORTHWHILE = 6;
/** How many names that were published once are remembered. */
const REMEMBERED = 1_000;

export class OutgoingTopicAliases {
  private readonly aliases = new Map<string, number>();
  private readonly seen = new Set<string>();

  /** @param maximum the maximum that the peer announced; 0 for none */
  constructor(private readonly maximum: number) {}

  /**
   * Returns aliases for a connection whose peer allows this many. Connections without aliases, the most common case,
   * share one object.
   */
  static upTo(maximum: number): OutgoingTopicAliases {
    return maximum === 0 ? NONE : new OutgoingTopicAliases(maximum);
  }

  /**
   * Returns 0 for no alias. Above 0: set this alias along with the name. Below 0: the peer knows this alias, negated;
   * omit the name.
   */
  aliasFor(topic: string): number {
    if (this.maximum === 0 || topic.length < WORTHWHILE) return 0;
    const known = this.aliases.get(topic);
    if (known !== undefined) return -known;
    if (this.aliases.size >= this.maximum || this.isFirst(topic)) return 0;
    const alias = this.aliases.size + 1;
    this.aliases.set(topic, alias);
    return alias;
  }

  /** Called if the packet with a new alias was not sent. Only the last new alias can be revoked. */
  forget(topic: string): void {
    this.aliases.delete(topic);
  }

  /** Returns whether a topic must wait for its next publication. Remembers it. */
  protected isFirst(topic: string): boolean {
    if (this.seen.delete(topic)) return false;
    if (this.seen.size >= REMEMBERED) this.seen.clear();
    this.seen.add(topic);
    return true;
  }
}

/** Never changed. */
const NONE = new OutgoingTopicAliases(0);
