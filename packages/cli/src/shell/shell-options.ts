/** The options that `pub`, `sub` and `rr` share: those of mosquitto's clients, under their names, and some of ours. */

import { readFileSync } from "node:fs";
import type { ConnectOptions, TlsProvider, WillOptions } from "@aiko/mqtt";
import { ArgumentError, type Arguments, type OptionTable } from "../arguments.js";
import { connectionOptions, exposedBy, groups, type Target, targetOf, uniqueClientId } from "../connection-options.js";
import { willOf, willOptions } from "../will-options.js";
import { ArgumentsWithDefaults } from "./default-options.js";
import { type PropertyTarget, propertiesOf, propertyLength } from "./properties.js";
import { enablesTls, trustOptions, withTrust } from "./trust-options.js";

const { connection, session, properties, other } = groups;

export const shellOptions = {
  ...connectionOptions,
  url: {
    letters: "L",
    value: "URL",
    help: "server, user, password and topic, as in mqtt://user:password@host:1883/topic",
    secret: true,
    group: connection,
  },
  password: { ...connectionOptions.password, aliases: ["pw"] },
  "password-file": { value: "FILE", help: "file whose first line is the password", group: connection },
  ...trustOptions,
  "id-prefix": {
    letters: "I",
    value: "PREFIX",
    help: "begin the random client identifier with PREFIX",
    group: session,
  },
  keepalive: { letters: "k", value: "SECONDS", help: "keep-alive; 0 disables it (default: 60)", group: session },
  "disable-clean-session": {
    letters: "c",
    help: "continue the session of this client identifier, and keep it at the server (requires --id)",
    group: session,
  },
  "session-expiry-interval": {
    letters: "x",
    value: "SECONDS",
    help: "how long the server keeps the session; -1: for ever (default: -1 with -c, otherwise 0)",
    literal: true,
    group: session,
  },
  bind: { letters: "A", value: "ADDRESS", help: "local address to connect from", group: connection },
  ...willOptions,
  property: {
    letters: "D",
    value: "COMMAND NAME VALUE",
    help: "property of a packet, as in: -D connect user-property key value",
    length: propertyLength,
    repeats: true,
    group: properties,
  },
  quiet: { help: "report no errors and warnings", group: other },
  nodelay: { help: "has no effect: packets are never delayed", group: other },
} satisfies OptionTable;

export type ShellOption = keyof typeof shellOptions;

/** Where and how a command connects, and what else the shared options say. */
export interface Shell {
  readonly target: Target;
  /** The topic in the URL of --url; undefined if it has none. */
  readonly urlTopic: string | undefined;
  readonly properties: ReturnType<typeof propertiesOf>;
}

const MOST_SECONDS = 4_294_967_295;

/**
 * @param name the beginning of the random client identifier
 * @param packets the packets whose properties can be set, in addition to CONNECT, DISCONNECT and the will
 * @throws ArgumentError
 */
export function shellOf(
  args: Arguments<ShellOption>,
  environment: Readonly<Record<string, string | undefined>>,
  name: string,
  packets: readonly PropertyTarget[],
): Shell {
  const given = propertiesOf(args.all("property"), ["connect", ...packets, "disconnect", "will"]);
  const { url, topic: urlTopic } = splitUrl(args.text("url"));
  const password = passwordOf(args);
  const settings = enablesTls(args) ? args.with("tls", "") : args;
  const variables = password === undefined ? environment : { ...environment, MQTT_PASSWORD: password };
  const target = targetOf(url === undefined ? settings : settings.with("url", url), variables, name);
  if (password !== undefined && target.options.password === undefined)
    throw new ArgumentError("--password-file requires --username");
  const prefix = args.text("id-prefix");
  if (prefix !== undefined && args.has("id")) throw new ArgumentError("--id cannot be combined with --id-prefix");
  const isKept = args.has("disable-clean-session");
  if (isKept && !args.has("id") && prefix === undefined)
    throw new ArgumentError("--disable-clean-session requires --id: a session belongs to a client identifier");
  const localAddress = args.text("bind");
  const will = willWith(args, given.will as WillOptions["properties"]);
  return {
    urlTopic,
    properties: given,
    target: {
      ...target,
      exposedBy: exposedBy(args instanceof ArgumentsWithDefaults ? args.onCommandLine : args),
      options: {
        ...target.options,
        ...(enablesTls(args) && { tls: withTrust(args, target.options.tls as TlsProvider) }),
        ...(prefix !== undefined && { clientId: uniqueClientId(prefix) }),
        ...(localAddress !== undefined && { localAddress }),
        ...(will !== undefined && { will }),
        keepAlive: args.integer("keepalive", 60, 0, 65_535),
        cleanStart: !isKept,
        properties: { ...given.connect, ...expiryOf(args, isKept) },
      } as ConnectOptions,
    },
  };
}

/** Returns the password of --password-file. @throws ArgumentError */
function passwordOf(args: Arguments<ShellOption>): string | undefined {
  const path = args.text("password-file");
  if (path === undefined) return undefined;
  if (args.has("password")) throw new ArgumentError("--password-file cannot be combined with --password");
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new ArgumentError(`--password-file ${path}: ${(error as Error).message}`);
  }
  const [line = ""] = text.split(/\r?\n/, 1);
  if (line === "") throw new ArgumentError(`--password-file ${path}: its first line is empty`);
  return line;
}

function expiryOf(args: Arguments<ShellOption>, isKept: boolean): { sessionExpiryInterval?: number } {
  const text = args.text("session-expiry-interval");
  if (text === undefined) return isKept ? { sessionExpiryInterval: MOST_SECONDS } : {};
  if (text === "-1" || text === "∞") return { sessionExpiryInterval: MOST_SECONDS };
  return { sessionExpiryInterval: args.integer("session-expiry-interval", 0, 0, MOST_SECONDS) };
}

function willWith(args: Arguments<ShellOption>, properties: WillOptions["properties"]): WillOptions | undefined {
  const will = willOf(args);
  if (will === undefined && properties !== undefined)
    throw new ArgumentError("properties of the will require --will-topic");
  return will && { ...will, ...(properties !== undefined && { properties }) };
}

/** mosquitto's URLs end with the topic. In URLs of WebSockets, the path is the server's. */
function splitUrl(url: string | undefined): { url: string | undefined; topic: string | undefined } {
  const [, server, topic] = /^([Mm][Qq][Tt]{2}[Ss]?:\/\/[^/]*)\/(.*)$/.exec(url ?? "") ?? [];
  if (server === undefined || topic === undefined) return { url, topic: undefined };
  return { url: server, topic: topic === "" ? undefined : topic };
}
