/** `aiko-mqtt sn-pub`: publishes messages through an MQTT-SN gateway. */

import type { SnClient, SnTopic } from "@aiko/mqtt-gateway/sn";
import { ArgumentError, type Arguments, type OptionTable } from "../arguments.js";
import { type Command, CommandError } from "../command.js";
import { withReasonCodes } from "../shell/exit-code.js";
import { linesOf, standardInput } from "../shell/input-lines.js";
import { chosenOf, payloadFrom, payloadOptions } from "../shell/payload-source.js";
import { TIMED_OUT, withinTimeout } from "../shell/timeout.js";
import { fired, type Terminal } from "../terminal.js";
import { snClientOf, snOptions, snTopicsOf } from "./sn-options.js";

const options = {
  topic: { letters: "t", value: "TOPIC", help: "topic to publish to" },
  ...payloadOptions,
  "stdin-line": { letters: "l", help: "publish each line of standard input as a message" },
  qos: {
    letters: "q",
    value: "QOS",
    help: "QoS: -1, 0, 1 or 2 (default: 0); -1 needs no session, and --predefined or --short",
    literal: true,
  },
  retain: { letters: "r", help: "make the server retain the message for later subscribers" },
  timeout: { letters: "W", value: "SECONDS", help: `give up after SECONDS, with exit code ${TIMED_OUT}` },
  ...snOptions,
} satisfies OptionTable;

type Option = keyof typeof options;

/** The options of which one says what is published. */
const sources = ["message", "file", "stdin-line", "stdin-file", "null-message"] as const;
const qualities = { "-1": -1, "0": 0, "1": 1, "2": 2 } as const;

interface Publication {
  readonly qos: -1 | 0 | 1 | 2;
  readonly retain: boolean;
}

export const snPub: Command = {
  usage: "[options] {-t TOPIC | --predefined ID} {-m MESSAGE | -f FILE | -l | -n | -s}",
  summary: "Publishes messages through an MQTT-SN gateway over UDP, waits for their outcome and exits.",
  options,
  examples: [
    "-t kitchen/light -m on -q 1",
    "--predefined 7 -m 21.5 -q -1",
    "-h gateway.example -t k1 --short -l < readings",
  ],
  async run(args: Arguments<Option>, terminal: Terminal): Promise<void> {
    const source = chosenOf(args, sources);
    const [topic, another] = snTopicsOf(args);
    if (topic === undefined || another !== undefined) throw new ArgumentError("pass one of --topic and --predefined");
    const publication = { qos: args.choice("qos", qualities, 0), retain: args.has("retain") };
    const payload = source === "stdin-line" ? undefined : await payloadFrom(source, args);
    await withReasonCodes(() =>
      withinTimeout(args, terminal, async (limited) => {
        const client = snClientOf(args, limited, { reconnect: false });
        const interrupted = fired(limited.interrupted).then(() => {
          throw new CommandError("interrupted before the outcome was known");
        });
        interrupted.catch(() => undefined); // the race below reports it, if it is still running
        try {
          await Promise.race([publish(client, topic, payload, publication), interrupted]);
        } finally {
          await client.disconnect();
        }
      }),
    );
  },
};

/** @param payload undefined: each line of standard input */
async function publish(
  client: SnClient,
  topic: SnTopic,
  payload: string | Uint8Array | undefined,
  publication: Publication,
): Promise<void> {
  if (publication.qos >= 0) await client.connect();
  if (payload !== undefined) {
    await client.publish(topic, payload, publication);
    return;
  }
  // One after the other: a client of MQTT-SN has one exchange at a time.
  for await (const lines of linesOf(standardInput())) {
    for (const line of lines) await client.publish(topic, line, publication);
  }
}
