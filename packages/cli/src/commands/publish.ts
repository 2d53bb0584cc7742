/** `mqtt_publish`: publishes one message and ends. */

import { assertTopicName } from "@aiko/mqtt/topic";
import { payloadOf } from "../argument-bytes.js";
import type { Arguments, OptionTable } from "../arguments.js";
import { type Command, CommandError } from "../command.js";
import { connectionOptions, qosOption, qualities, targetOf, willOf, willOptions } from "../connection-options.js";
import { withClient } from "../live-client.js";
import type { Terminal } from "../terminal.js";

const options = {
  topic: { letters: "t", value: "TOPIC", help: "topic to publish to (required)" },
  message: { letters: "m", value: "MESSAGE", help: "message to publish (required)", literal: true, mayBeEmpty: true },
  qos: qosOption,
  retain: { letters: "r", help: "make the server retain the message for later subscribers" },
  ...connectionOptions,
  ...willOptions,
} satisfies OptionTable;

/** Milliseconds that the server may take to acknowledge. */
const OUTCOME_TIMEOUT = 20_000;

export const publish: Command = {
  usage: "[options] -t TOPIC -m MESSAGE",
  summary: "Publishes one message, waits for the outcome and exits.",
  options,
  async run(args: Arguments<keyof typeof options>, terminal: Terminal): Promise<void> {
    const topic = args.required("topic");
    const message = args.required("message");
    const qos = args.choice<0 | 1 | 2>("qos", qualities, 0);
    const target = targetOf(args, terminal.environment, "mqttClient");
    const connectOptions = { ...target.options, ...willOf(args), reconnect: false } as const;
    assertTopicName(topic);
    await withClient(
      { ...target, options: connectOptions },
      terminal,
      args.has("debug"),
      async (client) => {
        const published = client.publish(topic, payloadOf(message), { qos, retain: args.has("retain") });
        const { reasonCode } = await Promise.race([published, outcomeTimeout()]);
        if (args.has("debug")) terminal.note(`debug: published, reason code ${reasonCode}`);
      },
      "interrupted before the outcome was known",
    );
  },
};

function outcomeTimeout(): Promise<never> {
  return new Promise((_, reject) => {
    const late = () => reject(new CommandError(`the server did not acknowledge within ${OUTCOME_TIMEOUT / 1000} s`));
    setTimeout(late, OUTCOME_TIMEOUT).unref();
  });
}
