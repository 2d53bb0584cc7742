/**
 * Splits a command line as POSIX and GNU do: `-v VALUE`, `-vVALUE`, `-abc`, `--name VALUE`, `--name=VALUE`, and `--`,
 * after which nothing is an option. Knows only which options take a value.
 */

export type ArgumentPart =
  | { readonly is: "operand"; readonly value: string }
  | {
      readonly is: "option";
      /** As the user wrote it: "-v" or "--name". */
      readonly spelling: string;
      /** Undefined if none was given. */
      readonly value: string | undefined;
      /** Whether the value was in the same argument. */
      readonly isInline: boolean;
    };

/** The separator of the arguments that are one value. An argument cannot contain it. */
export const BETWEEN = "\0";

/**
 * @param takesValue returns whether the option with this spelling takes a value; false for unknown options
 * @param lengthOf returns how many arguments the value consists of, if it begins with these. Default: one
 */
export function splitArguments(
  argv: readonly string[],
  takesValue: (spelling: string) => boolean,
  lengthOf: (spelling: string, following: readonly string[]) => number = () => 1,
): ArgumentPart[] {
  const parts: ArgumentPart[] = [];
  for (let at = 0; at < argv.length; at++) {
    const argument = argv[at] as string;
    if (argument === "--") {
      for (const value of argv.slice(at + 1)) parts.push({ is: "operand", value });
      break;
    }
    if (!argument.startsWith("-") || argument === "-") {
      parts.push({ is: "operand", value: argument });
      continue;
    }
    if (argument.startsWith("--") && argument.includes("=", 3)) {
      const equals = argument.indexOf("=");
      const spelling = argument.slice(0, equals);
      parts.push({ is: "option", spelling, value: argument.slice(equals + 1), isInline: true });
      continue;
    }
    const last = argument.startsWith("--") ? argument : splitLetters(argument, takesValue, parts);
    if (last === undefined) continue;
    const following = takesValue(last) ? argv.slice(at + 1) : [];
    const words = following.slice(0, lengthOf(last, following));
    at += words.length;
    const value = words.length > 0 ? words.join(BETWEEN) : undefined;
    parts.push({ is: "option", spelling: last, value, isInline: false });
  }
  return parts;
}

/** Splits the switches in `-abc`. Returns the last option if its value is the next argument. */
function splitLetters(
  argument: string,
  takesValue: (spelling: string) => boolean,
  parts: ArgumentPart[],
): string | undefined {
  for (let i = 1; i < argument.length - 1; i++) {
    const spelling = `-${argument[i]}`;
    if (takesValue(spelling)) {
      parts.push({ is: "option", spelling, value: argument.slice(i + 1), isInline: true });
      return undefined;
    }
    parts.push({ is: "option", spelling, value: undefined, isInline: false });
  }
  return `-${argument.at(-1)}`;
}
