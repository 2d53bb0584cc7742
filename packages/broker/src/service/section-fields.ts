/** The sections [users], [persistence], [log], [sys] and [metrics]. */

import {
  address,
  boolean,
  choice,
  claimAddress,
  duration,
  type Kind,
  LOG_LEVELS,
  optional,
  preset,
  required,
  size,
  syntax,
  table,
  text,
} from "@aiko/mqtt-configuration";
import type {
  LogSettings,
  MetricsSettings,
  PersistenceSettings,
  SysSettings,
  UserSettings,
} from "./broker-configuration.js";
import { passwordFile } from "./password-field.js";

/** [users], with the default of `allow_anonymous` of the listeners. */
export interface WrittenUsers extends UserSettings {
  readonly allowAnonymous: boolean | undefined;
}

export const users: Kind<WrittenUsers> = table({
  title: "[users]",
  about: "Who may connect.",
  fields: {
    password_file: optional(
      passwordFile,
      'The path of a file with the lines "name:hash", as `aiko-mqtt broker passwd` and mosquitto_passwd write them. A reload reads it again.',
    ),
    allow_anonymous: optional(
      boolean(),
      "Whether clients without a user name may connect. Default: only on listeners that other machines cannot reach, and only without `password_file`.",
    ),
  },
  build: ({ password_file = { passwordFile: undefined, stored: undefined }, allow_anonymous }) => ({
    ...password_file,
    allowAnonymous: allow_anonymous,
  }),
});

export const persistence: Kind<PersistenceSettings> = table({
  title: "[persistence]",
  about:
    "Where sessions, queued messages and retained messages are kept. If it is missing, they are lost with the process.",
  fields: {
    dir: required(text(1, 4096), "The directory. It is created if it does not exist."),
    max_bytes: preset(
      size("1MiB", "1024GiB"),
      "1GiB",
      "The most bytes of sessions and messages on disk. At the limit, messages are refused with 0x97 (Quota exceeded).",
    ),
  },
  build: ({ dir, max_bytes }) => ({ dir, maximumBytes: max_bytes }),
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

export const sys: Kind<SysSettings> = table({
  title: "[sys]",
  about:
    "Statistics as retained messages below `$SYS/broker`, under mosquitto's names. If there are rules, clients need the right to read them.",
  fields: {
    interval: preset(duration("1s", "1d", 0), "10s", "How often they are updated. 0: they are not published."),
  },
  build: (values) => values,
});

export const metrics: Kind<MetricsSettings> = table({
  title: "[metrics]",
  about:
    "Metrics for Prometheus, over HTTP. `/health` answers 200, or 503 with the reason if the broker cannot store messages.",
  fields: {
    listen: required(address(), "The address to listen on. There is no password: prefer `127.0.0.1`."),
    path: preset(
      syntax({
        label: "path",
        rule: 'must be a path that begins with "/", such as "/metrics"',
        pattern: "^/[A-Za-z0-9._/-]{0,255}$",
        read: (written) => (/^\/[\w./-]{0,255}$/.test(written) ? written : undefined),
      }),
      "/metrics",
      "The path of the metrics.",
    ),
  },
  check({ values, place }) {
    if (values.listen !== undefined) claimAddress(values.listen, place.at("listen"));
  },
  build: (values) => values,
});
