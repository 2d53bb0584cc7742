// @ts-check
// Files of access: an acl_file and a password file of mosquitto. Both are text from an administrator, and names in rules
// come from clients.
import { topicFilterMatches } from "@aiko/mqtt/topic";
import { parseMosquittoAcl, parsePasswordFile, Rules } from "@aiko/mqtt-broker/service";

const WORDS = [
  "user ",
  "topic ",
  "pattern ",
  "read ",
  "write ",
  "readwrite ",
  "deny ",
  "%u",
  "%c",
  "+",
  "#",
  "/",
  "\n",
  "$",
  "$scrypt$ln=4,r=8,p=1$",
  ":$7$101$c2FsdA$",
];

/** Text whose bytes stand for words of both files, and for themselves. @param {Uint8Array} food */
function textOf(food) {
  return Array.from(food, (byte) => (byte < 0x80 ? String.fromCharCode(byte) : WORDS[byte & 15])).join("");
}

const TOPICS = ["a", "a/b", "u/c", "$SYS/a", "/"];
const FILTERS = ["#", "+/b", "a/#", "$SYS/#", "$share/g/a/+", "$share/g"];
const NAMES = ["a", "u", "c", "+", "#", "a/b", "$SYS", "%u", ""];

/**
 * Each text becomes rules that decide, or problems with their lines. A decision names its rule, which is a denial if one
 * matches. A client that may receive a message by a rule may also subscribe to its topic, unless that is denied.
 *
 * @type {import("./targets.js").Target}
 */
export function access(food) {
  const text = textOf(food);
  const { rules, problems } = parseMosquittoAcl(text, "acl");
  for (const problem of problems) assertProblem(problem, "acl");
  if (problems.length === 0) decideBy(new Rules(rules));
  const passwords = parsePasswordFile(text, "passwords");
  for (const problem of passwords.problems) assertProblem(problem, "passwords");
  for (const [name, { hash, salt }] of passwords.users)
    if (name === "" || hash.length < 16 || salt.length < 1) throw new Error("a user without a password");
}

/** @param {string} problem @param {string} file */
function assertProblem(problem, file) {
  if (!new RegExp(`^${file}:[1-9][0-9]*: `).test(problem)) throw new Error(`a problem without its line: ${problem}`);
}

/** @param {Rules} rules */
function decideBy(rules) {
  if (rules.settings.length === 0) throw new Error("a file without rules allows everything");
  for (const [i, clientId] of NAMES.entries()) {
    const client = { clientId, identity: NAMES[(i * 4) % NAMES.length] };
    for (const topic of TOPICS) {
      const { allowed, rule } = rules.decide("read", client, topic);
      if (allowed !== (rule?.effect === "allow")) throw new Error("a decision that its rule did not make");
      if (allowed && rule?.topics.every((each) => !each.includes("%") && !topicFilterMatches(each, topic)))
        throw new Error("a rule that does not match");
      if (rules.isReadableByAll(topic) && !allowed) throw new Error(`${topic} is not readable by all`);
      if (allowed && !rules.decide("subscribe", client, topic).allowed)
        throw new Error(`${topic} may be read, and not be subscribed to`);
      rules.decide("write", client, topic);
    }
    for (const filter of FILTERS) rules.decide("subscribe", client, filter);
  }
}

/** @returns {Uint8Array[]} */
export function accessSeeds() {
  const texts = [
    "topic read $SYS/#\nuser roger\ntopic foo/bar\npattern write $SYS/broker/connection/%c/state",
    "user ann\ntopic readwrite a/#\ntopic deny a/b\n",
    "pattern deny %u/#\npattern read +/%c\n# comment\n",
    `ann:$7$101$c2FsdA$${"A".repeat(86)}\nbob:$scrypt$ln=15,r=8,p=1$c2FsdA$${"A".repeat(43)}\n`,
    `# users\nann:$6$c2FsdA$${"A".repeat(86)}\n\nbob:plain\n`,
  ];
  return texts.map((text) => Buffer.from(text));
}
