import { parseArgs } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type ArgumentPart, splitArguments } from "../src/argument-parts.ts";

const takesValue = new Set(["-v", "--value"]);

/** The result of Node's own parser. */
function byNode(args: string[]) {
  const options = {
    value: { type: "string", short: "v", multiple: true },
    switch: { type: "boolean", short: "s" },
  } as const;
  const { tokens } = parseArgs({ args, options, strict: false, allowPositionals: true, tokens: true });
  return tokens.flatMap((token): ArgumentPart[] => {
    if (token.kind === "positional") return [{ is: "operand", value: token.value }];
    if (token.kind !== "option") return [];
    const { rawName: spelling, value, inlineValue } = token;
    return [{ is: "option", spelling, value, isInline: inlineValue ?? false }];
  });
}

test("a command line is split as Node splits it", () => {
  const word = fc.oneof(
    fc.constantFrom(
      "-v",
      "-s",
      "--value",
      "--switch",
      "--",
      "-",
      "--value=",
      "--value=a=b",
      "-sv",
      "-vs",
      "-svx",
      "--x=1",
      "-é",
    ),
    // No "-" among letters: Node reads `-s-` as `-s --`.
    fc
      .tuple(fc.constantFrom("", "-", "--"), fc.string({ unit: fc.constantFrom("=", "v", "s", "x"), maxLength: 6 }))
      .map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 6 }), (args) => {
      expect(splitArguments(args, (spelling) => takesValue.has(spelling))).toEqual(byNode(args));
    }),
    { numRuns: 2_000 },
  );
});
