/** `aiko-mqtt pub`: publishes messages, with the options and exit codes of mosquitto_pub. */

import { type Client, type MessageProperties, platform, type QoS } from "@aiko/mqtt";
import { assertTopicName } from "@aiko/mqtt/topic";
import { ArgumentError, type Arguments, type OptionTable } from "../arguments.js";
import { type Command, CommandError } from "../command.js";
import { qualities } from "../connection-options.js";
import { withClient } from "../live-client.js";
import type { Terminal } from "../terminal.js";
import { withDefaults } from "./default-options.js";
import { withReasonCodes } from "./exit-code.js";
import { LARGEST_PAYLOAD, linesOf, standardInput } from "./input-lines.js";
import { chosenOf, payloadFrom, payloadOptions } from "./payload-source.js";
import { readRecord } from "./record.js";
import { type ShellOption, shellOf, shellOptions } from "./shell-options.js";
import { TIMED_OUT, withinTimeout } from "./timeout.js";
import { Window } from "./window.js";

const options = {
  topic: { letters: "t", value: "TOPIC", help: "topic to publish to" },
  ...payloadOptions,
  "stdin-line": { letters: "l", help: "publish each line of standard input as a message" },
  lines: {
    value: "json",
    help: "publish each line of standard input, a JSON object as `sub --json` prints it; replaces --topic",
  },
  qos: { letters: "q", value: "QOS", help: "QoS: 0, 1 or 2 (default: 0)" },
  retain: { letters: "r", help: "make the server retain the message for later subscribers" },
  repeat: { value: "COUNT", help: "publish the message COUNT times" },
  "repeat-delay": { value: "SECONDS", help: "time between two of them (default: 0)" },
  timeout: { letters: "W", value: "SECONDS", help: `give up after SECONDS, with exit code ${TIMED_OUT}` },
  ...shellOptions,
} satisfies OptionTable;

type Option = keyof typeof options;

/** The most bytes that may be pending: one message of any size, in addition to what `Window` allows. */
const MOST_PENDING = 2 * LARGEST_PAYLOAD;

/** The options of which one says what is published. */
const sources = ["message", "file", "stdin-line", "stdin-file", "null-message", "lines"] as const;

interface Publication {
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties: MessageProperties | undefined;
}

export const pub: Command = withDefaults("pub", {
  usage: "[options] -t TOPIC {-m MESSAGE | -f FILE | -l | -n | -s}",
  summary: "Publishes messages, waits for their outcome and exits.",
  options,
  examples: [
    "-t kitchen/light -m on -q 1 -r",
    "-h broker.example -p 8883 --tls -u ann -t status -f report.json",
    "-t log -l < /var/log/messages",
  ],
  async run(args: Arguments<Option>, terminal: Terminal): Promise<void> {
    const shell = shellOf(args as Arguments<ShellOption>, terminal.environment, "mqttPub", ["publish"]);
    const source = chosenOf(args, sources);
    if (source === "lines" && args.text("lines") !== "json")
      throw new ArgumentError(`--lines ${args.text("lines")}: must be json`);
    const topic = topicOf(args, shell.urlTopic, source);
    const publication = {
      qos: args.choice<QoS>("qos", qualities, 0),
      retain: args.has("retain"),
      properties: shell.properties.publish as MessageProperties | undefined,
    };
    const repetition = repetitionOf(args, source);
    const { target } = shell;
    // A single message fails with its connection. A stream goes on with the next connection.
    const isStream = source === "stdin-line" || source === "lines";
    const settings = { ...target.options, outbox: { maximumBytes: MOST_PENDING } };
    const connecting = { ...target, options: isStream ? settings : { ...settings, reconnect: false as const } };
    const payload = isStream ? "" : await payloadFrom(source, args);
    await withReasonCodes(() =>
      withinTimeout(args as Arguments<ShellOption | "timeout">, terminal, (limited) =>
        withClient(
          connecting,
          limited,
          args.has("debug"),
          async (client) => {
            if (source === "stdin-line") await publishLines(client, topic, publication);
            else if (source === "lines") await publishRecords(client);
            else await publishRepeatedly(client, topic, payload, publication, repetition);
          },
          "interrupted before the outcome was known",
        ),
      ),
    );
  },
});

async function publishRepeatedly(
  client: Client,
  topic: string,
  payload: string | Uint8Array,
  publication: Publication,
  { count, delay }: Repetition,
): Promise<void> {
  for (let i = 0; i < count; i++) {
    if (i > 0 && delay > 0) await new Promise<void>((resolve) => platform.clock.schedule(delay, resolve));
    await client.publish(topic, payload, publication);
  }
}

async function publishLines(client: Client, topic: string, publication: Publication): Promise<void> {
  const window = new Window();
  for await (const lines of linesOf(standardInput())) {
    for (const line of lines) window.add(client.publish(topic, line, publication), line.length);
    await window.room();
  }
  await window.empty();
}

async function publishRecords(client: Client): Promise<void> {
  const window = new Window();
  let number = 0;
  for await (const lines of linesOf(standardInput())) {
    for (const line of lines) {
      number++;
      if (line.length === 0) continue;
      try {
        const { topic, payload, options: each } = readRecord(Buffer.from(line).toString());
        window.add(client.publish(topic, payload, each), line.length);
      } catch (error) {
        await window.empty();
        throw new CommandError(`standard input, line ${number}: ${(error as Error).message}`);
      }
    }
    await window.room();
  }
  await window.empty();
}

function topicOf(args: Arguments<Option>, urlTopic: string | undefined, source: (typeof sources)[number]): string {
  if (source === "lines") {
    const other = (["topic", "qos", "retain"] as const).find((name) => args.has(name));
    if (other !== undefined) throw new ArgumentError(`--${other} cannot be combined with --lines, which contains it`);
    return "";
  }
  const topic = args.text("topic") ?? urlTopic ?? args.required("topic");
  assertTopicName(topic);
  return topic;
}

interface Repetition {
  readonly count: number;
  /** In milliseconds. */
  readonly delay: number;
}

function repetitionOf(args: Arguments<Option>, source: (typeof sources)[number]): Repetition {
  const reads = source === "stdin-line" || source === "lines";
  if (reads && args.has("repeat")) throw new ArgumentError(`--repeat cannot be combined with --${source}`);
  if (args.has("repeat-delay") && !args.has("repeat")) throw new ArgumentError("--repeat-delay requires --repeat");
  const text = args.text("repeat-delay") ?? "0";
  if (!/^\d+(\.\d+)?$/.test(text) || Number(text) > 2_147_483)
    throw new ArgumentError(`--repeat-delay ${text}: must be a number of seconds, at most 2147483`);
  return { count: args.integer("repeat", 1, 1, Number.MAX_SAFE_INTEGER), delay: Number(text) * 1_000 };
}
