/** `aiko-mqtt sub`: prints received messages, with the options and exit codes of mosquitto_sub. */

import { type Client, type Message, platform, type QoS, type RefusedError, type SubscribeProperties } from "@aiko/mqtt";
import { assertTopicFilter, topicFilterMatches } from "@aiko/mqtt/topic";
import { ArgumentError, type Arguments, type OptionTable } from "../arguments.js";
import { type Command, CommandError } from "../command.js";
import { qualities } from "../connection-options.js";
import { withClient } from "../live-client.js";
import { fired, type Terminal } from "../terminal.js";
import { withReasonCodes } from "./exit-code.js";
import type { MessagePrinter } from "./message-printer.js";
import { printerOf, printOptions } from "./print-options.js";
import type { GivenProperties } from "./properties.js";
import { ReceivedIdentifiers } from "./received-identifiers.js";
import { type ShellOption, shellOf, shellOptions } from "./shell-options.js";
import { TIMED_OUT, withinTimeout } from "./timeout.js";

const options = {
  topic: { letters: "t", value: "FILTER", help: "topic filter to subscribe to", repeats: true },
  qos: {
    letters: "q",
    value: "QOS",
    help: "highest QoS: 0, 1 or 2 (default: 0). If specified several times, each one holds for the topics before it",
    repeats: true,
  },
  "filter-out": { letters: "T", value: "FILTER", help: "do not print messages with these topics", repeats: true },
  unsubscribe: { letters: "U", value: "FILTER", help: "unsubscribe from FILTER first", repeats: true },
  count: { letters: "C", value: "COUNT", help: "exit after COUNT messages" },
  timeout: { letters: "W", value: "SECONDS", help: `exit after SECONDS, with exit code ${TIMED_OUT}` },
  "exit-after-suback": { letters: "E", help: "exit when the server has acknowledged the subscriptions" },
  ...printOptions,
  "no-retained": { letters: "R", help: "do not print retained messages" },
  "retained-only": { help: "print retained messages only, and exit at the first other one" },
  "remove-retained": { help: "remove the retained messages that are printed" },
  "random-filter": { value: "PERCENT", help: "print only this share of the messages, by chance" },
  "retain-as-published": { help: "MQTT 5: keep the retain flag of messages as they were published" },
  "retain-handling": { value: "WHEN", help: "MQTT 5: retained messages always, new (subscriptions) or never" },
  "no-local": { help: "MQTT 5: do not receive messages of the same client identifier" },
  ...shellOptions,
} satisfies OptionTable;

type Option = keyof typeof options;

const handlings = { always: 0, new: 1, never: 2 } as const;

export const sub: Command = {
  usage: "[options] -t FILTER",
  summary: "Prints received messages until it is interrupted. Reconnects automatically.",
  options,
  examples: ["-t 'sensors/#' -v", "-t status -C 1 -W 5", "-t 'sensors/#' -F '%I %t %p'", "-t '#' --json | jq .topic"],
  async run(args: Arguments<Option>, terminal: Terminal): Promise<void> {
    const { target, urlTopic, properties } = shellOf(args as Arguments<ShellOption>, terminal.environment, "mqttSub", [
      "subscribe",
      "unsubscribe",
    ]);
    const topics = topicsOf(args, urlTopic);
    if (args.has("no-retained") && args.has("retained-only"))
      throw new ArgumentError("--no-retained cannot be combined with --retained-only");
    const printer = printerOf(args, terminal);
    const count = args.has("count") ? args.integer("count", 1, 1, Number.MAX_SAFE_INTEGER) : Infinity;
    const { subscriptionIdentifier: chosen } = (properties.subscribe ?? {}) as SubscribeProperties;
    const reception = new Reception(args, terminal, printer, count, chosen);
    await withReasonCodes(() =>
      withinTimeout(args as Arguments<ShellOption | "timeout">, terminal, (limited) =>
        withClient(target, limited, args.has("debug"), (client) =>
          receive(client, args, topics, properties, reception, limited),
        ),
      ),
    );
  },
};

/** The messages that were received, and when they are enough. */
class Reception {
  private left: number;
  private finish: () => void = () => undefined;
  readonly finished = new Promise<void>((resolve) => {
    this.finish = resolve;
  });
  private readonly filtered: readonly string[];
  private readonly share: number;

