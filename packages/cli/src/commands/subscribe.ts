/** `mqtt_subscribe`: prints what arrives until it is interrupted. */

import { assertTopicFilter } from "@aiko/mqtt/topic";
import type { Arguments, OptionTable } from "../arguments.js";
import type { Command } from "../command.js";
import { connectionOptions, qosOption, qualities, targetOf, willOf, willOptions } from "../connection-options.js";
import { withClient } from "../live-client.js";
import { messageLine } from "../message-line.js";
import { fired, type Terminal } from "../terminal.js";

const options = {
  topic: { letters: "t", value: "TOPIC", help: "topic filter to subscribe to (required)", repeats: true },
  qos: qosOption,
  keepalive: { letters: "k", value: "SECONDS", help: "keep-alive interval in seconds; 0 disables it (default: 60)" },
  ...connectionOptions,
  ...willOptions,
} satisfies OptionTable;

export const subscribe: Command = {
  usage: "[options] -t TOPIC",
  summary: "Prints received messages until it is interrupted. Reconnects automatically.",
  options,
  async run(args: Arguments<keyof typeof options>, terminal: Terminal): Promise<void> {
    args.required("topic");
    const topics = args.all("topic");
    const qos = args.choice<0 | 1 | 2>("qos", qualities, 0);
    const keepAlive = args.integer("keepalive", 60, 0, 65_535);
    const target = targetOf(args, terminal.environment, "mqttClient");
    for (const topic of topics) assertTopicFilter(topic);
    await withClient(
      { ...target, options: { ...target.options, ...willOf(args), keepAlive } },
      terminal,
      args.has("debug"),
      async (client) => {
        const subscription = await client.subscribe(topics, {
          qos,
          onMessage: (message) => terminal.print(messageLine(message, terminal.hasScreen)),
        });
        for (const { error } of subscription.granted) if (error) terminal.note(error.message);
        await terminal.watchReader?.();
        if (args.has("debug")) terminal.note(`debug: subscribed to ${topics.join(", ")}`);
        await fired(terminal.stop);
      },
    );
  },
};
