/** Reads the text of mosquitto's `acl_file` into rules. Opens no file. */

import { hasPlaceholder } from "./placeholders.js";
import { ruleTopicProblem } from "./rule-faults.js";
import type { RuleAction, RuleSettings } from "./rule-settings.js";

/** What an `acl_file` contains. */
export interface MosquittoAcl {
  /** Its rules, each with the name of the file and its line as the origin. Never empty if there are no problems. */
  readonly rules: readonly RuleSettings[];
  /** What is wrong, one text for each line, such as "acl:3: …". Do not use the rules unless it is empty. */
  readonly problems: readonly string[];
}

type Access = Pick<RuleSettings, "effect" | "actions">;

const READ_WRITE: ReadonlySet<RuleAction> = new Set(["read", "write"]);
const accesses: ReadonlyMap<string, Access> = new Map([
  ["read", { effect: "allow", actions: new Set<RuleAction>(["read"]) }],
  ["write", { effect: "allow", actions: new Set<RuleAction>(["write"]) }],
  ["readwrite", { effect: "allow", actions: READ_WRITE }],
  ["deny", { effect: "deny", actions: READ_WRITE }],
]);
/** Of lines that name none. */
const USUAL: Access = { effect: "allow", actions: READ_WRITE };

/** Clients without a user name, for which the lines before the first "user" are. */
const ANONYMOUS = [""];

/**
 * Reads the text of an `acl_file` of mosquitto. A file without rules denies everything, as mosquitto does: it becomes one
 * rule that denies.
 *
 * @param name the name of the file, for origins and problems
 * @example parseMosquittoAcl("user ann\ntopic read sensors/#", "acl").rules[0]?.origin // "acl:2"
 */
export function parseMosquittoAcl(text: string, name: string): MosquittoAcl {
  const rules: RuleSettings[] = [];
  const problems: string[] = [];
  let users: readonly string[] = ANONYMOUS;
  const lines = text.replace(/^\ufeff/, "").split("\n");
  for (const [i, each] of lines.entries()) {
    const line = each.trim();
    if (line === "" || line.startsWith("#")) continue;
    const origin = `${name}:${i + 1}`;
    const [keyword, rest] = firstWord(line);
    if (keyword === "user") {
      if (rest === "") problems.push(`${origin}: user: the name is missing`);
      users = [rest];
    } else if (keyword === "topic" || keyword === "pattern") {
      const { topic, access } = accessed(rest);
      const problem =
        access === undefined
          ? "an access of read, write, readwrite or deny must come before a topic with spaces"
          : topicProblem(keyword, topic);
      if (problem !== undefined) problems.push(`${origin}: ${keyword} ${JSON.stringify(rest)}: ${problem}`);
      const subject = { users: keyword === "topic" ? users : undefined, clients: undefined };
      rules.push({ origin, ...subject, ...(access ?? USUAL), topics: [topic] });
    } else {
      problems.push(`${origin}: ${JSON.stringify(keyword)} is unknown; a line begins with user, topic, pattern or #`);
    }
  }
  return { rules: rules.length === 0 ? [denyAll(name)] : rules, problems };
}

function firstWord(text: string): readonly [word: string, rest: string] {
  const end = text.search(/[ \t]/);
  return end < 0 ? [text, ""] : [text.slice(0, end), text.slice(end).trim()];
}

/** A topic that contains a space must follow an access, so that a misspelt access is found. */
function accessed(rest: string): { readonly topic: string; readonly access: Access | undefined } {
  const [word, topic] = firstWord(rest);
  return topic === "" ? { topic: rest, access: USUAL } : { topic, access: accesses.get(word) };
}

function topicProblem(keyword: "topic" | "pattern", topic: string): string | undefined {
  if (topic === "") return "the topic is missing";
  if (keyword === "topic" && hasPlaceholder(topic))
    return "placeholders are only replaced in lines that begin with pattern";
  return ruleTopicProblem(topic);
}

/** A rule that is without effect, except that there is a rule: what no rule allows is denied. */
function denyAll(name: string): RuleSettings {
  const actions = new Set<RuleAction>(["read", "write", "subscribe"]);
  return { origin: `${name}:1`, users: undefined, clients: undefined, effect: "deny", actions, topics: ["#"] };
}
