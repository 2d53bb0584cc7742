/** `aiko-mqtt broker`: the embedded broker as a process of its own. */

import { Broker } from "@aiko/mqtt-broker";
import { ArgumentError, type Arguments, type OptionTable } from "../arguments.js";
import { reportEvents } from "../broker-lines.js";
import type { Command } from "../command.js";
import { assertHost, inUrl } from "../host.js";
import { fired, type Terminal } from "../terminal.js";

const options = {
  host: { letters: "hH", value: "HOST", help: "the address to listen on; default 127.0.0.1: this machine only" },
  port: { letters: "p", value: "PORT", help: "default 1883; 0: any that is free" },
  "websocket-port": { value: "PORT", help: "take WebSockets at this port too; 0: any that is free" },
  "allowed-origin": {
    value: "ORIGIN",
    help: "let web pages of another host connect, as in https://app.example",
    repeats: true,
  },
  unix: { value: "PATH", help: "listen at a Unix socket instead of --port" },
  verbose: { letters: "v", help: "write a line to standard error for each event of a client" },
} satisfies OptionTable;

const LARGEST_PORT = 65_535;
const THIS_MACHINE = /^(127(\.\d+){3}|::1|localhost)$/i;
const EVERYWHERE = /^(0|0\.0\.0\.0|::0?)$/;

export const broker: Command = {
  usage: "[options]",
  summary: "Runs the embedded broker until it is interrupted; the first line it prints says where it listens.",
  options,
  async run(args: Arguments<keyof typeof options>, terminal: Terminal): Promise<void> {
    const host = args.text("host") ?? "127.0.0.1";
    assertHost(host);
    const port = args.integer("port", 1883, 0, LARGEST_PORT);
    const path = args.text("unix");
    const hasWebSockets = args.has("websocket-port");
    if (path !== undefined && args.has("port")) throw new ArgumentError("option --unix: give it without --port");
    if (path !== undefined && args.has("host") && !hasWebSockets)
      throw new ArgumentError("option --unix: give it without --host");
    const allowedOrigins = args.all("allowed-origin");
    if (allowedOrigins.length > 0 && !hasWebSockets)
      throw new ArgumentError("option --allowed-origin: needs --websocket-port");
    const at = inUrl(host);
    const listeners = [{ url: path === undefined ? `mqtt://${at}:${port}` : `unix:${path}` }];
    if (hasWebSockets) listeners.push({ url: `ws://${at}:${args.integer("websocket-port", 0, 0, LARGEST_PORT)}` });
    const server = await Broker.listen({ listeners, allowedOrigins });
    try {
      if (args.has("verbose")) reportEvents(server, (line) => terminal.note(line));
      for (const url of server.urls) await terminal.print(`listening on ${withHost(url, host)}\n`);
      const isOpen = path === undefined || hasWebSockets;
      if (isOpen && !THIS_MACHINE.test(host)) terminal.note(`${reachOf(host)}, and nobody is asked for a password`);
      await fired(terminal.stop);
    } finally {
      await server.close();
    }
  },
};

/** The broker's URLs are for clients on this machine. Here they say where it listens. */
function withHost(url: string, host: string): string {
  return url.replace(/^(wss?|mqtts?):\/\/.*(?=:\d+$)/, (_, scheme: string) => `${scheme}://${inUrl(host)}`);
}

function reachOf(host: string): string {
  return EVERYWHERE.test(host)
    ? `${host} is every address of this machine`
    : `${host} may be reached from other machines`;
}
