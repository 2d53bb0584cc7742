// The cases of rules: what mosquitto's documentation promises, and the holes that access rules elsewhere have had. Data
// only: rule-cases.test.ts drives each through a broker.
import type { RuleAction, RuleSettings } from "../../src/rules/rule-settings.ts";

/** What the client does, and what is looked at. */
export type Deed =
  /** It subscribes to `by`, and a message of this topic is published: whether it receives the message. */
  | { readonly reads: string; readonly by: string }
  /** The same with a message that was retained before. */
  | { readonly retained: string; readonly by: string }
  /** It publishes a message of this topic: whether others receive it. */
  | { readonly writes: string; readonly version?: 4 | 5; readonly qos?: 0 | 1 | 2 }
  /** Its connection is lost: whether others receive its will. */
  | { readonly wills: string }
  /** Whether the subscription is granted. */
  | { readonly subscribes: string };

export interface RuleCase {
  readonly title: string;
  /** Where the case comes from. */
  readonly from: string;
  /** The text of an acl_file, or rules. */
  readonly rules: string | readonly RuleSettings[];
  /** Default: none. */
  readonly user?: string;
  /** Default "c". */
  readonly clientId?: string;
  readonly does: Deed;
  readonly allowed: boolean;
}

/** A rule in short: "allow read,write a/# b". */
function rule(text: string, users?: readonly string[], clients?: readonly string[]): RuleSettings {
  const [effect, actions = "", ...topics] = text.split(" ");
  const list = actions.split(",") as RuleAction[];
  return { origin: text, users, clients, effect: effect as RuleSettings["effect"], actions: new Set(list), topics };
}

const MANUAL = "mosquitto.conf(5), acl_file";
const CHANGES = "mosquitto, ChangeLog";
const NAMES = "CVE-2017-7650";
const OURS = "docs/broker/rules.md";
const MQTT = "MQTT 4.7";

const SECRET = "topic readwrite foo/#\ntopic deny foo/secret/#";

