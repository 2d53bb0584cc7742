/**
 * Default options of a command: from the environment, and from files. An option on the command line replaces them. Knows
 * no option's meaning, only which options exclude each other.
 */

import { join } from "node:path";
import { ArgumentError, Arguments, type OptionTable } from "../arguments.js";
import type { Command } from "../command.js";
import { groups, tlsOptions } from "../connection-options.js";
import type { Terminal } from "../terminal.js";
import { oneValue, type PlacedOption, readOptionsFile, wordsOf } from "./options-file.js";
import { trustOptions } from "./trust-options.js";

type Environment = Terminal["environment"];

const tls = [...tlsOptions, ...Object.keys(trustOptions)];

/** The options about defaults. */
const defaultOptions = {
  "options-file": {
    letters: "o",
    value: "FILE",
    help: "read default options from FILE instead of the usual files: one option in a line",
    group: groups.other,
  },
  "no-tls": { help: "ignore TLS options of files and of the environment", group: groups.tls },
} satisfies OptionTable;

/** The arguments of a command line, and the defaults of options that are not on it. */
export class ArgumentsWithDefaults<Name extends string> extends Arguments<Name> {
  constructor(
    values: ReadonlyMap<string, readonly string[]>,
    order: readonly (readonly [string, string])[],
    /** The arguments without the defaults. Other users of the machine can see them. */
    readonly onCommandLine: Arguments<Name>,
  ) {
    super(values, onCommandLine.operands, order);
  }
}

/** From files, these add to those of the command line, as with mosquitto's clients. */
const additive: ReadonlySet<string> = new Set(["topic", "filter-out", "unsubscribe", "property"]);

const payloads = ["message", "file", "stdin-line", "stdin-file", "null-message", "lines"];
const prints = ["format", "json", "verbose"];
/** Options that an option on the command line replaces, in addition to itself. */
const replaces: Readonly<Record<string, readonly string[]>> = {
  url: ["unix", "host", "port", "ws"],
  unix: ["url", "host", "port", "ws", ...tls],
  "no-tls": tls,
  host: ["url", "unix"],
  id: ["id-prefix"],
  "id-prefix": ["id"],
  password: ["password-file"],
  "password-file": ["password"],
  cert: ["psk", "psk-identity"],
  psk: ["cert", "key", "passphrase-file"],
  "retained-only": ["no-retained"],
  "no-retained": ["retained-only"],
  ...Object.fromEntries(payloads.map((name) => [name, payloads])),
  ...Object.fromEntries(prints.map((name) => [name, prints])),
};

/** Options whose values are passwords or keys, and those whose values may contain one. */
const secrets: ReadonlySet<string> = new Set(["password", "psk"]);
const urls: ReadonlySet<string> = new Set(["url", "proxy"]);
/** MQTT_PASSWORD replaces them if they are in a file. */
const passwords: ReadonlySet<string> = new Set(["password", "password-file"]);

/** Returns the command, with defaults for its options. */
export function withDefaults(name: "pub" | "sub" | "rr" | "ping" | "explain", command: Command): Command {
  const options = { ...command.options, ...defaultOptions };
  return {
    ...command,
    options,
    async run(given, terminal) {
      const { environment } = terminal;
      const isPasswordSet = (environment["MQTT_PASSWORD"] ?? "") !== "";
      const fromFiles = optionsOfFiles(name, options, given, terminal).filter(
        (each) => !(isPasswordSet && passwords.has(each.name)),
      );
      const fromEnvironment = optionsOfEnvironment(options, environment);
      const [args, places] = combined(options, given, fromEnvironment, fromFiles);
      try {
        await command.run(args, terminal);
      } catch (error) {
        throw placed(error, places);
      }
    },
  };
}

/** @throws ArgumentError */
function optionsOfFiles(
  name: string,
  table: OptionTable,
  given: Arguments<string>,
  terminal: Terminal,
): readonly PlacedOption[] {
  const { environment } = terminal;
  const chosen = given.text("options-file") ?? environment["MQTT_OPTIONS_FILE"];
  const found: PlacedOption[] = [];
  for (const path of chosen === undefined ? usualFiles(name, environment) : [chosen]) {
    const file = readOptionsFile(path, table);
    if (file === undefined && chosen !== undefined) throw new ArgumentError(`--options-file ${path}: file not found`);
    if (file === undefined) continue;
    const secret = file.isReadableByOthers ? file.options.find((each) => holdsSecret(each)) : undefined;
    if (secret !== undefined)
      terminal.note(`warning: ${secret.place}: other users can read the secret; run chmod 600 ${path}`);
    // The second file replaces options of the first one.
    const names = new Set(file.options.map((each) => each.name));
    const kept = found.filter((each) => additive.has(each.name) || !names.has(each.name));
    found.splice(0, found.length, ...kept, ...file.options);
  }
  return found;
}

