/** The table of sources of the kind "exec". */

import {
  choice,
  dictionary,
  duration,
  type Kind,
  list,
  optional,
  preset,
  required,
  secret,
  syntax,
  table,
  text,
} from "@aiko/mqtt-configuration";
import type { ExecSettings } from "../configuration.js";
import { buildSource, checkSource, everySource, wireFields } from "../source-fields.js";

/** Milliseconds that a run may take if the configuration does not say so, and `every` is not longer. */
const USUAL_TIMEOUT = 60_000;

const interval = duration("100ms", "7d");

/** "stay", or a duration. */
const every = syntax<"stay" | number>({
  label: '"stay" \\| duration 100ms–7d',
  rule: 'must be "stay", or a duration from 100ms to 7d as a string with its unit',
  pattern: "^(stay|[0-9]{1,15}(ms|s|m|h|d))$",
  read: (written, place) => (written === "stay" ? written : interval.read(written, place)),
});

export const exec: Kind<ExecSettings> = table({
  title: '[[source]], kind = "exec"',
  about:
    "The gateway runs a command and reads what it prints. What the command writes to standard error goes to the log. The command and all that it has started end with the source.",
  fields: {
    kind: required(choice("exec"), "The kind of the source: the output of a command."),
    run: required(list(text(1, 4096), 1, 256), "The program and its arguments. There is no shell."),
    cwd: optional(text(1, 4096), "The directory in which it runs. Default: that of the gateway."),
    env: optional(dictionary(secret(), 100), "Environment variables in addition to those of the gateway."),
    restart: optional(
      table({
        title: "[source.restart]",
        about:
          "The delay before a command that has ended is started again. It is random, and grows from at most `min` to at most `max`.",
        fields: {
          min: preset(duration("10ms", "1d"), "1s", "The longest first delay."),
          max: preset(duration("10ms", "1d"), "60s", "The longest delay."),
        },
        check({ values: { min, max }, place }) {
          if (min !== undefined && max !== undefined && min > max)
            place.at("min").problem("must not be longer than max");
        },
        build: (values) => values,
      }),
      'The delays before the command is started again. Default: `min = "1s"`, `max = "60s"`.',
    ),
    every: preset(
      every,
      "stay",
      "`stay`: the command runs for ever, and is started again when it ends. A duration: it is run this often; a run that takes longer delays the next.",
    ),
    timeout: optional(
      duration("100ms", "7d", 0),
      "A run that takes longer is ended, and counts as failed. Requires `every` to be a duration. 0: no limit. Default: one minute, or `every` if that is longer.",
    ),
    ...wireFields,
  },
  inherits: everySource,
  check({ values, wrong, place }) {
    checkSource({ values, wrong, place }, values);
    if (values.restart !== undefined && typeof values.every === "number")
      place.at("restart").problem('requires every = "stay"; a command that runs from time to time is not restarted');
    if (values.timeout !== undefined && values.every === "stay")
      place
        .at("timeout")
        .problem('requires a duration in every, such as every = "1m"; a command that stays has no end');
  },
  build(
    { kind, run, cwd, env, restart, every: written, timeout, acknowledge, refuse, line_control, ...values },
    place,
  ) {
    const often = written === "stay" ? undefined : written;
    const built = buildSource(values, { acknowledge, refuse }, place);
    return (
      built && {
        ...built,
        kind,
        run,
        cwd,
        env: env ?? {},
        restart: restart ?? { min: 1_000, max: 60_000 },
        every: often,
        timeout: often === undefined || timeout === 0 ? Infinity : (timeout ?? Math.max(USUAL_TIMEOUT, often)),
        greeting: line_control?.greeting,
      }
    );
  },
});
