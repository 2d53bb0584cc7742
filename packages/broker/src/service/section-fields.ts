/** The sections [users], [persistence] and [log]. */

import {
  boolean,
  choice,
  type Kind,
  LOG_LEVELS,
  optional,
  preset,
  required,
  table,
  text,
} from "@aiko/mqtt-configuration";
import type { LogSettings, PersistenceSettings, UserSettings } from "./broker-configuration.js";

/** [users], with the default of `allow_anonymous` of the listeners. */
export interface WrittenUsers extends UserSettings {
  readonly allowAnonymous: boolean | undefined;
}

export const users: Kind<WrittenUsers> = table({
  title: "[users]",
  about: "Who may connect.",
  fields: {
    password_file: optional(
      text(1, 4096),
      'The path of a file with the lines "name:hash", as `aiko-mqtt broker passwd` and mosquitto_passwd write them. A reload reads it again.',
    ),
    allow_anonymous: optional(
      boolean(),
      "Whether clients without a user name may connect. Default: only on listeners that other machines cannot reach, and only without `password_file`.",
    ),
  },
  build: ({ password_file, allow_anonymous }) => ({ passwordFile: password_file, allowAnonymous: allow_anonymous }),
});

export const persistence: Kind<PersistenceSettings> = table({
  title: "[persistence]",
  about:
    "Where sessions, queued messages and retained messages are kept. If it is missing, they are lost with the process.",
  fields: { dir: required(text(1, 4096), "The directory. It is created if it does not exist.") },
  build: (values) => values,
});

export const log: Kind<LogSettings> = table({
  title: "[log]",
  about: "What is written to standard error.",
  fields: {
    level: preset(
      choice(...LOG_LEVELS),
      "info",
      "The least important lines that are written: `info` includes connections, `debug` also subscriptions and messages.",
    ),
    format: preset(choice("text", "json"), "text", "How lines are written."),
  },
  build: (values) => values,
});
