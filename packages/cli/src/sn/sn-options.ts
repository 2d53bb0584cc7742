/** The options that `sn-pub` and `sn-sub` share: the gateway, the session, the will and the topics of MQTT-SN. */

import { createClient, type SnClient, type SnOptions, type SnTopic } from "@aiko/mqtt-gateway/sn";
import { ArgumentError, type Arguments, type OptionTable } from "../arguments.js";
import { groups } from "../connection-options.js";
import { assertHost, inUrl } from "../host.js";
import type { Terminal } from "../terminal.js";
import { willOf, willOptions } from "../will-options.js";

const { connection, session, other } = groups;

export const snOptions = {
  short: { help: "the topics are short topic names, of two bytes" },
  predefined: { value: "ID", help: "topic by its predefined identifier, 1 to 65534; replaces --topic", repeats: true },
  host: { letters: "hH", value: "HOST", help: "gateway name or address (default: localhost)", group: connection },
  port: { letters: "p", value: "PORT", help: "UDP port of the gateway (default: 10000)", group: connection },
  retry: {
    value: "SECONDS",
    help: "send a message again when it has no answer after SECONDS (default: 10)",
    group: connection,
  },
  retries: {
    value: "COUNT",
    help: "the gateway is lost if it does not answer COUNT repetitions (default: 3)",
    group: connection,
  },
  id: { letters: "i", value: "ID", help: "client identifier (default: random)", group: session },
  keepalive: { letters: "k", value: "SECONDS", help: "keep-alive; 0 disables it (default: 60)", group: session },
  "disable-clean-session": {
    letters: "c",
    help: "continue the session of this client identifier, and keep it at the gateway (requires --id)",
    group: session,
  },
  ...willOptions,
  debug: { letters: "d", help: "log protocol activity to stderr", group: other },
  quiet: { help: "report no errors and warnings", group: other },
} satisfies OptionTable;

export type SnOption = keyof typeof snOptions;

/** The most seconds of a keep-alive and of a sleep. */
export const MOST_SECONDS = 65_535;
const MOST_ID = 65_534;

/**
 * Returns a client that is not connected.
 *
 * @param more options of the command itself
 * @throws ArgumentError, UsageError
 */
export function snClientOf(args: Arguments<SnOption>, terminal: Terminal, more: SnOptions = {}): SnClient {
  const host = args.text("host") ?? "localhost";
  assertHost(host);
  const port = args.integer("port", 10_000, 1, 65_535);
  const isKept = args.has("disable-clean-session");
  if (isKept && !args.has("id")) throw new ArgumentError("--disable-clean-session requires --id");
  const isDebug = args.has("debug");
  return createClient(`udp://${inUrl(host)}:${port}`, {
    clientId: args.text("id"),
    keepAlive: args.integer("keepalive", 60, 0, MOST_SECONDS),
    cleanSession: !isKept,
    will: willOf(args),
    retry: 1000 * args.integer("retry", 10, 1, 3_600),
    retries: args.integer("retries", 3, 0, 100),
    onProblem: (problem) => {
      if (isDebug) terminal.note(`debug: ${(problem as Error).message}`);
    },
    ...more,
    onState: (state, error) => {
      if (isDebug) terminal.note(`debug: ${state}`);
      more.onState?.(state, error);
    },
  });
}

/** Returns the given topics, in order. @throws ArgumentError */
export function snTopicsOf(args: Arguments<SnOption | "topic">): readonly SnTopic[] {
  if (args.has("short") && !args.has("topic")) throw new ArgumentError("--short requires --topic");
  const topics = args.sequence("topic", "predefined").map(([name, text]): SnTopic => {
    if (name === "predefined") return { predefined: identifierOf(name, text) };
    return args.has("short") ? { short: text } : text;
  });
  if (topics.length === 0) throw new ArgumentError("missing required option --topic or --predefined");
  return topics;
}

/** Returns a predefined identifier. @param name the option @throws ArgumentError */
export function identifierOf(name: string, text: string): number {
  const id = Number(text);
  if (/^\d+$/.test(text) && id >= 1 && id <= MOST_ID) return id;
  throw new ArgumentError(`--${name} ${text}: must be an integer from 1 to ${MOST_ID}`);
}