export const ruleCases: readonly RuleCase[] = [
  {
    title: "read allows to receive",
    from: MANUAL,
    rules: "topic read a",
    does: { reads: "a", by: "a" },
    allowed: true,
  },
  {
    title: "read does not allow to publish",
    from: MANUAL,
    rules: "topic read a",
    does: { writes: "a" },
    allowed: false,
  },
  { title: "write allows to publish", from: MANUAL, rules: "topic write a", does: { writes: "a" }, allowed: true },
  {
    title: "write does not allow to receive",
    from: MANUAL,
    rules: "topic write a",
    does: { reads: "a", by: "#" },
    allowed: false,
  },
  {
    title: "readwrite allows to receive",
    from: MANUAL,
    rules: "topic readwrite a",
    does: { reads: "a", by: "a" },
    allowed: true,
  },
  {
    title: "readwrite allows to publish",
    from: MANUAL,
    rules: "topic readwrite a",
    does: { writes: "a" },
    allowed: true,
  },
  {
    title: "no access means both, to receive",
    from: MANUAL,
    rules: "topic a",
    does: { reads: "a", by: "a" },
    allowed: true,
  },
  { title: "no access means both, to publish", from: MANUAL, rules: "topic a", does: { writes: "a" }, allowed: true },
  {
    title: "what is not listed is denied, to receive",
    from: MANUAL,
    rules: "topic a",
    does: { reads: "b", by: "#" },
    allowed: false,
  },
  {
    title: "what is not listed is denied, to publish",
    from: MANUAL,
    rules: "topic a",
    does: { writes: "b" },
    allowed: false,
  },
  {
    title: "deny wins over a broader grant, to receive",
    from: MANUAL,
    rules: SECRET,
    does: { reads: "foo/secret/x", by: "foo/#" },
    allowed: false,
  },
  {
    title: "deny wins over a broader grant, to publish",
    from: MANUAL,
    rules: SECRET,
    does: { writes: "foo/secret/x" },
    allowed: false,
  },
  {
    title: "the rest of a grant stays",
    from: MANUAL,
    rules: SECRET,
    does: { reads: "foo/open", by: "foo/#" },
    allowed: true,
  },
  {
    title: "deny wins, if it comes first, too",
    from: MANUAL,
    rules: "topic deny foo/x\ntopic foo/#",
    does: { writes: "foo/x" },
    allowed: false,
  },
  {
    title: "deny of a filter with # includes its parent",
    from: MANUAL,
    rules: SECRET,
    does: { writes: "foo/secret" },
    allowed: false,
  },
  { title: "+ stands for one level", from: MANUAL, rules: "topic a/+/c", does: { writes: "a/b/c" }, allowed: true },
  {
    title: "+ does not stand for two levels",
    from: MANUAL,
    rules: "topic a/+/c",
    does: { writes: "a/b/b/c" },
    allowed: false,
  },
  {
    title: "# stands for all levels below",
    from: MANUAL,
    rules: "topic a/#",
    does: { writes: "a/b/c" },
    allowed: true,
  },
  { title: "# includes the parent", from: MANUAL, rules: "topic a/#", does: { writes: "a" }, allowed: true },
  { title: "# does not include a neighbour", from: MANUAL, rules: "topic a/#", does: { writes: "ab" }, allowed: false },
  {
    title: "the first topics are for anonymous clients",
    from: MANUAL,
    rules: "topic a\nuser ann\ntopic b",
    does: { writes: "a" },
    allowed: true,
  },
  {
    title: "the first topics are not for users",
    from: MANUAL,
    rules: "topic a\nuser ann\ntopic b",
    user: "ann",
    does: { writes: "a" },
    allowed: false,
  },
  {
    title: "the topics of a user are not for anonymous clients",
    from: MANUAL,
    rules: "topic a\nuser ann\ntopic b",
    does: { writes: "b" },
    allowed: false,
  },
  {
    title: "the topics of a user are for that user",
    from: MANUAL,
    rules: "topic a\nuser ann\ntopic b",
    user: "ann",
    does: { writes: "b" },
    allowed: true,
  },
  {
    title: "the topics of a user are not for another one",
    from: MANUAL,
    rules: "user ann\ntopic b",
    user: "bob",
    does: { writes: "b" },
    allowed: false,
  },
  {
    title: "a user is not a client identifier",
    from: MANUAL,
    rules: "user ann\ntopic b",
    clientId: "ann",
    does: { writes: "b" },
    allowed: false,
  },
  {
    title: "the same user may occur twice",
    from: MANUAL,
    rules: "user ann\ntopic a\nuser bob\nuser ann\ntopic b",
    user: "ann",
    does: { writes: "b" },
    allowed: true,
  },
  {
    title: "%u is the user",
    from: MANUAL,
    rules: "pattern write sensor/%u/data",
    user: "ann",
    does: { writes: "sensor/ann/data" },
    allowed: true,
  },
  {
    title: "%u is no other user",
    from: MANUAL,
    rules: "pattern write sensor/%u/data",
    user: "ann",
    does: { writes: "sensor/bob/data" },
    allowed: false,
  },
  {
    title: "a pattern to write does not allow to receive",
    from: MANUAL,
    rules: "pattern write sensor/%u/data",
    user: "ann",
    does: { reads: "sensor/ann/data", by: "sensor/#" },
    allowed: false,
  },
  {
    title: "%c is the client identifier",
    from: MANUAL,
    rules: "pattern write c/%c",
    clientId: "x1",
    does: { writes: "c/x1" },
    allowed: true,
  },
  {
    title: "%c is no other client identifier",
    from: MANUAL,
    rules: "pattern write c/%c",
    clientId: "x1",
    does: { writes: "c/x2" },
    allowed: false,
  },
  {
    title: "a pattern after a user is for all",
    from: MANUAL,
    rules: "user ann\ntopic a\npattern write p/%c",
    user: "bob",
    does: { writes: "p/c" },
    allowed: true,
  },
  {
    title: "deny in a pattern wins over a topic",
    from: OURS,
    rules: "user ann\ntopic a/#\npattern deny a/%u",
    user: "ann",
    does: { writes: "a/ann" },
    allowed: false,
  },
  {
    title: "a pattern without placeholders holds for every name",
    from: OURS,
    rules: "pattern write a",
    clientId: "+",
    does: { writes: "a" },
    allowed: true,
  },
  {
    title: "a comment is not a rule",
    from: MANUAL,
    rules: "# topic b\ntopic a",
    does: { writes: "b" },
    allowed: false,
  },
  {
    title: "an empty file denies everything",
    from: "CVE-2018-12550",
    rules: "",
    does: { writes: "a" },
    allowed: false,
  },
  {
    title: "a file of comments denies everything",
    from: "CVE-2018-12550",
    rules: "# nothing\n\n",
    does: { reads: "a", by: "#" },
    allowed: false,
  },
  {
    title: "an empty file denies $SYS",
    from: "CVE-2018-12550",
    rules: "",
    does: { reads: "$SYS/x", by: "$SYS/#" },
    allowed: false,
  },
  {
    title: "patterns alone deny the rest",
    from: CHANGES,
    rules: "pattern write p/%c",
    does: { writes: "a" },
    allowed: false,
  },
  {
    title: "# does not grant $SYS",
    from: CHANGES,
    rules: "topic #",
    does: { reads: "$SYS/x", by: "$SYS/#" },
    allowed: false,
  },
  {
    title: "$SYS/# grants $SYS",
    from: CHANGES,
    rules: "topic read $SYS/#",
    does: { reads: "$SYS/x", by: "$SYS/#" },
    allowed: true,
  },
  {
    title: "a user's name may contain a space",
    from: CHANGES,
    rules: "user ann b\ntopic a",
    user: "ann b",
    does: { writes: "a" },
    allowed: true,
  },
  {
    title: "a topic may contain a space",
    from: CHANGES,
    rules: "topic write a b",
    does: { writes: "a b" },
    allowed: true,
  },
  {
    title: "%u does not match an anonymous client",
    from: CHANGES,
    rules: "pattern u/%u",
    does: { writes: "u/" },
    allowed: false,
  },
  { title: "wills are checked", from: CHANGES, rules: "topic write a", does: { wills: "b" }, allowed: false },
  {
    title: "wills that are allowed are published",
    from: CHANGES,
    rules: "topic write a",
    does: { wills: "a" },
    allowed: true,
  },
  {
    title: "the user # is not a wildcard, to receive",
    from: NAMES,
    rules: "pattern read u/%u",
    user: "#",
    does: { reads: "u/ann", by: "u/#" },
    allowed: false,
  },
  {
    title: "the user + is not a wildcard, to receive",
    from: NAMES,
    rules: "pattern read u/%u/x",
    user: "+",
    does: { reads: "u/ann/x", by: "u/+/x" },
    allowed: false,
  },
  {
    title: "the user + is not a wildcard, to publish",
    from: NAMES,
    rules: "pattern write u/%u/x",
    user: "+",
    does: { writes: "u/ann/x" },
    allowed: false,
  },
  {
    title: "the client identifier # is not a wildcard",
    from: NAMES,
    rules: "pattern read c/%c",
    clientId: "#",
    does: { reads: "c/x1", by: "c/#" },
    allowed: false,
  },
  {
    title: "the client identifier + is not a wildcard",
    from: NAMES,
    rules: "pattern write c/%c",
    clientId: "+",
    does: { writes: "c/x1" },
    allowed: false,
  },
  {
    title: "a wildcard within a name is not one",
    from: NAMES,
    rules: "pattern read c/%c/#",
    clientId: "a/#",
    does: { reads: "c/a/b", by: "c/#" },
    allowed: false,
  },
  {
    title: "a separator in a name does not add levels",
    from: NAMES,
    rules: "pattern write c/%c",
    clientId: "a/b",
    does: { writes: "c/a/b" },
    allowed: false,
  },
  {
    title: "a name does not reach $SYS",
    from: NAMES,
    rules: "pattern read %c/#",
    clientId: "$SYS",
    does: { reads: "$SYS/x", by: "$SYS/#" },
    allowed: false,
  },
  {
    title: "a placeholder in a name is not replaced",
    from: NAMES,
    rules: "pattern write u/%u",
    user: "%c",
    clientId: "x1",
    does: { writes: "u/x1" },
    allowed: false,
  },
  {
    title: "a shared subscription needs the right of its filter",
    from: OURS,
    rules: "topic read a",
    does: { subscribes: "$share/g/b" },
    allowed: false,
  },
  {
    title: "a shared subscription is granted with the right of its filter",
    from: OURS,
    rules: "topic read a",
    does: { subscribes: "$share/g/a" },
    allowed: true,
  },
  {
    title: "a shared subscription brings what may be read",
    from: OURS,
    rules: SECRET,
    does: { reads: "foo/open", by: "$share/g/foo/#" },
    allowed: true,
  },
  {
    title: "a shared subscription does not bring what is denied",
    from: OURS,
    rules: SECRET,
    does: { reads: "foo/secret/x", by: "$share/g/foo/#" },
    allowed: false,
  },
  {
    title: "a shared subscription does not reach $SYS",
    from: OURS,
    rules: "topic #",
    does: { subscribes: "$share/g/$SYS/#" },
    allowed: false,
  },
  {
    title: "# does not bring $SYS to those who may read it",
    from: MQTT,
    rules: "topic #\ntopic read $SYS/#",
    does: { reads: "$SYS/x", by: "#" },
    allowed: false,
  },
  {
    title: "a retained message is checked",
    from: OURS,
    rules: SECRET,
    does: { retained: "foo/secret/x", by: "#" },
    allowed: false,
  },
  {
    title: "a retained message that may be read is sent",
    from: OURS,
    rules: SECRET,
    does: { retained: "foo/open", by: "#" },
    allowed: true,
  },
  {
    title: "a filter that can bring nothing is refused",
    from: OURS,
    rules: "topic read a/#",
    does: { subscribes: "b/#" },
    allowed: false,
  },
  {
    title: "a filter that is denied as a whole is refused",
    from: OURS,
    rules: SECRET,
    does: { subscribes: "foo/secret/+" },
    allowed: false,
  },
  {
    title: "a filter that is denied in part is granted",
    from: OURS,
    rules: SECRET,
    does: { subscribes: "foo/+/x" },
    allowed: true,
  },
  {
    title: "subscribe allows the filters that it covers",
    from: OURS,
    rules: [rule("allow subscribe a/#")],
    does: { reads: "a/b", by: "a/+" },
    allowed: true,
  },
  {
    title: "subscribe does not allow filters beyond",
    from: OURS,
    rules: [rule("allow subscribe a/#")],
    does: { subscribes: "#" },
    allowed: false,
  },
  {
    title: "a denied subscribe refuses filters that overlap",
    from: OURS,
    rules: [rule("allow read #"), rule("deny subscribe a/b")],
    does: { subscribes: "a/+" },
    allowed: false,
  },
  {
    title: "a rule for a client identifier",
    from: OURS,
    rules: [rule("allow write a", undefined, ["x1"])],
    clientId: "x1",
    does: { writes: "a" },
    allowed: true,
  },
  {
    title: "a rule for a user at one client identifier only",
    from: OURS,
    rules: [rule("allow write a", ["ann"], ["x1"])],
    user: "ann",
    clientId: "x2",
    does: { writes: "a" },
    allowed: false,
  },
  { title: "no rules allow everything", from: OURS, rules: [], does: { writes: "a" }, allowed: true },
  { title: "topics differ in case", from: MQTT, rules: "topic a", does: { writes: "A" }, allowed: false },
  { title: "a leading separator is a level", from: MQTT, rules: "topic a/#", does: { writes: "/a" }, allowed: false },
  { title: "a trailing separator is a level", from: MQTT, rules: "topic a", does: { writes: "a/" }, allowed: false },
  { title: "an empty level is a level", from: MQTT, rules: "topic a/+/b", does: { writes: "a//b" }, allowed: true },
  {
    title: "topics are not normalized",
    from: MQTT,
    rules: "topic \u00e9",
    does: { writes: "e\u0301" },
    allowed: false,
  },
  { title: "QoS 0 is checked", from: OURS, rules: "topic a", does: { writes: "b", qos: 0 }, allowed: false },
  { title: "QoS 2 is checked", from: OURS, rules: "topic a", does: { writes: "b", qos: 2 }, allowed: false },
  { title: "MQTT 3.1.1 is checked", from: OURS, rules: "topic a", does: { writes: "b", version: 4 }, allowed: false },
];
