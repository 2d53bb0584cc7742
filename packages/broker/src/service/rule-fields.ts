/** The section [[rule]]: who may do what. Decides nothing. */

import {
  choice,
  type Kind,
  oneOrMore,
  optional,
  quoted,
  required,
  syntax,
  table,
  text,
} from "@aiko/mqtt-configuration";
import { ruleTopicProblem } from "../rules/rule-faults.js";
import type { RuleSettings } from "../rules/rule-settings.js";

const MOST_NAMES = 10_000;

/** A topic filter with %u and %c. */
const pattern: Kind<string> = syntax({
  label: "topic filter",
  rule: 'must be a topic filter, such as "sensors/#" or "home/%u/+"',
  read(value, place) {
    const problem = ruleTopicProblem(value);
    return problem === undefined ? value : place.problem(`${quoted(value)}: ${problem}`);
  },
});

const actions = oneOrMore(choice("read", "write", "subscribe"), 3);

export const rule: Kind<RuleSettings> = table({
  title: "[[rule]]",
  about:
    "Who may do what. If there is any rule, what no rule allows is denied, and a rule that denies wins over one that allows. `read` is receiving messages, `write` is publishing, and `subscribe` is subscribing.",
  fields: {
    users: optional(
      oneOrMore(text(0, 65_535), MOST_NAMES),
      'The users that the rule is for. `""` stands for clients without a verified user. Default: every client.',
    ),
    clients: optional(
      oneOrMore(text(1, 65_535), MOST_NAMES),
      "The client identifiers that the rule is for. Default: every client.",
    ),
    allow: optional(actions, "What the rule allows. Write either `allow` or `deny`."),
    deny: optional(actions, "What the rule denies."),
    topics: required(
      oneOrMore(pattern, MOST_NAMES),
      "Topic filters. `%u` stands for the user name, and `%c` for the client identifier. They match no name that contains `+`, `#` or `/`.",
    ),
  },
  check({ values: { allow, deny }, wrong, place }) {
    if (allow !== undefined && deny !== undefined)
      place.at("deny").problem("cannot be combined with allow; write two rules");
    if (allow === undefined && deny === undefined && !wrong.has("allow") && !wrong.has("deny"))
      place.problem('requires allow or deny, such as allow = ["read", "subscribe"]');
  },
  build: ({ users, clients, allow, deny, topics }, place) => ({
    origin: place.origin,
    users,
    clients,
    effect: allow === undefined ? "deny" : "allow",
    actions: new Set(allow ?? deny),
    topics,
  }),
});
