/** `aiko-mqtt rr`: publishes a request and prints the first response, with the options of mosquitto_rr. */

import { type Message, type MessageProperties, platform, type QoS } from "@aiko/mqtt";
import { assertTopicFilter, assertTopicName } from "@aiko/mqtt/topic";
import type { Arguments, OptionTable } from "../arguments.js";
import type { Command } from "../command.js";
import { qualities } from "../connection-options.js";
import { withClient } from "../live-client.js";
import { fired, type Terminal } from "../terminal.js";
import { withDefaults } from "./default-options.js";
import { withReasonCodes } from "./exit-code.js";
import { chosenOf, type PayloadOption, payloadFrom, payloadOptions } from "./payload-source.js";
import { printerOf, printOptions } from "./print-options.js";
import { ReceivedIdentifiers } from "./received-identifiers.js";
import { type ShellOption, shellOf, shellOptions } from "./shell-options.js";
import { TIMED_OUT, withinTimeout } from "./timeout.js";

const options = {
  topic: { letters: "t", value: "TOPIC", help: "topic to publish the request to" },
  "response-topic": { letters: "e", value: "TOPIC", help: "topic on which the response arrives" },
  ...payloadOptions,
  qos: { letters: "q", value: "QOS", help: "QoS of the request and of the response: 0, 1 or 2 (default: 0)" },
  retain: { letters: "r", help: "retain the request" },
  "no-retained": { letters: "R", help: "ignore retained messages on the response topic" },
  timeout: { letters: "W", value: "SECONDS", help: `give up after SECONDS, with exit code ${TIMED_OUT}` },
  ...printOptions,
  ...shellOptions,
} satisfies OptionTable;

type Option = keyof typeof options;

export const rr: Command = withDefaults("rr", {
  usage: "[options] -t TOPIC -e TOPIC {-m MESSAGE | -f FILE | -n | -s}",
  summary: "Publishes a request, prints the first message on the response topic, and exits.",
  options,
  examples: ["-t lamp/state -e answers/1 -m '?' -W 2"],
  async run(args: Arguments<Option>, terminal: Terminal): Promise<void> {
    const shell = shellOf(args as Arguments<ShellOption>, terminal.environment, "mqttRr", ["publish", "subscribe"]);
    const topic = args.text("topic") ?? shell.urlTopic ?? args.required("topic");
    assertTopicName(topic);
    const responseTopic = args.required("response-topic");
    assertTopicFilter(responseTopic);
    const payload = await payloadFrom(chosenOf(args, Object.keys(payloadOptions) as PayloadOption[]), args);
    const qos = args.choice<QoS>("qos", qualities, 0);
    const properties = { ...shell.properties.publish, responseTopic } as MessageProperties;
    const printer = printerOf(args, terminal);
    await withReasonCodes(() =>
      withinTimeout(args as Arguments<ShellOption | "timeout">, terminal, (limited) =>
        withClient(shell.target, limited, args.has("debug"), async (client) => {
          const identifiers = new ReceivedIdentifiers(client);
          let answered: () => void = () => undefined;
          const response = new Promise<void>((resolve) => {
            answered = resolve;
          });
          const onMessage = (message: Message): Promise<void> | undefined => {
            const packetIdentifier = identifiers.next(message);
            if (message.retain && args.has("no-retained")) return undefined;
            const received = { at: platform.clock.now(), packetIdentifier, subscriptionIdentifier: undefined };
            const line = printer.print(message, received);
            answered();
            return line === undefined ? undefined : limited.print(line);
          };
          await client.subscribe(responseTopic, { qos, onMessage, properties: shell.properties.subscribe });
          const published = client.publish(topic, payload, { qos, retain: args.has("retain"), properties });
          await Promise.race([published.then(() => response), response, fired(limited.stop)]);
        }),
      ),
    );
  },
});
