/** Reads mosquitto.conf as a configuration of the broker. Opens no file itself: files and directories are arguments. */

import { nearest } from "@aiko/mqtt/options";
import { type Problem, quoted } from "@aiko/mqtt-configuration";
import { parseMosquittoAcl } from "../../rules/mosquitto-acl.js";
import type { RuleSettings } from "../../rules/rule-settings.js";
import type { BrokerConfiguration } from "../broker-configuration.js";
import { type BrokerReadOptions, readBrokerConfiguration } from "../read-broker-configuration.js";
import { bridgeOptionNames } from "./bridge-draft.js";
import { bridgeOptions } from "./bridge-options.js";
import { Draft } from "./draft.js";
import { generalOptions, securityOptions } from "./general-options.js";
import { listenerOptions, tlsOptions } from "./listener-options.js";
import { documentOf, type MosquittoDocument } from "./mosquitto-document.js";
import type { MosquittoOption } from "./mosquitto-option.js";

/** Options of `readMosquittoConfiguration`. */
export interface MosquittoReadOptions extends BrokerReadOptions {
  /** Returns the names of the files in a directory. @throws if it cannot be read */
  readonly readDirectory: (path: string) => readonly string[];
  /** Whether unknown and unsupported options are warnings instead of problems. Default false. */
  readonly ignoreUnknown?: boolean | undefined;
}

/** What `readMosquittoConfiguration` returns: the configuration with what differs, or the problems that it has. */
export type MosquittoConfigurationRead =
  | {
      readonly configuration: BrokerConfiguration;
      /** Options whose effect differs from mosquitto's, and unknown ones that are ignored. */
      readonly warnings: readonly Problem[];
      readonly problems?: undefined;
    }
  | {
      readonly configuration?: undefined;
      readonly warnings?: undefined;
      /** All that were found, in the order of the lines. */
      readonly problems: readonly Problem[];
    };

const options: ReadonlyMap<string, MosquittoOption> = new Map(
  [securityOptions, generalOptions, listenerOptions, tlsOptions, bridgeOptions].flat().map((each) => [each.name, each]),
);

const MOST_PROBLEMS = 200;
const MOST_FILES = 1_000;
const LONGEST_FILE = 2 ** 20;

/**
 * Reads the text of mosquitto.conf. Never throws: what cannot be used gives problems, each with its line and the name of the option.
 *
 * @param text the file's text, at most 1,048,576 characters
 */
export function readMosquittoConfiguration(text: string, given: MosquittoReadOptions): MosquittoConfigurationRead {
  const reader = new Reader(given);
  reader.file(text, given.file, true);
  const document = documentOf(reader.draft);
  const problems = [...reader.problems, ...document.problems];
  const read = readBrokerConfiguration(JSON.stringify(document.value), { ...given, file: `${given.file}.json` });
  for (const each of read.problems ?? []) problems.push(inMosquittosWords(each, document, given.file));
  const rules = document.aclFiles.flatMap((each) => aclRules(each, given, problems));
  if (read.configuration === undefined || problems.length > 0) return { problems: sorted(problems) };
  return { configuration: { ...read.configuration, rules }, warnings: sorted(reader.warnings) };
}

class Reader {
  readonly draft = new Draft();
  readonly problems: Problem[] = [];
  readonly warnings: Problem[] = [];
  private readonly warned = new Set<string>();
  private files = 0;

  constructor(private readonly given: MosquittoReadOptions) {}

  /** @param isMain whether the file may include a directory */
  file(text: string, file: string, isMain: boolean): void {
    if (text.length > LONGEST_FILE) {
      this.draft.origin = { file, line: 1 };
      this.report("", `is longer than ${LONGEST_FILE} characters`);
      return;
    }
    // Each file begins with the default listener, and outside of bridges.
    this.draft.current = this.draft.defaultListener;
    this.draft.bridge = undefined;
    for (const [i, each] of text.split("\n").entries()) {
      const line = each.trim();
      if (line === "" || line.startsWith("#")) continue;
      this.draft.origin = { file, line: i + 1 };
      const [, name = "", value = ""] = /^(\S+)\s*(.*)$/.exec(line) ?? [];
      if (name === "include_dir") this.include(value, isMain);
      else this.option(name, value);
    }
  }

