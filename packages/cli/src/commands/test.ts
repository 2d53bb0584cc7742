/** `mqtt_test`: publishes on one topic each second and prints what arrives on another, until "quit" arrives there. */

import { assertTopicFilter, assertTopicName } from "@aiko/mqtt/topic";
import type { Arguments, OptionTable } from "../arguments.js";
import type { Command } from "../command.js";
import { connectionOptions, targetOf } from "../connection-options.js";
import { withClient } from "../live-client.js";
import { messageLine } from "../message-line.js";
import type { Terminal } from "../terminal.js";

const options = {
  topic_s: { letters: "s", value: "TOPIC", help: "topic filter to subscribe to (default: test/2)" },
  topic_p: { letters: "t", value: "TOPIC", help: "topic to publish to (default: test/1)" },
  ...connectionOptions,
} satisfies OptionTable;

/** In milliseconds. */
const PERIOD = 1_000;

export const test: Command = {
  usage: "[options] [HOST]",
  summary: 'Publishes a message each second and prints received messages. Exits when it receives "quit".',
  options,
  operands: 1,
  async run(args: Arguments<keyof typeof options>, terminal: Terminal): Promise<void> {
    const published = args.text("topic_p") ?? "test/1";
    const subscribed = args.text("topic_s") ?? "test/2";
    const target = targetOf(args, terminal.environment, "mqttTest", args.operands[0]);
    assertTopicName(published);
    assertTopicFilter(subscribed);
    await withClient(target, terminal, args.has("debug"), async (client) => {
      let timer: NodeJS.Timeout | undefined;
      try {
        await new Promise<void>((resolve, reject) => {
          const subscription = client.subscribe(subscribed, {
            onMessage(message) {
              const printed = terminal.print(messageLine(message, terminal.hasScreen));
              if (message.text() === "quit") resolve();
              return printed;
            },
          });
          const publish = () => {
            // Skipped while offline: the message is only useful now.
            if (client.connected) client.publish(published, "test message").catch(reject);
          };
          subscription.then(() => {
            publish();
            timer = setInterval(publish, PERIOD);
          }, reject);
        });
      } finally {
        clearInterval(timer);
      }
    });
  },
};
