/**
 * The topic aliases that this side sets on one network connection [MQTT5 3.3.2.3.4]. The policy: a topic name gets an alias when
 * it is published for the second time, as long as the peer's topicAliasMaximum leaves one, and keeps it while the connection
 * lasts. Topics that are published once cost nothing, and nothing is ever renamed.
 */

/** A name so short saves nothing: the alias itself takes three bytes. */
const WORTHWHILE = 6;
/** How many names that came once are remembered. */
const REMEMBERED = 1_000;

/** Of connections without aliases, which most are: nothing is ever put in. */
const NO_ALIASES = new Map<string, number>();
const NO_NAMES = new Set<string>();

export class OutgoingTopicAliases {
  private readonly aliases: Map<string, number>;
  private readonly seen: Set<string>;

  /** @param maximum what the peer announced; 0 for none */
  constructor(private readonly maximum: number) {
    this.aliases = maximum === 0 ? NO_ALIASES : new Map();
    this.seen = maximum === 0 ? NO_NAMES : new Set();
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
