/** The options that say where to connect and as whom, and the connection that comes of them. */

import type { ConnectOptions, WillOptions } from "@aiko/mqtt";
import { ArgumentError, type Arguments, type OptionTable } from "./arguments.js";

export const connectionOptions = {
  debug: { letters: "d", help: "say on standard error what happens" },
  host: { letters: "hH", value: "HOST", help: "the server's name or address; default localhost" },
  port: { letters: "p", value: "PORT", help: "default 1883" },
  url: { value: "URL", help: "the server as mqtt://HOST:PORT, instead of --host and --port" },
  id: { letters: "i", value: "ID", help: "client identifier; default: one that no other process uses" },
  username: { letters: "u", value: "NAME", help: "user name" },
  password: { letters: "P", value: "PASSWORD", help: "password; MQTT_PASSWORD in the environment does not show in ps" },
  "protocol-version": {
    letters: "V",
    value: "VERSION",
    help: "31, 311, 5 or auto (default): the newest that the server takes",
  },
} satisfies OptionTable;

export const willOptions = {
  will_topic: { letters: "w", value: "TOPIC", help: "topic of the will; one is sent if its message is given too" },
  will_message: { value: "MESSAGE", help: "what the server publishes if this client is lost", literal: true },
  will_qos: { value: "QOS", help: "0 (default), 1 or 2" },
  will_retain: { value: "0|1", help: "1: the server keeps the will for later subscribers; default 0" },
} satisfies OptionTable;

export const qosOption = { letters: "q", value: "QOS", help: "0 (default), 1 or 2" };

export type ConnectionOption = keyof typeof connectionOptions;
export type WillOption = keyof typeof willOptions;

/** Where to connect, and how. */
export interface Target {
  readonly url: string;
  readonly options: ConnectOptions;
  /** Whether the user chose the client identifier: another client may have it too then. */
  readonly hasChosenId: boolean;
}

/** The values of QoS as they are written. */
export const qualities = { "0": 0, "1": 1, "2": 2 } as const;
const versions = { "31": 3, "311": 4, "5": 5, auto: "auto" } as const;
const flags = { "0": false, "1": true };

const DEFAULT_PORT = 1883;
/** Milliseconds. Nobody at a terminal waits longer for a server that does not answer. */
const CONNECT_TIMEOUT = 5_000;
const LONGEST_RECONNECT_DELAY = 10_000;
/** What every server of MQTT 3.1 must take. */
const LONGEST_CLIENT_ID = 23;

/**
 * @param host what the command line names as the host besides --host
 * @throws ArgumentError
 */
export function targetOf(
  args: Arguments<ConnectionOption>,
  environment: Readonly<Record<string, string | undefined>>,
  defaultClientId: string,
  host?: string,
): Target {
  const url = serverUrl(args, host);
  return {
    url,
    hasChosenId: args.has("id"),
    options: {
      clientId: args.text("id") ?? uniqueClientId(defaultClientId),
      protocolVersion: args.choice<3 | 4 | 5 | "auto">("protocol-version", versions, "auto"),
      connectTimeout: CONNECT_TIMEOUT,
      reconnect: { maximumDelay: LONGEST_RECONNECT_DELAY },
      ...credentials(args, environment, url),
    },
  };
}

/** The will, if both its topic and its message were given. */
export function willOf(args: Arguments<WillOption>): { will?: WillOptions } {
  const qos = args.choice<0 | 1 | 2>("will_qos", qualities, 0);
  const retain = args.choice("will_retain", flags, false);
  const topic = args.text("will_topic");
  const payload = args.text("will_message");
  return topic === undefined || payload === undefined ? {} : { will: { topic, payload, qos, retain } };
}

/** Two clients with one identifier throw each other out, so each process makes its own. */
export function uniqueClientId(name: string): string {
  const random = Math.floor(Math.random() * 36 ** 6).toString(36);
  return `${name} ${process.pid.toString(36)}${random.padStart(6, "0")}`.slice(0, LONGEST_CLIENT_ID);
}

function serverUrl(args: Arguments<ConnectionOption>, operand: string | undefined): string {
  const url = args.text("url");
  if (operand !== undefined && args.has("host"))
    throw new ArgumentError(`argument "${operand}": the host is given by --host`);
  const host = operand ?? args.text("host");
  const port = args.integer("port", DEFAULT_PORT, 1, 65_535);
  if (url === undefined) return urlOf(host ?? "localhost", port);
  if (host !== undefined || args.has("port"))
    throw new ArgumentError("option --url: give it alone, without host and port");
  return url;
}

function urlOf(host: string, port: number): string {
  if (!/^[^\s/@?#[\]]+$/.test(host)) throw new ArgumentError(`host "${host}": must be a name or an address`);
  return `mqtt://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** The password of the environment is for whoever names a user: it alone must not change how a client connects. */
function credentials(
  args: Arguments<ConnectionOption>,
  environment: Readonly<Record<string, string | undefined>>,
  url: string,
): Pick<ConnectOptions, "username" | "password"> {
  const username = args.text("username") ?? usernameWithoutPassword(url);
  const given = args.text("password");
  if (given !== undefined && username === undefined && args.text("protocol-version") !== "5") {
    throw new ArgumentError("option --password: needs --username");
  }
  const password = given ?? (username === undefined ? undefined : environment["MQTT_PASSWORD"]);
  return { ...(username !== undefined && { username }), ...(password !== undefined && { password }) };
}

function usernameWithoutPassword(url: string): string | undefined {
  const [, username] = /^[a-z]+:\/\/([^:@/]+)@/i.exec(url) ?? [];
  try {
    return username === undefined ? undefined : decodeURIComponent(username);
  } catch {
    return undefined; // the client says what is wrong with this URL
  }
}
