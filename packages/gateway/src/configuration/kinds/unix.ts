/** The table of sources of the kind "unix". */

import {
  boolean,
  choice,
  duration,
  integer,
  type Kind,
  optional,
  preset,
  required,
  syntax,
  table,
  text,
} from "@aiko/mqtt-configuration";
import type { UnixSettings } from "../configuration.js";
import { buildSource, checkSource, everySource, wireFields } from "../source-fields.js";

/** "0660" */
const mode = syntax({
  label: "permissions",
  rule: 'must be permissions in octal digits, such as "0660"',
  pattern: "^0?[0-7]{3}$",
  read: (written) => (/^0?[0-7]{3}$/.test(written) ? Number.parseInt(written, 8) : undefined),
});

/** Settings of a socket to which devices connect. */
const LISTENING = ["mode", "max_connections", "idle"] as const;

export const unix: Kind<UnixSettings> = table({
  title: '[[source]], kind = "unix"',
  about: "Programs on this machine connect to a Unix socket, or the gateway connects to that of a program.",
  fields: {
    kind: required(choice("unix"), "The kind of the source: a Unix socket."),
    path: required(text(1, 100), "The path of the socket."),
    listen: preset(
      boolean(),
      true,
      "Whether programs connect to the gateway. `false`: the gateway connects, again for ever.",
    ),
    mode: optional(mode, 'The permissions of the socket. Default: `"0660"`.'),
    max_connections: optional(integer(1, 100_000), "The most connections at a time. Others are closed. Default: 64."),
    idle: optional(
      duration("1s", "7d", 0),
      'A connection without a byte for this time is closed. 0: never. Default: `"5m"`.',
    ),
    ...wireFields,
  },
  inherits: everySource,
  check({ values, wrong, place }) {
    checkSource({ values, wrong, place }, values);
    const { listen, path, enabled } = values;
    for (const name of LISTENING) {
      if (listen === false && values[name] !== undefined)
        place.at(name).problem("requires listen = true; the gateway makes no socket to connect to");
    }
    if (path === undefined || listen !== true || enabled !== true) return;
    const line = place.reading.claim(`socket ${path}`, place.path);
    if (line !== undefined)
      place.at("path").problem(`the source in line ${line} listens at this path too; choose another`);
  },
  build(
    { kind, path, listen, mode: written, max_connections, idle, acknowledge, refuse, line_control, ...values },
    place,
  ) {
    const built = buildSource(values, { acknowledge, refuse }, place);
    return (
      built && {
        ...built,
        kind,
        path,
        listen,
        mode: written ?? 0o660,
        maxConnections: max_connections ?? 64,
        idle: idle ?? 300_000,
        greeting: line_control?.greeting,
      }
    );
  },
});
