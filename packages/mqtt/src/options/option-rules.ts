/**
 * Tables of options: a row contains an option's name and its rule. A rule reads one value. For undefined, it returns
 * the option's default. Otherwise it may throw a UsageError that names the option, its value and what is allowed.
 */

import { assertFunction, assertObject, invalidOption, unknownOption, wrongOption } from "./option-error.js";

/**
 * Must return the same value for undefined each time, because that result is cached. @param name the option's path, as
 * in "tls.ca"
 */
export type Rule<Value> = (name: string, value: unknown) => Value;

export type Rules = Readonly<Record<string, Rule<unknown>>>;

/** The type that `readOptions` returns for a table. */
export type OptionsRead<Table extends Rules> = { readonly [Name in keyof Table]: ReturnType<Table[Name]> };

/**
 * Reads each option by its rule.
 *
 * @param prefix the path of the containing option, with its dot, as in "outbox."
 * @throws UsageError OPTION_UNKNOWN if there is no rule for an option. If it were ignored, `{ QoS: 1 }` would mean QoS
 * 0. Also throws what a rule throws
 */
export function readOptions<Table extends Rules>(rules: Table, given: unknown, prefix = ""): OptionsRead<Table> {
  assertKnown(given, rules, prefix);
  const values = given as Readonly<Record<string, unknown>>;
  const read: Record<string, unknown> = { ...defaultsOf(rules) };
  for (const name in rules) {
    const value = values[name];
    if (value !== undefined) read[name] = (rules[name] as Rule<unknown>)(prefix + name, value);
  }
  return read as OptionsRead<Table>;
}

/** The defaults of each table. Most options are not given, and creating a client must be fast. */
const defaults = new WeakMap<Rules, Readonly<Record<string, unknown>>>();

function defaultsOf(rules: Rules): Readonly<Record<string, unknown>> {
  let known = defaults.get(rules);
  if (known === undefined) {
    known = Object.fromEntries(Object.entries(rules).map(([name, rule]) => [name, rule(name, undefined)]));
    defaults.set(rules, known);
  }
  return known;
}

/**
 * @throws UsageError OPTION_INVALID if `given` is not an object, OPTION_UNKNOWN if it has an option that `known` lacks
 */
export function assertKnown(given: unknown, known: object, prefix = ""): asserts given is object {
  if (typeof given !== "object" || given === null) assertObject(prefix.slice(0, -1) || "options", given);
  for (const name in given) {
    if (!Object.hasOwn(known, name)) throw unknownOption(name, Object.keys(known), prefix);
  }
}

/** A rule for options within an option. All callers that omit it share one object of defaults. */
export function group<Table extends Rules>(rules: Table): Rule<OptionsRead<Table>> {
  return (name, value) =>
    (value === undefined ? defaultsOf(rules) : readOptions(rules, value, `${name}.`)) as OptionsRead<Table>;
}

/** Makes a rule from a test. @param says what is allowed, in words that follow the value */
export function holds<Value, Default = undefined>(
  test: (value: unknown) => boolean,
  says: string,
  otherwise?: Default,
): Rule<Value | Default> {
  return (name, value) => {
    if (value === undefined) return otherwise as Default;
    if (test(value)) return value as Value;
    throw invalidOption(name, value, says);
  };
}

/** The same for a value that must not be shown in a message. It has no default. */
export function secret<Value>(test: (value: unknown) => boolean, says: string): Rule<Value | undefined> {
  return (name, value) => {
    if (value === undefined || test(value)) return value as Value;
    throw wrongOption(name, says);
  };
}

/** @param unit as in "seconds"; for the message */
export function integer<Default = undefined>(
  least: number,
  most: number,
  otherwise?: Default,
  unit = "",
): Rule<number | Default> {
  return (name, value) => {
    if (value === undefined) return otherwise as Default;
    if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
    const type = typeof value === "number" ? "" : "a number, ";
    throw invalidOption(name, value, `must be ${type}an integer from ${least} to ${most}${unit && ` (${unit})`}`);
  };
}

export function oneOf<Value extends string, Default = undefined>(
  choices: readonly Value[],
  otherwise?: Default,
): Rule<Value | Default> {
  const words = choices.map((each) => `"${each}"`);
  const last = words.pop();
  return holds((value) => choices.includes(value as Value), `must be ${words.join(", ")} or ${last}`, otherwise);
}

export function text<Default = undefined>(otherwise?: Default): Rule<string | Default> {
  return holds((value) => typeof value === "string", "must be a string", otherwise);
}

export function boolean<Default = undefined>(otherwise?: Default): Rule<boolean | Default> {
  return holds((value) => typeof value === "boolean", "must be the boolean true or false", otherwise);
}

export function func<Value, Default = undefined>(otherwise?: Default): Rule<Value | Default> {
  return (name, value) => {
    if (value === undefined) return otherwise as Default;
    assertFunction(name, value);
    return value as Value;
  };
}

export function object<Value, Default = undefined>(otherwise?: Default): Rule<Value | Default> {
  return (name, value) => {
    if (value === undefined) return otherwise as Default;
    assertObject(name, value);
    return value as Value;
  };
}

/** A rule for a value that is checked elsewhere. */
export function anything<Value>(): Rule<Value> {
  return (_name, value) => value as Value;
}
