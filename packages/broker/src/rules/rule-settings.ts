/** One rule of a configuration, as written. Knows nothing of clients or of how rules are decided. */

/** What a rule allows or denies. `docs/broker/rules.md` describes each action. */
export type RuleAction = "read" | "write" | "subscribe";

/** A rule about topics, for some clients or for all. */
export interface RuleSettings {
  /** Where the rule was written, such as "broker.toml:12". Decisions name it. */
  readonly origin: string;
  /**
   * The users that the rule is for, as `authenticate` identified them. The name "" stands for clients without an
   * identity. Undefined: every client.
   */
  readonly users: readonly string[] | undefined;
  /** The client identifiers that the rule is for. Undefined: every client. */
  readonly clients: readonly string[] | undefined;
  /**
   * The names, or the URLs, of the listeners for whose clients the rule is. Default: all of them. A listener has no
   * rules, and so allows everything, if each rule is for other listeners.
   */
  readonly listeners?: readonly string[] | undefined;
  /** A rule that denies wins over rules that allow, whatever their order. */
  readonly effect: "allow" | "deny";
  /** What is allowed or denied. */
  readonly actions: ReadonlySet<RuleAction>;
  /**
   * Topic filters. `%u` stands for the user and `%c` for the client identifier, as a whole level or as a part of one. A
   * name that is empty, absent, or contains `+`, `#` or `/` never matches.
   */
  readonly topics: readonly string[];
}