  constructor(
    private readonly args: Arguments<Option>,
    private readonly terminal: Terminal,
    private readonly printer: MessagePrinter,
    count: number,
    /** The subscription identifier that the user chose. */
    private readonly chosen: number | undefined,
  ) {
    this.left = count;
    this.filtered = args.all("filter-out");
    this.share = shareOf(args.text("random-filter"));
  }

  take(message: Message, packetIdentifier: number, client: Client): Promise<unknown> | undefined {
    const { args } = this;
    if (this.left === 0) return undefined;
    if (args.has("retained-only") && !message.retain) {
      this.end();
      return undefined;
    }
    if (args.has("no-retained") && message.retain) return undefined;
    if (this.filtered.some((filter) => topicFilterMatches(filter, message.topic))) return undefined;
    const removal =
      args.has("remove-retained") && message.retain
        ? client.publish(message.topic, "", { qos: 1, retain: true })
        : undefined;
    if (platform.random.next() * 100 >= this.share) return removal;
    const isChosen = message.properties.subscriptionIdentifiers?.some((each) => each === this.chosen) === true;
    const subscriptionIdentifier = isChosen ? this.chosen : undefined;
    const line = this.printer.print(message, { at: platform.clock.now(), packetIdentifier, subscriptionIdentifier });
    const printed = line === undefined ? undefined : this.terminal.print(line);
    if (--this.left === 0) this.end();
    return removal === undefined ? printed : Promise.all([removal, printed]);
  }

  private end(): void {
    this.left = 0;
    this.finish();
  }
}

async function receive(
  client: Client,
  args: Arguments<Option>,
  topics: readonly (readonly [string, QoS])[],
  properties: GivenProperties,
  reception: Reception,
  terminal: Terminal,
): Promise<void> {
  const identifiers = new ReceivedIdentifiers(client);
  const leaving = args.all("unsubscribe");
  if (leaving.length > 0) await client.unsubscribe(leaving, { properties: properties.unsubscribe });
  const common = {
    noLocal: args.has("no-local"),
    retainAsPublished: args.has("retain-as-published"),
    retainHandling: args.choice<0 | 1 | 2>("retain-handling", handlings, 0),
    properties: properties.subscribe,
    onMessage: (message: Message) => reception.take(message, identifiers.next(message), client),
  } as const;
  let denied: RefusedError | undefined;
  for (const qos of [0, 1, 2] as const) {
    const filters = topics.filter(([, each]) => each === qos).map(([filter]) => filter);
    if (filters.length === 0) continue;
    const { granted } = await client.subscribe(filters, { ...common, qos });
    for (const { error } of granted) {
      if (error === undefined) continue;
      denied ??= error;
      terminal.note(error.message);
    }
  }
  if (args.has("debug")) terminal.note(`debug: subscribed to ${topics.map(([filter]) => filter).join(", ")}`);
  if (!args.has("exit-after-suback")) await Promise.race([reception.finished, fired(terminal.stop)]);
  if (denied !== undefined) throw new CommandError("the server denied a subscription", denied.reasonCode);
}

/** Returns the topic filters, each with its QoS. */
function topicsOf(args: Arguments<Option>, urlTopic: string | undefined): readonly (readonly [string, QoS])[] {
  const given = args.sequence("topic", "qos");
  const qualitiesGiven = given.filter(([name]) => name === "qos").map(([, text]) => qualityOf(text));
  const topics: [string, QoS | undefined][] = urlTopic === undefined ? [] : [[urlTopic, undefined]];
  for (const [name, text] of given) {
    if (name === "topic") topics.push([text, undefined]);
    else if (qualitiesGiven.length > 1) for (const topic of topics) topic[1] ??= qualityOf(text);
  }
  const otherwise = qualitiesGiven.at(-1) ?? 0;
  for (const [filter] of topics) assertTopicFilter(filter);
  for (const name of ["filter-out", "unsubscribe"] as const)
    for (const filter of args.all(name)) assertTopicFilter(filter);
  if (topics.length === 0 && !args.has("unsubscribe")) throw new ArgumentError("missing required option --topic");
  return topics.map(([filter, qos]) => [filter, qos ?? otherwise]);
}

function qualityOf(text: string): QoS {
  if (Object.hasOwn(qualities, text)) return qualities[text as keyof typeof qualities];
  throw new ArgumentError(`--qos ${text}: must be 0, 1 or 2`);
}

function shareOf(text: string | undefined): number {
  if (text === undefined) return 100;
  const share = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && share >= 0.1 && share <= 100) return share;
  throw new ArgumentError(`--random-filter ${text}: must be a number from 0.1 to 100`);
}
