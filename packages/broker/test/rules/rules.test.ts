// What rules decide, and which rule.
import { UsageError } from "@aiko/mqtt";
import { topicFilterMatches } from "@aiko/mqtt/topic";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { substituted } from "../../src/rules/placeholders.ts";
import type { RuleAction, RuleSettings } from "../../src/rules/rule-settings.ts";
import { Rules } from "../../src/rules/rules.ts";

/** A rule in short: "allow read,write a/# b" for some users and clients. */
function rule(text: string, users?: readonly string[], clients?: readonly string[]): RuleSettings {
  const [effect, actions = "", ...topics] = text.split(" ");
  return {
    origin: `test:${text}`,
    users,
    clients,
    effect: effect as RuleSettings["effect"],
    actions: new Set(actions.split(",") as RuleAction[]),
    topics,
  };
}

const ann = { clientId: "c1", identity: "ann" };
const bob = { clientId: "c2", identity: "bob" };
const stranger = { clientId: "c3", identity: undefined };

describe("rules", () => {
  test("allow everything if there are none", () => {
    const rules = new Rules([]);
    expect(rules.decide("write", stranger, "a")).toMatchObject({ allowed: true, rule: undefined });
    expect(rules.isReadableByAll("$SYS/x")).toBe(true);
  });

  test("deny what no rule allows, if there is any", () => {
    const rules = new Rules([rule("allow read a")]);
    expect(rules.decide("read", ann, "a")).toMatchObject({ allowed: true, reason: "allowed by test:allow read a" });
    expect(rules.decide("write", ann, "a")).toEqual({ allowed: false, rule: undefined, reason: "no rule allows it" });
    expect(rules.decide("subscribe", ann, "b").allowed).toBe(false);
  });

  test("name the first rule that denies, or else the first that allows", () => {
    const [all, some, less, none] = [
      rule("allow write #"),
      rule("allow write a/#"),
      rule("deny write a/b"),
      rule("deny write a/+"),
    ] as const;
    const rules = new Rules([all, some, less, none]);
    expect(rules.decide("write", ann, "x").rule).toBe(all);
    expect(rules.decide("write", ann, "a/b").rule).toBe(less);
    expect(rules.decide("write", ann, "a/c").rule).toBe(none);
    expect(rules.decide("write", ann, "a/b/c").rule).toBe(all);
  });

  test.each([
    [undefined, undefined, "ann bob stranger"],
    [["ann"], undefined, "ann"],
    [["ann", "bob", "ann"], undefined, "ann bob"],
    [[""], undefined, "stranger"],
    [undefined, ["c2", "c3"], "bob stranger"],
    [["ann", "bob"], ["c2"], "bob"],
    [["ann"], ["c2"], ""],
  ])("for users %j and clients %j hold for %j", (users, clients, expected) => {
    const rules = new Rules([rule("allow read a", users, clients)]);
    const allowed = Object.entries({ ann, bob, stranger }).filter(
      ([, each]) => rules.decide("read", each, "a").allowed,
    );
    expect(allowed.map(([name]) => name).join(" ")).toBe(expected);
    expect(rules.isReadableByAll("a")).toBe(users === undefined && clients === undefined);
  });

  test("decide again when the identity of a client has changed", () => {
    const client = { clientId: "c", identity: "ann" as string | undefined };
    const rules = new Rules([rule("allow read a", ["ann"])]);
    expect(rules.decide("read", client, "a").allowed).toBe(true);
    client.identity = "bob";
    expect(rules.decide("read", client, "a").allowed).toBe(false);
  });

  test("do not allow topics that begin with $ by wildcards", () => {
    const rules = new Rules([rule("allow read,write,subscribe # +/x")]);
    expect(rules.decide("read", ann, "$SYS/x").allowed).toBe(false);
    expect(rules.decide("write", ann, "$other/x").allowed).toBe(false);
    for (const filter of ["$SYS/#", "$SYS/x", "$share/g/$SYS/#", "$share/g"])
      expect(rules.decide("subscribe", ann, filter).allowed).toBe(false);
    expect(rules.isReadableByAll("a")).toBe(true);
    expect(rules.isReadableByAll("$SYS/x")).toBe(false);
  });
});

