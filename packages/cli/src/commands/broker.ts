/** `aiko-mqtt broker`: runs the embedded broker as a separate process. */

import { Broker } from "@aiko/mqtt-broker";
import { ArgumentError, type Arguments, type OptionTable } from "../arguments.js";
import { reportEvents } from "../broker-lines.js";
import type { Command } from "../command.js";
import { assertHost, inUrl } from "../host.js";
import { fired, type Terminal } from "../terminal.js";

const options = {
  host: { letters: "hH", value: "HOST", help: "address to listen on (default: 127.0.0.1, this machine only)" },
  port: { letters: "p", value: "PORT", help: "port to listen on; 0 picks a free port (default: 1883)" },
  "websocket-port": { value: "PORT", help: "also accept WebSocket connections on this port; 0 picks a free port" },
  "allowed-origin": {
    value: "ORIGIN",
    help: "allow WebSocket connections from web pages of this origin, as in https://app.example",
    repeats: true,
  },
  unix: { value: "PATH", help: "listen on a Unix socket instead of a port" },
  verbose: { letters: "v", help: "log client events to stderr" },
} satisfies OptionTable;

const LARGEST_PORT = 65_535;
const THIS_MACHINE = /^(127(\.\d+){3}|::1|localhost)$/i;
const EVERYWHERE = /^(0|0\.0\.0\.0|::0?)$/;

export const broker: Command = {
  usage: "[options]",
  summary:
    "Runs the embedded broker until it is interrupted. Prints the URLs that it listens on. SIGUSR1 prints the statistics.",
  options,
  async run(args: Arguments<keyof typeof options>, terminal: Terminal): Promise<void> {
    const host = args.text("host") ?? "127.0.0.1";
    assertHost(host);
    const port = args.integer("port", 1883, 0, LARGEST_PORT);
    const path = args.text("unix");
    const hasWebSockets = args.has("websocket-port");
    if (path !== undefined && args.has("port")) throw new ArgumentError("--unix cannot be combined with --port");
    if (path !== undefined && args.has("host") && !hasWebSockets)
      throw new ArgumentError("--unix cannot be combined with --host");
    const allowedOrigins = args.all("allowed-origin");
    if (allowedOrigins.length > 0 && !hasWebSockets)
      throw new ArgumentError("--allowed-origin requires --websocket-port");
    const at = inUrl(host);
    const listeners = [{ url: path === undefined ? `mqtt://${at}:${port}` : `unix:${path}` }];
    if (hasWebSockets) listeners.push({ url: `ws://${at}:${args.integer("websocket-port", 0, 0, LARGEST_PORT)}` });
    surviveSignals(terminal);
    const server = await Broker.listen({ listeners, allowedOrigins });
    // Without a listener, Node would open its debugger.
    process.on("SIGUSR1", () => terminal.note(JSON.stringify(server.statistics)));
    try {
      if (args.has("verbose")) reportEvents(server, (line) => terminal.note(line));
      for (const url of server.urls) await terminal.print(`listening on ${withHost(url, host)}\n`);
      const isOpen = path === undefined || hasWebSockets;
      if (isOpen && !THIS_MACHINE.test(host))
        terminal.note(`warning: ${reachOf(host)}, and the broker does not require a password`);
      await fired(terminal.stop);
    } finally {
      await server.close();
    }
  },
};

/**
 * Signals that ask a server to reload do not end it. If SIGHUP comes because the terminal is closed, the note cannot be
 * written, and the command ends.
 */
function surviveSignals(terminal: Terminal): void {
  terminal.onHangup(() => terminal.note("SIGHUP: there is no configuration file to reload"));
  process.on("SIGUSR2", () => terminal.note("SIGUSR2: has no effect"));
}

/** Replaces the host of a URL. The broker's URLs are for clients on this machine; here they show where it listens. */
function withHost(url: string, host: string): string {
  return url.replace(/^(wss?|mqtts?):\/\/.*(?=:\d+$)/, (_, scheme: string) => `${scheme}://${inUrl(host)}`);
}

function reachOf(host: string): string {
  return EVERYWHERE.test(host)
    ? `${host} means every address of this machine`
    : `${host} may be reachable from other machines`;
}
