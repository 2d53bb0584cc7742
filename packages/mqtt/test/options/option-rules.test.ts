import { boolean, func, holds, integer, object, readOptions, secret } from "@aiko/mqtt/options";
import { describe, expect, test } from "vitest";
import { group, oneOf, text } from "../../src/options/option-rules.ts";

const rules = {
  count: integer(1, 10, 5),
  most: integer(0, 3),
  name: text(),
  on: boolean(true),
  policy: oneOf(["keep", "drop"], "keep"),
  half: holds<number, number>((value) => value === 0.5, "must be a half", 0.5),
  call: func<() => number>(),
  thing: object<{ a: number }>(),
  key: secret<string>((value) => typeof value === "string", "must be a string"),
  room: group({ size: integer(1, 2, 1) }),
};

test("an option that is not given, or undefined, has its default", () => {
  const defaults = {
    count: 5,
    most: undefined,
    name: undefined,
    on: true,
    policy: "keep",
    half: 0.5,
    call: undefined,
    thing: undefined,
    key: undefined,
    room: { size: 1 },
  };
  expect(readOptions(rules, {})).toEqual(defaults);
  expect(readOptions(rules, { count: undefined, policy: undefined, room: undefined })).toEqual(defaults);
  expect(readOptions(rules, { room: {} })).toEqual(defaults);
});

test("given options are read, and unknown properties are not copied", () => {
  const given = { count: 10, most: 0, name: "", on: false, policy: "drop", call: () => 1, thing: { a: 1 }, key: "k" };
  expect(readOptions(rules, given)).toEqual({ ...given, half: 0.5, room: { size: 1 } });
});

test("calls without a group of options share one default object", () => {
  expect(readOptions(rules, {}).room).toBe(readOptions(rules, {}).room);
});

describe("an error names the option, the value and the rule:", () => {
  test.each([
    [{ count: 0 }, "count", "count 0: must be an integer from 1 to 10"],
    [{ count: "5" }, "count", 'count "5": must be a number, an integer from 1 to 10'],
    [{ name: 5 }, "name", "name 5: must be a string"],
    [{ on: "false" }, "on", 'on "false": must be the boolean true or false'],
    [{ policy: "lose" }, "policy", 'policy "lose": must be "keep" or "drop"'],
    [{ half: 1 }, "half", "half 1: must be a half"],
    [{ call: 5 }, "call", "call 5: must be a function"],
    [{ thing: null }, "thing", "thing null: must be an object"],
    [{ thing: Map }, "thing", "thing class Map: must be an object; pass an instance made with new"],
    [{ room: 5 }, "room", "room 5: must be an object"],
    [{ room: { size: 3 } }, "room.size", "room.size 3: must be an integer from 1 to 2"],
  ])("%o", (given, option, message) => {
    expect(() => readOptions(rules, given)).toThrow(
      expect.objectContaining({ name: "UsageError", code: "OPTION_INVALID", option, message }),
    );
  });

  test.each([
    [{ cuont: 1 }, "cuont", 'unknown option "cuont"; did you mean "count"?'],
    [{ room: { Size: 1 } }, "room.Size", 'unknown option "room.Size"; did you mean "room.size"?'],
    [{ constructor: 1 }, "constructor", 'unknown option "constructor"'],
  ])("%o", (given, option, message) => {
    expect(() => readOptions(rules, given)).toThrow(
      expect.objectContaining({ name: "UsageError", code: "OPTION_UNKNOWN", option, message }),
    );
  });

  test("but the value of a secret is not shown", () => {
    expect(() => readOptions(rules, { key: ["hunter2"] })).toThrow(/^key: must be a string$/);
  });

  test.each([null, 5, "text", undefined])("and options that are not an object: %o", (given) => {
    expect(() => readOptions(rules, given)).toThrow(expect.objectContaining({ option: "options" }));
  });
});
