import { sharedFilterProblem, topicFilterMatches, topicFilterProblem, topicNameProblem } from "@aiko/mqtt/topic";
import fc, { type Arbitrary } from "fast-check";
import { describe, expect, test } from "vitest";
import { effort, growth } from "../../../../test/fixtures/effort.ts";
import { isShared, isTopicFilter, isTopicName, matcherOf } from "../../src/small/topic-rules.ts";
import { filter, matchesByDefinition, name } from "../topic/topic-oracle.ts";

/** Special characters of filters, regular expressions, replacements and UTF-8 encoding, but no ill-formed text. */
const unit = fc.constantFrom(
  ..."/////+++##$$.*([)]{}?^|\\-&'`\"<>=!:,cdwsbknxu019AZ_ \n\r\t\u0001\u2028\u2029\u0085\ufeffäß€",
  "😀",
  "𝄞",
);
const nasty = fc.array(unit, { maxLength: 12 }).map((parts) => parts.join(""));
const shareLike = fc
  .tuple(
    fc.constantFrom("$share", "$share/", "$SHARE/", "$share//", "$share/g", "$share/g/", "$share/+/", "/$share/g/"),
    nasty,
  )
  .map((parts) => parts.join(""));
const given: Arbitrary<string> = fc.oneof(nasty, nasty, shareLike);

