/**
 * Reads a command line by a table of options. Every error is one line that names the option. Knows nothing of MQTT, and
 * does nothing with the result. Bare ECMAScript, because the commands also run on QuickJS.
 */

import { nearest } from "@aiko/mqtt/options";
import { splitArguments } from "./argument-parts.js";

interface Option {
  /** Its short forms: "hH" means -h and -H. */
  readonly letters?: string;
  /** Other long names of it, which the help does not show. */
  readonly aliases?: readonly string[];
  /** The heading in the help below which it is listed. Default: the first heading. */
  readonly group?: string;
  /** The placeholder of its value in the help. An option without one is a switch. */
  readonly value?: string;
  /** Returns how many arguments the value consists of, if it begins with these. Default: one. See `BETWEEN`. */
  readonly length?: (following: readonly string[]) => number;
  readonly help: string;
  /** Its value may look like another option, since it is text that is passed on unchanged. */
  readonly literal?: boolean;
  readonly mayBeEmpty?: boolean;
  /** It may be given several times. A switch always may: repeating it has no effect. */
  readonly repeats?: boolean;
  /** Its value is a secret, or may contain one: errors do not show it. */
  readonly secret?: boolean;
}

export type OptionTable = Readonly<Record<string, Option>>;

/** A user's error. The message is one line, without the program's name. */
export class ArgumentError extends Error {
  override readonly name = "ArgumentError";
}

/** The given options, by name. Each method throws an ArgumentError if the value is not allowed. */
export class Arguments<Name extends string> {
  /** @param order the names and values of the options, in the order in which they were given */
  constructor(
    private readonly values: ReadonlyMap<string, readonly string[]>,
    readonly operands: readonly string[],
    private readonly order: readonly (readonly [string, string])[] = [],
  ) {}

  /** Returns names and values of these options, in the order in which they were given. */
  sequence<Wanted extends Name>(...names: readonly Wanted[]): readonly (readonly [Wanted, string])[] {
    return this.order.filter(([name]) => names.includes(name as Wanted)) as (readonly [Wanted, string])[];
  }

  has(name: Name): boolean {
    return this.values.has(name);
  }

  /** Returns the option's value; the last one, if it may be given several times. */
  text(name: Name): string | undefined {
    return this.values.get(name)?.at(-1);
  }

  all(name: Name): readonly string[] {
    return this.values.get(name) ?? [];
  }

  /** The same arguments, with another value of this option. */
  with(name: Name, value: string): Arguments<Name> {
    return new Arguments(new Map([...this.values, [name, [value]]]), this.operands, this.order);
  }

  required(name: Name): string {
    const text = this.text(name);
    if (text === undefined) throw new ArgumentError(`missing required option --${name}`);
    return text;
  }

  integer(name: Name, otherwise: number, minimum: number, maximum: number): number {
    const text = this.text(name);
    if (text === undefined) return otherwise;
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= minimum && number <= maximum) return number;
    throw new ArgumentError(`--${name} ${text}: must be an integer from ${minimum} to ${maximum}`);
  }

  /** Returns the value that the table `choices` has for the given key. */
  choice<Value>(name: Name, choices: Readonly<Record<string, Value>>, otherwise: Value): Value {
    const text = this.text(name);
    if (text === undefined) return otherwise;
    if (Object.hasOwn(choices, text)) return choices[text] as Value;
    const keys = Object.keys(choices);
    throw new ArgumentError(`--${name} ${text}: must be ${keys.slice(0, -1).join(", ")} or ${keys.at(-1)}`);
  }
}

export type Parsed<Name extends string> =
  | { readonly asks: "run"; readonly args: Arguments<Name> }
  | { readonly asks: "help" }
  | { readonly asks: "version" };

/** The last heading in the help. */
const OTHER = "Other options";

/** The options of every command. */
export const commonOptions = {
  help: { help: "show this help and exit", group: OTHER },
  version: { help: "show the version and exit", group: OTHER },
} satisfies OptionTable;

/**
 * @param operands how many arguments that are not options may follow
 * @throws ArgumentError
 */
