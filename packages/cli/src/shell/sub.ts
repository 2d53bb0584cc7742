/** `aiko-mqtt sub`: prints received messages, with the options and exit codes of mosquitto_sub. */

import type { Client, Message, QoS, RefusedError, SubscribeProperties } from "@aiko/mqtt";
import { assertTopicFilter } from "@aiko/mqtt/topic";
import { ArgumentError, type Arguments, type OptionTable } from "../arguments.js";
import { type Command, CommandError } from "../command.js";
import { qualities } from "../connection-options.js";
import { withClient } from "../live-client.js";
import { fired, type Terminal } from "../terminal.js";
import { withDefaults } from "./default-options.js";
import { execOptions, execSettings } from "./exec-options.js";
import { withReasonCodes } from "./exit-code.js";
import type { MessageCommands } from "./message-commands.js";
import { PatientTerminal } from "./patient-terminal.js";
import { printerOf, printOptions } from "./print-options.js";
import type { GivenProperties } from "./properties.js";
import { ReceivedIdentifiers } from "./received-identifiers.js";
import { type Destination, Reception, type ReceptionOptions } from "./reception.js";
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
  ...execOptions,
  ...shellOptions,
} satisfies OptionTable;

type Option = keyof typeof options;

/** Milliseconds for the last acknowledgements. */
const DRAIN_TIMEOUT = 1_000;
/** Milliseconds of a handler: the most that the library accepts, since commands have a timeout of their own. */
const LONGEST_HANDLER = 2_147_483_647;

const handlings = { always: 0, new: 1, never: 2 } as const;

export const sub: Command = withDefaults("sub", {
  usage: "[options] -t FILTER",
  summary: "Prints received messages until it is interrupted. Reconnects automatically.",
  options,
  examples: [
    "-t 'sensors/#' -v",
    "-t status -C 1 -W 5",
    "-t 'sensors/#' -F '%I %t %p'",
    "-t '#' --json | jq .topic",
    "-t jobs -q 1 -c -i worker --exec ./handle-job",
  ],
  async run(args: Arguments<Option>, terminal: Terminal): Promise<void> {
    const { target, urlTopic, properties } = shellOf(args as Arguments<ShellOption>, terminal.environment, "mqttSub", [
      "subscribe",
      "unsubscribe",
    ]);
    const topics = topicsOf(args, urlTopic);
    const { subscriptionIdentifier } = (properties.subscribe ?? {}) as SubscribeProperties;
    const receptionOptions = { ...receptionOptionsOf(args), subscriptionIdentifier };
    const commands = await commandsOf(args, terminal);
    const reception = new Reception(receptionOptions, commands ?? printing(args, terminal));
    await withReasonCodes(() =>
      withinTimeout(args as Arguments<ShellOption | "timeout">, terminal, (limited) =>
        withClient(
          target,
          commands === undefined ? limited : new PatientTerminal(limited, () => commands.end()),
          args.has("debug"),
          (client) => receive(client, args, topics, properties, reception, commands, limited),
        ),
      ),
    );
  },
});

/** @throws ArgumentError */
function printing(args: Arguments<Option>, terminal: Terminal): Destination {
  const printer = printerOf(args, terminal);
  return {
    countsWhenDone: false,
    deliver(message, received) {
      const line = printer.print(message, received);
      return line === undefined ? undefined : terminal.print(line);
    },
  };
}

/** Returns undefined without --exec. @throws ArgumentError */
async function commandsOf(args: Arguments<Option>, terminal: Terminal): Promise<MessageCommands | undefined> {
  const settings = execSettings(args);
  if (settings === undefined) return undefined;
  const isPrinted = (["format", "json", "verbose"] as const).some((name) => args.has(name));
  const printer = printerOf(args, terminal, false);
  // Loaded only now: node:child_process takes time that other calls do not need.
  const { MessageCommands } = await import("./message-commands.js");
  return new MessageCommands(
    settings,
    (message, received) => (isPrinted ? printer.print(message, received) : message.payload) ?? new Uint8Array(0),
    terminal,
  );
}

/** @throws ArgumentError */
function receptionOptionsOf(args: Arguments<Option>): Omit<ReceptionOptions, "subscriptionIdentifier"> {
  if (args.has("no-retained") && args.has("retained-only"))
    throw new ArgumentError("--no-retained cannot be combined with --retained-only");
  return {
    count: args.has("count") ? args.integer("count", 1, 1, Number.MAX_SAFE_INTEGER) : Infinity,
    retained: args.has("retained-only") ? "only" : args.has("no-retained") ? "none" : "too",
    filteredOut: args.all("filter-out"),
    removesRetained: args.has("remove-retained"),
    share: shareOf(args.text("random-filter")),
  };
}

async function receive(
  client: Client,
  args: Arguments<Option>,
  topics: readonly (readonly [string, QoS])[],
  properties: GivenProperties,
  reception: Reception,
  commands: MessageCommands | undefined,
  terminal: Terminal,
): Promise<void> {
  commands?.watch(client);
  const identifiers = new ReceivedIdentifiers(client);
  const leaving = args.all("unsubscribe");
  if (leaving.length > 0) await client.unsubscribe(leaving, { properties: properties.unsubscribe });
  const common = {
    noLocal: args.has("no-local"),
    retainAsPublished: args.has("retain-as-published"),
    retainHandling: args.choice<0 | 1 | 2>("retain-handling", handlings, 0),
    properties: properties.subscribe,
    ...(commands !== undefined && {
      concurrency: commands.concurrency,
      handlerTimeout: LONGEST_HANDLER,
    }),
    onMessage: (message: Message) => reception.take(message, identifiers.next(message), client),
  } as const;
  let denied: RefusedError | undefined;
  for (const qos of [0, 1, 2] as const) {
    const filters = topics.filter(([, each]) => each === qos).map(([filter]) => filter);
    if (filters.length === 0 || reception.isEnough) continue;
    const { granted } = await client.subscribe(filters, { ...common, qos });
    for (const { error } of granted) {
      if (error === undefined) continue;
      denied ??= error;
      terminal.note(error.message);
    }
  }
  if (!args.has("exit-after-suback")) await terminal.watchReader?.();
  if (args.has("debug")) terminal.note(`debug: subscribed to ${topics.map(([filter]) => filter).join(", ")}`);
  if (!args.has("exit-after-suback")) await untilEnough(client, reception, commands, terminal);
  if (denied !== undefined) throw new CommandError("the server denied a subscription", denied.reasonCode);
}

/** Waits until the messages are enough, or the user stops the command. Later messages are not acknowledged. */
async function untilEnough(
  client: Client,
  reception: Reception,
  commands: MessageCommands | undefined,
  terminal: Terminal,
): Promise<void> {
  if (commands === undefined) {
    const enough = reception.enough(() => void client.disconnect({ drainTimeout: DRAIN_TIMEOUT }));
    await Promise.race([enough, fired(terminal.stop)]);
    return;
  }
  try {
    await Promise.race([reception.enough(() => undefined), commands.failed, fired(terminal.stop)]);
  } finally {
    await commands.end();
    await client.disconnect({ drainTimeout: 0 }); // other handlers keep their messages, and never return
  }
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
