/**
 * The topic aliases that this side sets on one network connection [MQTT5 3.3.2.3.4]. The policy: a topic name gets an alias when
 * it is published for the second time, as long as the peer's topicAliasMaximum leaves one, and keeps it while the connection
 * lasts. Topics that are published once cost nothing, and nothing is ever renamed.
 */

/** A name so short saves nothing: the alias itself takes three bytes. */
const WORTHWHILE = 6;
/** How many names that came once are remembered. */
const REMEMBERED = 1_000;

export class OutgoingTopicAliases {
  private readonly aliases = new Map<string, number>();
  private readonly seen = new Set<string>();

  /** @param maximum what the peer announced; 0 for none */
  constructor(private readonly maximum: number) {}

  /** For a connection whose peer allows this many aliases. Connections without aliases, the most common case, share one object. */
  static upTo(maximum: number): OutgoingTopicAliases {
    return maximum === 0 ? NONE : new OutgoingTopicAliases(maximum);
  }

  /** 0: none. Above 0: set this alias along with the name. Below 0: the peer knows this alias, negated; leave the name out. */
  aliasFor(topic: string): number {
    if (this.maximum === 0 || topic.length < WORTHWHILE) return 0;
    const known = this.aliases.get(topic);
    if (known !== undefined) return -known;
    if (this.aliases.size >= this.maximum) return 0;
    if (this.seen.has(topic)) {
      this.seen.delete(topic);
      const alias = this.aliases.size + 1;
      this.aliases.set(topic, alias);
      return alias;
    }
    if (this.seen.size >= REMEMBERED) this.seen.clear();
    this.seen.add(topic);
    return 0;
  }

  /** The packet that was to set the alias was not sent. Only the last alias set can be taken back. */
  forget(topic: string): void {
    this.aliases.delete(topic);
  }
}

/** Nothing is ever put in. */
const NONE = new OutgoingTopicAliases(0);
