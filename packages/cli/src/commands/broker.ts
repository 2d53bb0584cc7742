/** `aiko-mqtt broker`: the embedded broker as a process of its own. */

import { Broker } from "@aiko/mqtt-broker";
import type { Arguments, OptionTable } from "../arguments.js";
import type { Command } from "../command.js";
import { fired, type Terminal } from "../terminal.js";

const options = {
  host: { letters: "hH", value: "HOST", help: "the address to listen on; default 127.0.0.1: this machine only" },
  port: { letters: "p", value: "PORT", help: "default 1883; 0: any that is free" },
} satisfies OptionTable;

export const broker: Command = {
  usage: "[options]",
  summary: "Runs the embedded broker until it is interrupted; the first line it prints says where it listens.",
  options,
  async run(args: Arguments<keyof typeof options>, terminal: Terminal): Promise<void> {
    const host = args.text("host") ?? "127.0.0.1";
    const port = args.integer("port", 1883, 0, 65_535);
    const server = await Broker.listen({ host, port });
    try {
      await terminal.print(`listening on ${server.url}\n`);
      await fired(terminal.stop);
    } finally {
      await server.close();
    }
  },
};
