/** The options of `sub --exec`, and what they mean. */

import { ArgumentError, type Arguments, type OptionTable } from "../arguments.js";
import { EX_TEMPFAIL, type ExecutionSettings } from "./execution.js";

const group = "Commands for messages";

export const execOptions = {
  exec: {
    value: "CMD",
    help: "run CMD with sh for each message instead of printing it; QoS 1 and 2 messages are acknowledged after exit code 0. The payload, or the printed message with -v, -F and --json, is on its standard input; MESSAGE_TOPIC and others are in its environment",
    literal: true,
    group,
  },
  "exec-arguments": { help: "pass topic and payload as $1 and $2 instead of on standard input", group },
  "exec-concurrency": { value: "COUNT", help: "how many commands may run at the same time (default: 1)", group },
  "exec-attempts": {
    value: "COUNT",
    help: `how often CMD is tried for a message (default: 10). After the last attempt, sub ends with exit code ${EX_TEMPFAIL}, and does not acknowledge the message`,
    group,
  },
  "exec-skip": { help: "after the last attempt, skip the message instead: acknowledge it and continue", group },
  "exec-delay": {
    value: "SECONDS",
    help: "time before the second attempt; doubles up to 60 s (default: 1)",
    group,
  },
  "exec-timeout": { value: "SECONDS", help: "kill CMD after SECONDS, as a failure (default: 300)", group },
} satisfies OptionTable;

export type ExecOption = keyof typeof execOptions;

export interface ExecSettings extends ExecutionSettings {
  readonly command: string;
  readonly hasArguments: boolean;
  /** In milliseconds. */
  readonly timeout: number;
}

const MOST_ATTEMPTS = 100;
const MOST_CONCURRENT = 256;
/** In seconds. With `MOST_ATTEMPTS`, a message takes less than the longest `handlerTimeout` of the library. */
const LONGEST_TIMEOUT = 14_400;
const LONGEST_FIRST_DELAY = 60;

/** Returns undefined if --exec was not given. @throws ArgumentError */
export function execSettings(args: Arguments<ExecOption>): ExecSettings | undefined {
  const command = args.text("exec");
  if (command === undefined) {
    const alone = (Object.keys(execOptions) as ExecOption[]).find((name) => args.has(name));
    if (alone !== undefined) throw new ArgumentError(`option --${alone} requires --exec`);
    return undefined;
  }
  return {
    command,
    hasArguments: args.has("exec-arguments"),
    concurrency: args.integer("exec-concurrency", 1, 1, MOST_CONCURRENT),
    attempts: args.integer("exec-attempts", 10, 1, MOST_ATTEMPTS),
    delay: millisecondsOf(args, "exec-delay", 1, LONGEST_FIRST_DELAY),
    timeout: millisecondsOf(args, "exec-timeout", 300, LONGEST_TIMEOUT),
    skips: args.has("exec-skip"),
  };
}

function millisecondsOf(
  args: Arguments<ExecOption>,
  name: "exec-delay" | "exec-timeout",
  otherwise: number,
  most: number,
): number {
  const text = args.text(name) ?? `${otherwise}`;
  if (/^\d+(\.\d+)?$/.test(text) && Number(text) > 0 && Number(text) <= most) return Number(text) * 1_000;
  throw new ArgumentError(`--${name} ${text}: must be a number of seconds, greater than 0 and at most ${most}`);
}