const level = fc.array(unit, { maxLength: 3 }).map((parts) => parts.join("").replace(/[+#/]/g, ""));
const nastyName = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join("/") || "/");

const runs = { numRuns: 5000 };

test("a topic name is valid where the full client accepts it", () => {
  fc.assert(
    fc.property(given, (text) => {
      expect(isTopicName(text)).toBe(topicNameProblem(text) === undefined);
    }),
    runs,
  );
});

test("a topic filter is valid where the full client accepts it, shared or not", () => {
  let valid = 0;
  let shared = 0;
  fc.assert(
    fc.property(given, (text) => {
      const expected = topicFilterProblem(text) === undefined && sharedFilterProblem(text) === undefined;
      expect(isTopicFilter(text)).toBe(expected);
      expect(isShared(text)).toBe(text.startsWith("$share/"));
      if (!expected) return;
      valid++;
      if (isShared(text)) shared++;
    }),
    runs,
  );
  expect(valid).toBeGreaterThan(500);
  expect(shared).toBeGreaterThan(100);
});

/** A filter made from a name by replacing some of its levels, and perhaps its end, with wildcards. */
const related: Arbitrary<[filter: string, name: string]> = nastyName.chain((topic) => {
  const levels = topic.split("/");
  return fc
    .tuple(
      fc.array(fc.boolean(), { minLength: levels.length, maxLength: levels.length }),
      fc.nat({ max: levels.length }),
    )
    .map(([wild, end]) => {
      const made = levels.map((each, i) => (wild[i] ? "+" : each));
      return [(end < levels.length ? [...made.slice(0, end), "#"] : made).join("/") || "+", topic];
    });
});

test("a filter matches the same names as in the full client, and as in the specification", () => {
  const matched = { yes: 0, no: 0 };
  const pair = fc.oneof(
    fc.tuple(filter, name),
    related,
    fc.tuple(nasty, nastyName).filter(([each]) => isTopicFilter(each) && !isShared(each)),
  );
  fc.assert(
    fc.property(pair, fc.boolean(), ([topicFilter, topic], share) => {
      // A related filter may begin like a shared one, and is then another filter.
      if (isShared(topicFilter)) return;
      const expected = topicFilterMatches(topicFilter, topic);
      expect(matchesByDefinition(topicFilter, topic)).toBe(expected);
      expect(matcherOf(share ? `$share/g.*/${topicFilter}` : topicFilter)(topic)).toBe(expected);
      matched[expected ? "yes" : "no"]++;
    }),
    runs,
  );
  expect(matched.yes).toBeGreaterThan(500);
  expect(matched.no).toBeGreaterThan(500);
});

test.each([
  ["#", "a", true],
  ["#", "/", true],
  ["#", "$SYS/a", false],
  ["+/a", "$SYS/a", false],
  ["+", "$", false],
  ["$SYS/#", "$SYS", true],
  ["$SYS/+", "$SYS/$x", true],
  ["a/#", "a", true],
  ["a/#", "a/", true],
  ["a/#", "ab", false],
  ["a/+", "a", false],
  ["a/+", "a/", true],
  ["+/+", "/", true],
  ["/+", "/", true],
  ["+", "/", false],
  ["a/+/#", "a", false],
  ["a/+/#", "a/b", true],
  ["a.b", "axb", false],
  ["a\nb", "a\nb", true],
  ["+", "a\nb", true],
  ["#", "a\nb/c\r\u2028", true],
  ["😀/+", "😀/😀", true],
  ["$share/g/a/+", "a/b", true],
  ["$share/g/#", "$SYS", false],
  ["$share/g//a", "/a", true],
  ["$share/g/$share/h/a", "$share/h/a", true],
  ["$share", "$share", true],
])("%j and %j: %s", (topicFilter, topic, expected) => {
  expect(isTopicFilter(topicFilter)).toBe(true);
  expect(matcherOf(topicFilter)(topic)).toBe(expected);
});

describe("at the protocol's maximum depth and length", () => {
  const deep = "/".repeat(65_535);
  const levels = "a/".repeat(32_767);
  const long = ".".repeat(65_535);

  test("names and filters are valid", () => {
    for (const each of [deep, levels, long]) expect([isTopicName(each), isTopicFilter(each)]).toEqual([true, true]);
    for (const each of [`${deep.slice(1)}#`, "+/".repeat(32_767), `$share/g/${deep.slice(9)}`])
      expect(isTopicFilter(each)).toBe(true);
  });

  test("an error at the end of a filter is found", () => {
    for (const each of [`${levels}+a`, `${levels}#/`, `${long}+`, `${"+/".repeat(32_000)}++`, `$share/${long}`])
      expect(isTopicFilter(each)).toBe(false);
  });

  // Some engines cannot compile such filters as regular expressions, and report that only when a message arrives.
  test("filters match", () => {
    for (const topic of [deep, levels, long]) {
      for (const topicFilter of ["#", topic, `$share/g/${topic}`]) expect(matcherOf(topicFilter)(topic)).toBe(true);
      expect(matcherOf(topic)(topic.slice(1))).toBe(false);
      expect(matcherOf(topic.slice(1))(topic)).toBe(false);
    }
    expect(matcherOf("+/".repeat(32_767))(levels)).toBe(true);
    expect(matcherOf(`${"+/".repeat(32_767)}#`)(levels)).toBe(true);
    expect(matcherOf(`${"+/".repeat(32_766)}b/#`)(levels)).toBe(false);
    expect(matcherOf(`${deep.slice(1)}#`)(deep)).toBe(true);
  });
});

test("the time grows linearly with the length", async () => {
  const texts = (size: number): (() => unknown)[] => [
    () => isTopicName(`${"a".repeat(size)}+`),
    () => isTopicFilter(`${"a/".repeat(size / 2)}+a`),
    () => isTopicFilter(`${"a".repeat(size)}+`),
    () => isTopicFilter(`$share/${"a".repeat(size)}`),
    () => matcherOf(`${"+/".repeat(size / 2)}b`)("a/".repeat(size / 2)),
    () => matcherOf("+/#")("a/".repeat(size / 2)),
  ];
  const large = texts(64_000);
  for (const [i, small] of texts(8_000).entries()) {
    const long = large[i] as () => unknown;
    // 8 times the length; 64 times would be quadratic. Times close to zero cannot be compared.
    if ((await effort(long, 5)) > 2) expect(await growth(small, long, 40), `case ${i}`).toBeLessThan(40);
  }
});