describe("a topic filter", () => {
  test.each([
    ["allow subscribe a/#", "a/+", true],
    ["allow subscribe a/#", "a/#", true],
    ["allow subscribe a/+", "a/#", false],
    ["allow subscribe a/#", "#", false],
    ["allow read a/#", "#", true],
    ["allow read a/+/b", "+/x/#", true],
    ["allow read a", "b/#", false],
    ["allow write #", "a", false],
    ["allow read a", "$share/group/a", true],
    ["allow read a", "$share/group/b", false],
    ["allow read $SYS/uptime", "$SYS/#", true],
    ["allow read $SYS/uptime", "#", false],
  ])("with %s, subscribing to %s: %s", (allow, filter, expected) => {
    expect(new Rules([rule(allow)]).decide("subscribe", ann, filter).allowed).toBe(expected);
  });

  test.each([
    ["deny subscribe a/secret", "a/secret", false],
    ["deny subscribe a/secret", "a/#", false],
    ["deny subscribe a/secret", "#", false],
    ["deny subscribe a/secret", "a/public", true],
    ["deny read a/secret", "a/#", true],
    ["deny read a/secret", "a/secret", false],
    ["deny read,subscribe a/#", "#", true],
    ["deny read,subscribe a/#", "a/b/#", false],
    ["deny write a/#", "a/b", true],
  ])("with everything allowed and %s, subscribing to %s: %s", (deny, filter, expected) => {
    const rules = new Rules([rule("allow read,subscribe #"), rule(deny)]);
    expect(rules.decide("subscribe", ann, filter).allowed).toBe(expected);
  });

  test("that is denied never brings a message of the topic, also if it was requested before", () => {
    const rules = new Rules([rule("allow read,subscribe #"), rule("deny subscribe a/#")]);
    expect(rules.decide("read", ann, "a/b").allowed).toBe(false);
  });

  test("that the right to subscribe covers, brings its messages", () => {
    const rules = new Rules([rule("allow subscribe a/#")]);
    expect(rules.decide("read", ann, "a/b").allowed).toBe(true);
    expect(rules.decide("read", ann, "b").allowed).toBe(false);
  });
});

describe("placeholders", () => {
  test.each([
    ["u/%u/#", { clientId: "c", identity: "ann" }, "u/ann/#"],
    ["%c", { clientId: "c", identity: undefined }, "c"],
    ["a-%u-%c/%u", { clientId: "c", identity: "ann" }, "a-ann-c/ann"],
    ["%u/100%/%%c", { clientId: "%u", identity: "%c" }, "%c/100%/%%u"],
    ["%u", { clientId: "c", identity: undefined }, undefined],
    ["%u", { clientId: "c", identity: "" }, undefined],
    ["a/%c", { clientId: "", identity: "ann" }, undefined],
    ["a/%c", { clientId: "+", identity: "ann" }, undefined],
    ["a/%c", { clientId: "#", identity: "ann" }, undefined],
    ["a/x%c", { clientId: "b+c", identity: "ann" }, undefined],
    ["a/%c", { clientId: "b/c", identity: "ann" }, undefined],
    ["%c/x", { clientId: "$SYS", identity: "ann" }, undefined],
    ["a/%c", { clientId: "$SYS", identity: "ann" }, "a/$SYS"],
  ])("%s for %j: %s", (topic, client, expected) => {
    expect(substituted(topic, client)).toBe(expected);
  });

  test("hold for the client's own names only", () => {
    const rules = new Rules([rule("allow read,write home/%u/#")]);
    expect(rules.decide("write", ann, "home/ann/light").allowed).toBe(true);
    expect(rules.decide("write", ann, "home/bob/light").allowed).toBe(false);
    expect(rules.decide("subscribe", ann, "home/ann/#").allowed).toBe(true);
    expect(rules.decide("subscribe", ann, "home/bob/#").allowed).toBe(false);
    expect(rules.decide("write", stranger, "home//light").allowed).toBe(false);
    expect(rules.isReadableByAll("home/ann/light")).toBe(false);
  });
});