  private option(name: string, value: string): void {
    const option = options.get(name) ?? options.get(name.replace(/^(auth|plugin)_opt_.*/, "$1_opt_*"));
    if (option === undefined) {
      const near = nearest(name.slice(0, 100), [...options.keys()]);
      this.unsupported(quoted(name), `is unknown${near === undefined ? "" : `; did you mean "${near}"?`}`);
      return;
    }
    if (option.support === "no") {
      this.unsupported(name, `is not supported: ${plain(option.note)}`);
      return;
    }
    if (value === "") {
      this.report(name, "requires a value");
      return;
    }
    const refusal = option.apply?.(value, this.draft);
    if (refusal === undefined) this.warn(option);
    else if ("problem" in refusal) this.report(name, refusal.problem);
    else if ("invalid" in refusal) this.report(name, `${refusal.invalid}, not ${quoted(value)}`);
    else this.unsupported(name, `${quoted(value)} is not supported: ${refusal.unsupported}`);
  }

  /** Includes the files of a directory, in the order of their names. */
  private include(directory: string, isMain: boolean): void {
    if (!isMain) {
      this.report("include_dir", "is allowed in the main file only");
      return;
    }
    try {
      const names = this.given.readDirectory(directory).filter((name) => name.endsWith(".conf"));
      for (const name of [...names].sort()) {
        if (this.files++ >= MOST_FILES) throw new Error(`more than ${MOST_FILES} files`);
        const path = `${directory.replace(/\/$/, "")}/${name}`;
        const { origin } = this.draft;
        this.file(this.given.readFile(path), path, false);
        this.draft.origin = origin;
      }
    } catch (error) {
      this.report("include_dir", `${quoted(directory)} cannot be read: ${reasonOf(error)}`);
    }
  }

  private warn({ name, note, warns }: MosquittoOption): void {
    if (warns !== true || this.warned.has(name)) return;
    this.warned.add(name);
    this.warnings.push({ ...this.draft.origin, key: name, message: plain(note) });
  }

  private unsupported(name: string, message: string): void {
    if (this.given.ignoreUnknown !== true) this.report(name, `${message}${IGNORABLE}`);
    else if (this.warnings.length < MOST_PROBLEMS)
      this.warnings.push({ ...this.draft.origin, key: name, message: `${message}; it is ignored` });
  }

  private report(key: string, message: string): void {
    if (this.problems.length < MOST_PROBLEMS) this.problems.push({ ...this.draft.origin, key, message });
  }
}

const IGNORABLE = "; to start without it, pass --ignore-unknown";

/** The options of mosquitto that become keys. */
const names: readonly (readonly [key: RegExp, option: string])[] = [
  ...bridgeOptionNames,
  [/\.tls\.cert$/, "certfile"],
  [/\.tls\.key$/, "keyfile"],
  [/\.tls\.client_ca$/, "cafile"],
  [/^listener\[\d+\]\.max_connections$/, "max_connections"],
  [/^listener\[\d+\]\.password_file$/, "password_file"],
  [/^listener/, "listener"],
  [/^users/, "password_file"],
  [/^persistence/, "persistence_location"],
  [/^sys/, "sys_interval"],
  [/max_count$/, "max_queued_messages"],
  [/max_bytes$/, "max_queued_bytes"],
  [/max_memory$/, "memory_limit"],
];

function inMosquittosWords({ key, message }: Problem, document: MosquittoDocument, file: string): Problem {
  const name = names.find(([pattern]) => pattern.test(key))?.[1] ?? key.replace(/^broker\./, "");
  const origin = document.originOf(key) ?? { file, line: 1 };
  if (message.startsWith(UNREACHABLE)) return { ...origin, key: name, message: REACHABLE_BY };
  // The line is one of the document that was made.
  return {
    ...origin,
    key: name,
    message: message.replace(/ is used in line \d+ already/, " is used by another listener"),
  };
}

/** A remark of the documentation as a part of a message. */
function plain(note: string): string {
  return note.replaceAll("`", "").replace(/\.$/, "");
}

/** The beginning of the problem of a listener at which no client could log in. */
const UNREACHABLE = "no client could log in";
const REACHABLE_BY =
  "no client could log in at this listener; write password_file, require_certificate with use_identity_as_username, or allow_anonymous true";

function aclRules(
  { file: { value, origin }, listener }: MosquittoDocument["aclFiles"][number],
  { readFile }: MosquittoReadOptions,
  problems: Problem[],
): readonly RuleSettings[] {
  try {
    const acl = parseMosquittoAcl(readFile(value), value);
    for (const problem of acl.problems) problems.push({ ...origin, key: "acl_file", message: problem });
    return listener === undefined ? acl.rules : acl.rules.map((rule) => ({ ...rule, listeners: [listener] }));
  } catch (error) {
    problems.push({ ...origin, key: "acl_file", message: `${quoted(value)} cannot be read: ${reasonOf(error)}` });
    return [];
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = Object(error) as { code?: unknown; message?: unknown };
  return typeof code === "string" ? code : String(message);
}

function sorted(problems: readonly Problem[]): readonly Problem[] {
  return [...problems].sort((a, b) => (a.file === b.file ? a.line - b.line : 0));
}
