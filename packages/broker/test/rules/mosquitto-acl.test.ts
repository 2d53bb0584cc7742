// The text of mosquitto's acl_file as rules.
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseMosquittoAcl } from "../../src/rules/mosquitto-acl.ts";
import { Rules } from "../../src/rules/rules.ts";

/** Each rule as "origin: subject effect actions topic". */
function shown(text: string): string[] {
  const { rules, problems } = parseMosquittoAcl(text, "acl");
  expect(problems).toEqual([]);
  return rules.map(
    ({ origin, users, effect, actions, topics }) =>
      `${origin}: ${users === undefined ? "all" : JSON.stringify(users)} ${effect} ${[...actions].join("+")} ${topics.join()}`,
  );
}

test("lines before the first user are for anonymous clients, patterns are for all", () => {
  const text = `# comment
topic read $SYS/#

user roger
topic foo/bar
pattern write $SYS/broker/connection/%c/state
topic deny foo/secret
user ann
topic readwrite #`;
  expect(shown(text)).toEqual([
    'acl:2: [""] allow read $SYS/#',
    'acl:5: ["roger"] allow read+write foo/bar',
    "acl:6: all allow write $SYS/broker/connection/%c/state",
    'acl:7: ["roger"] deny read+write foo/secret',
    'acl:9: ["ann"] allow read+write #',
  ]);
});

test.each([
  ["topic write two words", "write", "two words"],
  ["topic   read \t a/b  ", "read", "a/b"],
  ["topic read a\r", "read", "a"],
  ["\ufefftopic read a", "read", "a"],
  ["topic read", "read+write", "read"],
])("%j is for %s %s", (line, actions, topic) => {
  expect(shown(line)).toEqual([`acl:1: [""] allow ${actions} ${topic}`]);
});

test("a user's name may contain spaces", () => {
  expect(shown("user ann of the north \ntopic a")).toEqual(['acl:2: ["ann of the north"] allow read+write a']);
});

test.each(["", "\n\n", "# only a comment", "user ann"])("a file without rules denies everything: %j", (text) => {
  const { rules, problems } = parseMosquittoAcl(text, "acl");
  expect(problems).toEqual([]);
  const client = { clientId: "c", identity: "ann" };
  for (const topic of ["a", "$SYS/broker/uptime"])
    expect(new Rules(rules).decide("read", client, topic).allowed).toBe(false);
});

test("each wrong line is reported by its number", () => {
  const text = [
    "topic",
    "topic raed a/b",
    "topic read a/#/b",
    "topics read a",
    "user",
    "topic read %u/a",
    "pattern read $%c/a",
    "topic read $share/g/a",
  ].join("\n");
  const { problems } = parseMosquittoAcl(text, "acl");
  expect(problems).toEqual([
    'acl:1: topic "": the topic is missing',
    'acl:2: topic "raed a/b": an access of read, write, readwrite or deny must come before a topic with spaces',
    expect.stringMatching(/^acl:3: topic "read a\/#\/b": "#" must be the last character/),
    'acl:4: "topics" is unknown; a line begins with user, topic, pattern or #',
    "acl:5: user: the name is missing",
    'acl:6: topic "read %u/a": placeholders are only replaced in lines that begin with pattern',
    expect.stringMatching(/^acl:7: pattern "read \$%c\/a": must not have a placeholder/),
    expect.stringMatching(/^acl:8: topic "read \$share\/g\/a": must not begin with \$share/),
  ]);
});

test("any text becomes rules that can be used, or problems with lines", () => {
  const word = fc.constantFrom(
    "user",
    "topic",
    "pattern",
    "read",
    "deny",
    "%u",
    "a/#",
    "#",
    "+",
    " ",
    "\t",
    "\n",
    "\r\n",
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(fc.oneof(word, fc.string({ maxLength: 3 }))).map((each) => each.join(" ")),
  );
  fc.assert(
    fc.property(text, (each) => {
      const { rules, problems } = parseMosquittoAcl(each, "acl");
      for (const problem of problems) expect(problem).toMatch(/^acl:\d+: /);
      if (problems.length === 0) expect(new Rules(rules).settings.length).toBeGreaterThan(0);
    }),
  );
});
