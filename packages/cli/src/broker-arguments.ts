/**
 * The configuration of a broker from the options of a command line. It becomes the same document that a file would have, so that both are
 * checked by the same tables; problems name the option.
 */

import { type BrokerConfiguration, readBrokerConfiguration } from "@aiko/mqtt-broker/service";
import type { Problem } from "@aiko/mqtt-configuration";
import { ArgumentError, type Arguments, type OptionTable } from "./arguments.js";
import { readText } from "./configuration-file.js";
import { assertHost, inUrl } from "./host.js";
import type { Terminal } from "./terminal.js";

/** The options that a file replaces. */
export const brokerArguments = {
  host: { letters: "hH", value: "HOST", help: "address to listen on (default: 127.0.0.1, this machine only)" },
  port: {
    letters: "p",
    value: "PORT",
    help: "port to listen on; 0 picks a free port (default: 1883, with --cert 8883)",
  },
  "websocket-port": { value: "PORT", help: "also accept WebSocket connections on this port; 0 picks a free port" },
  "allowed-origin": {
    value: "ORIGIN",
    help: "allow WebSocket connections from web pages of this origin, as in https://app.example",
    repeats: true,
  },
  unix: { value: "PATH", help: "listen on a Unix socket instead of a port" },
  cert: { value: "FILE", help: "PEM file with the server's certificate: only TLS connections are accepted" },
  key: { value: "FILE", help: "PEM file with the private key of --cert" },
  cafile: { value: "FILE", help: "PEM file with authorities: clients need a certificate of one of them" },
  "password-file": { value: "FILE", help: 'file with users and password hashes, as "broker passwd" writes it' },
  "allow-anonymous": { help: "allow clients without a user name also from other machines" },
  persist: { value: "DIR", help: "directory in which sessions and messages survive a restart (default: none)" },
} satisfies OptionTable;

export type BrokerArgument = keyof typeof brokerArguments;

const LARGEST_PORT = 65_535;
const THIS_MACHINE = /^(127(\.\d+){3}|::1|localhost)$/i;
const EVERYWHERE = /^(0|0\.0\.0\.0|::0?)$/;

/** @throws ArgumentError that names the option */
export function configurationOf(
  args: Arguments<BrokerArgument>,
  { environment }: Pick<Terminal, "environment">,
): BrokerConfiguration {
  const document = documentOf(args);
  const text = JSON.stringify(document);
  const { configuration, problems } = readBrokerConfiguration(text, {
    file: "options.json",
    environment,
    readFile: readText,
  });
  if (problems !== undefined) throw new ArgumentError(problems.map(inOptions)[0] ?? "");
  return configuration;
}

/** Returns a warning if other machines may connect without a password. */
export function reachWarning(args: Arguments<BrokerArgument>): string | undefined {
  const host = hostOf(args);
  const isOpen = !args.has("unix") || args.has("websocket-port");
  const isAnonymous = args.has("allow-anonymous");
  if (!isOpen || !isAnonymous || THIS_MACHINE.test(host)) return undefined;
  return `${reachOf(host)}, and the broker does not require a password`;
}

/** Whether the options name files, which a reload reads again. */
export function namesFiles(args: Arguments<BrokerArgument>): boolean {
  return args.has("cert") || args.has("password-file");
}

function documentOf(args: Arguments<BrokerArgument>): object {
  const host = hostOf(args);
  assertHost(host);
  const tls = tlsOf(args);
  const port = args.integer("port", tls === undefined ? 1883 : 8883, 0, LARGEST_PORT);
  const path = args.text("unix");
  const hasWebSockets = args.has("websocket-port");
  if (path !== undefined && args.has("port")) throw new ArgumentError("--unix cannot be combined with --port");
  if (path !== undefined && args.has("host") && !hasWebSockets)
    throw new ArgumentError("--unix cannot be combined with --host");
  const origins = args.all("allowed-origin");
  if (origins.length > 0 && !hasWebSockets) throw new ArgumentError("--allowed-origin requires --websocket-port");
  if (path !== undefined && tls !== undefined && !hasWebSockets)
    throw new ArgumentError("--unix cannot be combined with --cert, --key and --cafile");
  assertReachable(args, host);
  const at = inUrl(host);
  const s = tls === undefined ? "" : "s";
  const first = path === undefined ? { url: `mqtt${s}://${at}:${port}`, tls } : { url: `unix:${path}` };
  const webPort = args.integer("websocket-port", 0, 0, LARGEST_PORT);
  const web = { url: `ws${s}://${at}:${webPort}`, tls, allowed_origins: origins };
  const isAnonymous = args.has("allow-anonymous");
  return {
    listener: hasWebSockets ? [first, web] : [first],
    users: { password_file: args.text("password-file"), ...(isAnonymous && { allow_anonymous: true }) },
    ...(args.has("persist") && { persistence: { dir: args.text("persist") } }),
    log: { level: "warn" },
  };
}

function hostOf(args: Arguments<BrokerArgument>): string {
  return args.text("host") ?? "127.0.0.1";
}

function tlsOf(args: Arguments<BrokerArgument>): object | undefined {
  const [cert, key, client_ca] = [args.text("cert"), args.text("key"), args.text("cafile")];
  if (cert === undefined && key === undefined && client_ca === undefined) return undefined;
  if (cert === undefined)
    throw new ArgumentError(`missing required option --cert, for ${key === undefined ? "--cafile" : "--key"}`);
  if (key === undefined) throw new ArgumentError("missing required option --key, for --cert");
  return { cert, key, client_ca };
}

/** Otherwise, anyone could use the broker, or no client could. */
function assertReachable(args: Arguments<BrokerArgument>, host: string): void {
  const isProtected = args.has("password-file") || args.has("cafile") || args.has("allow-anonymous");
  const isLocal = THIS_MACHINE.test(host) || (args.has("unix") && !args.has("websocket-port"));
  if (!isProtected && !isLocal)
    throw new ArgumentError(`--host ${host}: ${reachOf(host)}; pass --password-file, --cafile or --allow-anonymous`);
}

function reachOf(host: string): string {
  return EVERYWHERE.test(host)
    ? `${host} means every address of this machine`
    : `${host} may be reachable from other machines`;
}

/** The options that become keys of the document. */
const flags: readonly (readonly [key: RegExp, flag: string])[] = [
  [/^listener\[\d+\]\.tls\.cert$/, "--cert"],
  [/^listener\[\d+\]\.tls\.key$/, "--key"],
  [/^listener\[\d+\]\.tls\.client_ca$/, "--cafile"],
  [/^listener\[\d+\]\.allowed_origins/, "--allowed-origin"],
  [/^listener\[\d+\]\.url$/, "--host, --port or --unix"],
  [/^users\.password_file$/, "--password-file"],
  [/^persistence/, "--persist"],
];

function inOptions({ key, message }: Problem): string {
  const flag = flags.find(([pattern]) => pattern.test(key))?.[1] ?? key;
  // The line is one of the document that was made.
  return `${flag}: ${message.replace(/ is used in line \d+ already/, " is used by another listener")}`;
}