export function parseArguments<Table extends OptionTable>(
  table: Table,
  argv: readonly string[],
  operands = 0,
): Parsed<keyof Table & string> {
  const known = new Map<string, { readonly name: string; readonly option: Option }>();
  for (const [name, option] of Object.entries({ ...table, ...commonOptions } as OptionTable)) {
    const entry = { name, option };
    known.set(`--${name}`, entry);
    for (const alias of option.aliases ?? []) known.set(`--${alias}`, entry);
    for (const letter of option.letters ?? "") known.set(`-${letter}`, entry);
  }

  const values = new Map<string, string[]>();
  const operandsFound: string[] = [];
  const order: (readonly [string, string])[] = [];
  const takesValue = (spelling: string): boolean => known.get(spelling)?.option.value !== undefined;
  const lengthOf = (spelling: string, following: readonly string[]): number =>
    known.get(spelling)?.option.length?.(following) ?? 1;
  for (const part of splitArguments(argv, takesValue, lengthOf)) {
    if (part.is === "operand") {
      operandsFound.push(part.value);
      if (operandsFound.length > operands) throw new ArgumentError(`unexpected argument "${part.value}"`);
      continue;
    }
    const { spelling, value, isInline } = part;
    const found = known.get(spelling);
    if (spelling === "-h" && (value === undefined || (!isInline && value.startsWith("-")))) return { asks: "help" };
    if (found === undefined) throw unknownOption(spelling, [...known.keys()]);
    const { name, option } = found;
    if (option.value === undefined) {
      if (value !== undefined) throw new ArgumentError(`option ${spelling} does not take a value`);
      if (name === "help" || name === "version") return { asks: name };
    } else if (value === undefined || (!isInline && !option.literal && known.has(value))) {
      throw new ArgumentError(`option ${spelling} requires a value: ${spelling} ${option.value}`);
    }
    if (value === "" && !option.mayBeEmpty) throw new ArgumentError(`option ${spelling}: must not be empty`);
    order.push([name, value ?? ""]);
    const given = values.get(name);
    if (given === undefined) values.set(name, [value ?? ""]);
    else if (option.repeats) given.push(value ?? "");
    else if (value !== undefined) throw givenTwice(name, spelling, option, [given[0] as string, value]);
  }
  return { asks: "run", args: new Arguments(values, operandsFound, order) };
}

/** The most characters of a value that an error shows. */
const MOST_SHOWN = 40;

/** Rejects a repeated option: one of the two values would otherwise be lost silently. */
function givenTwice(name: string, spelling: string, { secret }: Option, given: readonly string[]): ArgumentError {
  const option = spelling === `--${name}` ? spelling : `--${name} (${spelling})`;
  const shown = given.map((value) => `"${value.length > MOST_SHOWN ? `${value.slice(0, MOST_SHOWN)}…` : value}"`);
  const values = secret ? "" : `, as ${shown.join(" and ")}`;
  return new ArgumentError(`option ${option} was specified twice${values}; specify it once`);
}

function unknownOption(spelling: string, known: readonly string[]): ArgumentError {
  const letter = spelling.slice(1);
  const name = spelling.slice(2);
  const names = known.filter((other) => other.startsWith("--")).map((other) => other.slice(2));
  const near = name === "" ? undefined : nearest(name, names);
  const meant = known.includes(letter) ? letter : near && `--${near}`;
  return new ArgumentError(`unknown option ${spelling}${meant === undefined ? "" : `; did you mean ${meant}?`}`);
}

/** The columns of a terminal that everybody has. */
const COLUMNS = 80;
/** Where the descriptions begin. Longer spellings have a line of their own. */
const INDENT = 30;

/** Describes each option, by group. Lines have at most 80 columns. */
export function describeOptions(table: OptionTable): string {
  const all = { ...table, ...commonOptions } as OptionTable;
  const groups = new Map<string, string>();
  for (const [name, option] of Object.entries(all)) {
    const { letters = "", value, help, repeats, group = "Options" } = option;
    const spellings = [...[...letters].map((letter) => `-${letter}`), `--${name}`].join(", ");
    const head = `  ${spellings}${value === undefined ? "" : ` ${value}`}`;
    groups.set(group, (groups.get(group) ?? "") + describeOption(head, repeats ? `${help}; may be repeated` : help));
  }
  return [...groups].map(([group, lines]) => `${group}:\n${lines}`).join("\n");
}

function describeOption(head: string, help: string): string {
  const lines: string[] = [];
  let line = head.length + 2 > INDENT ? "" : head.padEnd(INDENT);
  if (line === "") lines.push(head);
  line ||= " ".repeat(INDENT);
  for (const word of help.split(" ")) {
    const isFirst = line.length === INDENT;
    if (!isFirst && line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = " ".repeat(INDENT) + word;
    } else {
      line += isFirst ? word : ` ${word}`;
    }
  }
  return `${[...lines, line].join("\n")}\n`;
}