test.each([
  [{ topics: ["a/#/b"] }, 'test:9: topic "a/#/b": "#" must be the last character'],
  [{ topics: [""] }, 'test:9: topic "": must not be empty'],
  [{ topics: ["a+"] }, "test:9: topic"],
  [{ topics: ["$share/g/a"] }, "must not begin with $share"],
  [{ topics: ["$%c/a"] }, "must not have a placeholder"],
  [{ topics: [] }, "test:9: topics: must not be empty"],
  [{ users: [] }, "test:9: users: must not be empty"],
  [{ clients: [] }, "test:9: clients: must not be empty"],
  [{ actions: new Set<RuleAction>() }, "test:9: actions: must be some of"],
  [{ actions: new Set(["publish" as RuleAction]) }, "test:9: actions: must be some of"],
  [{ effect: "Allow" as "allow" }, "test:9: effect: must be"],
])("a rule with %j is not valid", (fields, message) => {
  const make = (): unknown => new Rules([{ ...rule("allow read a"), origin: "test:9", ...fields }]);
  expect(make).toThrow(UsageError);
  expect(make).toThrow(message);
});

test("decisions are those of the definition: the first denial that matches, or else the first permission", () => {
  const names = fc.constantFrom<string>("ann", "bob", "");
  const levels = fc.constantFrom("a", "b", "+", "%u", "%c", "x%c", "$d");
  const topic = fc
    .tuple(fc.array(levels, { minLength: 1, maxLength: 3 }), fc.boolean())
    .map(([each, isOpen]) => (isOpen ? [...each, "#"] : each).join("/"));
  const settings = fc.array(
    fc.record({
      origin: fc.constant("1"),
      users: fc.option(fc.array(names, { minLength: 1, maxLength: 2 }), { nil: undefined }),
      clients: fc.option(fc.array(fc.constantFrom<string>("c1", "a"), { minLength: 1 }), { nil: undefined }),
      effect: fc.constantFrom("allow" as const, "deny" as const),
      actions: fc.constant(new Set<RuleAction>(["read", "write"])),
      topics: fc.array(topic, { minLength: 1, maxLength: 2 }),
    }),
    { minLength: 1, maxLength: 6 },
  );
  const client = fc.record({
    clientId: fc.constantFrom("c1", "a", "b"),
    identity: fc.constantFrom("ann", "a", undefined),
  });
  const name = fc
    .array(fc.constantFrom("a", "b", "ann", "xa", "$d"), { minLength: 1, maxLength: 3 })
    .map((each) => each.join("/"));
  fc.assert(
    fc.property(settings, client, fc.array(name, { maxLength: 5 }), (given, who, topics) => {
      const rules = new Rules(given);
      for (const each of topics) {
        const matching = given.filter(
          ({ users, clients, topics: filters }) =>
            (users === undefined || users.includes(who.identity ?? "")) &&
            (clients === undefined || clients.includes(who.clientId)) &&
            filters.some((filter) => {
              const own = substituted(filter, who);
              return own !== undefined && topicFilterMatches(own, each);
            }),
        );
        const expected = matching.find(({ effect }) => effect === "deny") ?? matching[0];
        for (const action of ["read", "write"] as const) {
          expect(rules.decide(action, who, each).rule).toBe(expected);
          expect(rules.decide(action, who, each).allowed).toBe(expected?.effect === "allow");
        }
        if (rules.isReadableByAll(each)) expect(expected?.effect).toBe("allow");
      }
    }),
    { numRuns: 1_000 },
  );
});