/** mosquitto's file, if it has this command, and then our own. */
function usualFiles(name: string, environment: Environment): readonly string[] {
  const isTheirs = name === "pub" || name === "sub" || name === "rr";
  const home = environment["HOME"];
  const folder = environment["XDG_CONFIG_HOME"] || (home ? join(home, ".config") : undefined);
  const profile = environment["USERPROFILE"];
  const own = folder === undefined ? [] : [join(folder, "aiko-mqtt", name)];
  if (!isTheirs) return own;
  if (folder !== undefined) return [join(folder, `mosquitto_${name}`), ...own];
  return profile ? [join(profile, `mosquitto_${name}.conf`)] : [];
}

function holdsSecret({ name, value }: PlacedOption): boolean {
  return secrets.has(name) || (urls.has(name) && /\/\/[^/@:]*:[^/@]*@/.test(value));
}

const truths: Readonly<Record<string, boolean>> = {
  ...{ "1": true, true: true, yes: true, on: true },
  ...{ "0": false, false: false, no: false, off: false },
};

/**
 * Returns the options that variables such as MQTT_HOST set. MQTT_PASSWORD is not among them: it applies only with a user
 * name.
 *
 * @throws ArgumentError
 */
function optionsOfEnvironment(table: OptionTable, environment: Environment): readonly PlacedOption[] {
  const isAny = Object.keys(environment).some((name) => name.slice(0, 5).toUpperCase() === "MQTT_"); // Windows ignores case
  if (!isAny) return [];
  return Object.entries(table).flatMap(([name, { value: placeholder, length }]) => {
    const place = `MQTT_${name.toUpperCase().replaceAll("-", "_")}`;
    const text = environment[place];
    if (text === undefined || text === "" || name === "password" || name === "options-file") return [];
    // Kubernetes and Docker set MQTT_PORT if a service has the name "mqtt".
    if (name === "port" && /^(tcp|udp):/.test(text)) return [];
    if (placeholder !== undefined)
      return [{ name, place, value: length === undefined ? text : oneValue(wordsOf(text, length)) }];
    const isSet = Object.hasOwn(truths, text.toLowerCase()) ? truths[text.toLowerCase()] : undefined;
    if (isSet === undefined) throw new ArgumentError(`${place}: must be 1 or 0, not "${text}"`);
    return isSet ? [{ name, place, value: "" }] : [];
  });
}

/**
 * Combines the sources. What comes first in the list of parameters replaces what comes later.
 *
 * @returns the arguments, and where each default option comes from
 */
function combined(
  table: OptionTable,
  given: Arguments<string>,
  fromEnvironment: readonly PlacedOption[],
  fromFiles: readonly PlacedOption[],
): readonly [ArgumentsWithDefaults<string>, ReadonlyMap<string, string>] {
  const line = given.sequence(...Object.keys(table)).map(([name, value]) => ({ name, value, place: "" }));
  const environment = without(fromEnvironment, line, false);
  const all = [...without(without(fromFiles, environment, true), line, true), ...environment, ...line];
  const values = new Map<string, string[]>();
  const places = new Map<string, string>();
  for (const { name, value, place } of all) {
    const before = values.get(name);
    if (before === undefined || table[name]?.repeats !== true) values.set(name, [value]);
    else before.push(value);
    if (place !== "") places.set(name, place);
  }
  const order = all.map(({ name, value }) => [name, value] as const);
  return [new ArgumentsWithDefaults(values, order, given), places];
}

/** Returns the options that none of `others` replaces. */
function without(
  options: readonly PlacedOption[],
  others: readonly PlacedOption[],
  adds: boolean,
): readonly PlacedOption[] {
  const names = new Set(others.map(({ name }) => name));
  const replaced = new Set(others.flatMap(({ name }) => (Object.hasOwn(replaces, name) ? replaces[name] : []) ?? []));
  return options.filter(({ name }) => {
    if (names.has(name)) return adds && additive.has(name);
    return !replaced.has(name);
  });
}

/** Adds to an error about an option where it was set, if that is not on the command line. */
function placed(error: unknown, places: ReadonlyMap<string, string>): unknown {
  if (!(error instanceof ArgumentError)) return error;
  for (const [, name = ""] of error.message.matchAll(/--([a-z-]+)/g)) {
    const place = places.get(name);
    if (place !== undefined) return new ArgumentError(`${error.message} (--${name} is set in ${place})`);
  }
  return error;
}
