/** `aiko-mqtt sn-sub`: prints the messages that an MQTT-SN gateway sends. */

import { type Message, platform } from "@aiko/mqtt";
import type { SnClient, SnMessage, SnTopic } from "@aiko/mqtt-gateway/sn";
import { ArgumentError, type Arguments, type OptionTable } from "../arguments.js";
import { type Command, CommandError } from "../command.js";
import { qualities } from "../connection-options.js";
import { withReasonCodes } from "../shell/exit-code.js";
import type { MessagePrinter } from "../shell/message-printer.js";
import { printerOf, printOptions } from "../shell/print-options.js";
import { TIMED_OUT, withinTimeout } from "../shell/timeout.js";
import { fired, type Terminal } from "../terminal.js";
import { identifierOf, MOST_SECONDS, snClientOf, snOptions, snTopicsOf } from "./sn-options.js";

const options = {
  topic: { letters: "t", value: "FILTER", help: "topic filter to subscribe to", repeats: true },
  qos: { letters: "q", value: "QOS", help: "highest QoS: 0, 1 or 2 (default: 0)" },
  count: { letters: "C", value: "COUNT", help: "exit after COUNT messages" },
  timeout: { letters: "W", value: "SECONDS", help: `exit after SECONDS, with exit code ${TIMED_OUT}` },
  sleep: { value: "SECONDS", help: "sleep after subscribing, and wake each SECONDS to take the messages" },
  "predefined-name": {
    value: "ID=TOPIC",
    help: "the topic of messages with a predefined identifier (default: the identifier)",
    repeats: true,
  },
  ...printOptions,
  ...snOptions,
} satisfies OptionTable;

type Option = keyof typeof options;

interface Reception {
  readonly topics: readonly SnTopic[];
  readonly qos: 0 | 1 | 2;
  /** How many messages are printed. */
  readonly count: number;
  /** Seconds; 0: the client stays awake. */
  readonly sleep: number;
}

export const snSub: Command = {
  usage: "[options] {-t FILTER | --predefined ID}",
  summary:
    "Prints the messages that an MQTT-SN gateway sends over UDP, until it is interrupted. Reconnects automatically.",
  options,
  examples: ["-t 'sensors/#' -v", "--predefined 7 -C 1 -W 5", "-t 'commands/n1/+' -q 1 -i n1 --sleep 60"],
  async run(args: Arguments<Option>, terminal: Terminal): Promise<void> {
    const reception = {
      topics: snTopicsOf(args),
      qos: args.choice<0 | 1 | 2>("qos", qualities, 0),
      count: args.has("count") ? args.integer("count", 1, 1, Number.MAX_SAFE_INTEGER) : Infinity,
      sleep: args.has("sleep") ? args.integer("sleep", 1, 1, MOST_SECONDS) : 0,
    };
    const printer = printerOf(args, terminal);
    await withReasonCodes(() => withinTimeout(args, terminal, (limited) => receive(args, limited, reception, printer)));
  },
};

async function receive(
  args: Arguments<Option>,
  terminal: Terminal,
  { topics, qos, count, sleep }: Reception,
  printer: MessagePrinter,
): Promise<void> {
  let printed = 0;
  let isConnected = false;
  /** A message of two filters comes twice. */
  const seen = new WeakSet<SnMessage>();
  let enough: () => void = () => undefined;
  const isEnough = new Promise<void>((resolve) => {
    enough = resolve;
  });
  const onMessage = async (message: SnMessage): Promise<void> => {
    if (printed >= count || seen.has(message)) return;
    seen.add(message);
    printed++;
    const received = { at: platform.clock.now(), packetIdentifier: 0, subscriptionIdentifier: undefined };
    const line = printer.print(asMessage(message), received);
    if (line !== undefined) await terminal.print(line);
    if (printed >= count) enough();
  };
  const client = snClientOf(args, terminal, {
    predefined: namesOf(args.all("predefined-name")),
    onMessage, // those that the gateway has kept for the session
    onState: (state, error) => {
      if (isConnected && error !== undefined) terminal.note(`${error.message}; the client is ${state}, and reconnects`);
    },
  });
  const work = async (): Promise<void> => {
    isConnected = true;
    await subscribe(client, topics, qos, onMessage);
    if (sleep > 0) await client.sleep(sleep);
    await isEnough;
  };
  const stopped = fired(terminal.stop);
  try {
    await Promise.race([connected(client, terminal).then(work), stopped]);
  } finally {
    await client.disconnect();
  }
}

/** Returns topic names by predefined identifier. @throws ArgumentError */
function namesOf(given: readonly string[]): Record<number, string> {
  const names: Record<number, string> = {};
  for (const text of given) {
    const at = text.indexOf("=");
    if (at < 0) throw new ArgumentError(`--predefined-name ${text}: must be ID=TOPIC`);
    names[identifierOf("predefined-name", text.slice(0, at))] = text.slice(at + 1);
  }
  return names;
}

async function connected(client: SnClient, terminal: Terminal): Promise<void> {
  try {
    await client.connect({ signal: terminal.stop });
  } catch (error) {
    throw terminal.stop.aborted ? new CommandError("interrupted before the gateway answered") : error;
  }
}

async function subscribe(
  client: SnClient,
  topics: readonly SnTopic[],
  qos: 0 | 1 | 2,
  onMessage: (message: SnMessage) => Promise<void>,
): Promise<void> {
  for (const topic of topics) await client.subscribe(topic, { qos, onMessage });
}

/** A predefined identifier without a name is printed as a number. */
function asMessage(message: SnMessage): Message {
  const { topic = String(message.predefinedId), payload, qos, retain, dup } = message;
  const text = () => message.text();
  return { topic, payload, qos, retain, dup, properties: {}, text, json: () => JSON.parse(text()) };
}
